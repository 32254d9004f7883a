//! The printed object: its fields, and what is measured of both processes between two moments.

use crate::hist::Hist;
use crate::load::Load;
use crate::{net, procfs};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Collects the fields of the printed object.
#[derive(Default)]
pub struct Out(pub String);

impl Out {
    pub fn num(&mut self, k: &str, v: f64) {
        let sep = if self.0.is_empty() { "" } else { "," };
        let v = if v.is_finite() { v } else { 0.0 };
        let _ = write!(self.0, "{sep}\"{k}\":{}", (v * 10_000.0).round() / 10_000.0);
    }
    pub fn text(&mut self, k: &str, v: &str) {
        let sep = if self.0.is_empty() { "" } else { "," };
        let v = v.replace('\\', "\\\\").replace('"', "\\\"");
        let v = v.replace(char::is_control, " ");
        let _ = write!(self.0, "{sep}\"{k}\":\"{v}\"");
    }
    pub fn raw(&mut self, k: &str, v: &str) {
        let sep = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{sep}\"{k}\":{v}");
    }
}

/// The clock, the server's CPU and this process's CPU at one moment.
pub struct Mark {
    pub ns: u64,
    pub cpu: procfs::Cpu,
    pub own: f64,
    pub busy: f64,
    pub ops: u64,
    pub threads: Vec<procfs::Thread>,
}

pub fn mark(pid: u32, l: &Load) -> Mark {
    Mark {
        ns: net::now_ns(),
        cpu: procfs::cpu(pid),
        own: procfs::own_cpu(),
        busy: procfs::machine_busy(),
        ops: l.ops,
        threads: procfs::threads(pid),
    }
}

pub fn report_span(out: &mut Out, a: &Mark, b: &Mark, ops: f64) {
    let wall = (b.ns - a.ns) as f64 / 1e9;
    let cpu = b.cpu.since(&a.cpu);
    let per = |s: f64| if ops > 0.0 { s * 1e6 / ops } else { 0.0 };
    out.num("ops", ops);
    out.num("wall_s", wall);
    // By the monotonic clock, which V8's profiles use too.
    out.raw("clock_us", &format!("[{},{}]", a.ns / 1000, b.ns / 1000));
    out.num("ops_s", ops / wall);
    out.num("cpu_s", cpu.total);
    out.num("cpu_us_op", per(cpu.total));
    out.num("user_us_op", per(cpu.user));
    out.num("sys_us_op", per(cpu.sys));
    out.num("main_us_op", per(cpu.main));
    out.num("main_sys_us_op", per(cpu.main_sys));
    report_threads(out, a, b, ops);
    out.num("server_util", cpu.total / wall);
    out.num("load_us_op", per(b.own - a.own));
    out.num("load_util", (b.own - a.own) / wall);
    // Cores that something else on the machine kept busy meanwhile: above 0.2 or so, distrust
    // the wall-clock figures.
    out.num(
        "other_util",
        (((b.busy - a.busy) - cpu.total - (b.own - a.own)) / wall).max(0.0),
    );
}

/// Per group of threads with one name: how many there are, and the time they took per operation.
fn report_threads(out: &mut Out, a: &Mark, b: &Mark, ops: f64) {
    let mut groups: BTreeMap<&str, (u64, f64, f64)> = BTreeMap::new();
    for t in &b.threads {
        let before = a.threads.iter().find(|x| x.id == t.id);
        let (user, sys) = before.map_or((0.0, 0.0), |x| (x.user, x.sys));
        let group = groups.entry(&t.name).or_default();
        group.0 += 1;
        group.1 += t.user - user;
        group.2 += t.sys - sys;
    }
    let mut all = Vec::new();
    for (name, (threads, user, sys)) in groups {
        if ops <= 0.0 || user + sys <= 0.0 {
            continue;
        }
        let mut one = Out::default();
        one.text("name", name);
        one.num("threads", threads as f64);
        one.num("user_us_op", user * 1e6 / ops);
        one.num("sys_us_op", sys * 1e6 / ops);
        all.push(format!("{{{}}}", one.0));
    }
    out.raw("threads", &format!("[{}]", all.join(",")));
}

pub fn report_latency(out: &mut Out, h: &Hist) {
    out.num("p50_us", h.quantile_us(0.5));
    out.num("p99_us", h.quantile_us(0.99));
    out.num("max_us", h.max_us());
}

/// Strips the array that an acknowledgement's only argument stands in.
pub fn only_arg(reply: &str) -> &str {
    reply
        .strip_prefix('[')
        .and_then(|r| r.strip_suffix(']'))
        .unwrap_or("null")
}
