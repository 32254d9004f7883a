//! The scenarios: what is set up, what the clock covers, what has to hold at the end.

use crate::load::{App, Load, Mode, VARIANTS};
use crate::report::{Mark, Out, mark, only_arg, report_latency, report_span};
use crate::{Args, USAGE, net, procfs, script, tls, wire};
use std::net::SocketAddrV4;

/// One run as the command line asks for it.
struct Plan {
    scenario: String,
    pid: u32,
    mode: Mode,
    conns: usize,
    concurrency: usize,
    held: usize,
    depth: usize,
    payload: String,
    count: u64,
    rooms: u64,
    warm: f64,
    secs: f64,
    rate: f64,
}

impl Plan {
    fn read(a: &Args) -> Result<Plan, String> {
        let scenario = a.text("scenario", "");
        let mode = match (a.text("mode", "websocket").as_str(), scenario.as_str()) {
            ("raw", _) => Mode::Raw,
            ("upgrade", _) => Mode::Upgrade,
            ("polling", _) => Mode::Polling,
            (_, "polling" | "pollhs") => Mode::Polling,
            _ => Mode::WebSocket,
        };
        let conns = match scenario.as_str() {
            "idle" => 5000,
            "broadcast" | "room" => 1000,
            _ => 100,
        };
        let payload = if scenario == "deflate" { "4096" } else { "32" };
        Ok(Plan {
            pid: a.num("pid", 0)?,
            mode,
            conns: a.num("conns", conns)?,
            concurrency: a.num("concurrency", 200)?,
            held: a.num("held", 0)?,
            depth: a.num::<usize>("depth", 1)?.clamp(1, VARIANTS),
            payload: a.text("payload", payload),
            count: a.num("count", 20)?,
            rooms: a.num("rooms", 100)?,
            warm: a.num::<f64>("warm", 1.0)?.clamp(0.0, 60.0),
            secs: a.num::<f64>("secs", 2.0)?.clamp(0.1, 60.0),
            rate: a.num("rate", 0.0)?,
            scenario,
        })
    }

    fn is_burst(&self) -> bool {
        matches!(self.scenario.as_str(), "broadcast" | "room")
    }

    /// Descriptors needed: a polling client and an upgrade hold up to three sockets at once.
    fn descriptors(&self) -> u64 {
        let each = match self.mode {
            Mode::Polling | Mode::Upgrade => 3,
            _ => 1,
        };
        each * self.conns as u64 + self.held as u64 + 50
    }
}

/// Runs one scenario and collects its figures; an error is whatever makes them worthless.
pub fn run(a: &Args, out: &mut Out) -> Result<(), String> {
    let p = Plan::read(a)?;
    let addr: SocketAddrV4 = a.text("addr", "").parse().map_err(|_| USAGE.to_string())?;
    if !addr.ip().is_loopback() {
        return Err("only loopback addresses are driven".into());
    }
    let limit = net::raise_fd_limit();
    if limit < p.descriptors() {
        return Err(format!(
            "{} descriptors wanted, {limit} allowed: raise the hard limit (ulimit -Hn)",
            p.descriptors()
        ));
    }
    net::fine_timers();
    let mut l = Load::new(addr, &a.text("path", "/socket.io/")).map_err(|e| e.to_string())?;
    l.nap_us = a.num("nap", 100u64)?.min(10_000);
    if a.text("tls", "0") == "1" {
        l.tls = Some(tls::Connector::new()?);
    }
    l.deflate = p.scenario == "deflate";
    out.text("scenario", &p.scenario);
    out.num("conns", p.conns as f64);
    if p.mode != Mode::Raw {
        l.connect_control()?;
    }
    if p.scenario == "idle" {
        return idle(&mut l, &p, out);
    }
    out.num("depth", p.depth as f64);
    out.text("payload", &p.payload);
    set_up(&mut l, &p)?;
    let (from, to) = on_the_clock(&mut l, &p, out)?;
    l.drain(20.0);
    out.num("errors", l.errors as f64);
    l.verdict()?;
    check_totals(&mut l, &p)?;
    if to.ops == from.ops {
        return Err("no operation was completed".into());
    }
    Ok(())
}

/// Connects the clients and puts the first operations in flight.
fn set_up(l: &mut Load, p: &Plan) -> Result<(), String> {
    match p.scenario.as_str() {
        "echo" | "ack" | "binary" | "deflate" | "polling" | "flood" => {
            script::build(l, &p.scenario, &p.payload, p.mode == Mode::Polling)?;
            l.connect_many(p.conns, p.mode, p.concurrency, 60.0)?;
            l.paced = p.rate > 0.0;
            let (app, depth) = match p.scenario.as_str() {
                "flood" => (App::Flood, p.depth.max(2)),
                "polling" => (App::Echo, 1),
                _ => (App::Echo, p.depth),
            };
            l.app = app;
            l.start(if l.paced { 0 } else { depth });
        }
        "broadcast" | "room" => {
            let (count, rooms, kind) = (p.count, p.rooms, &p.payload);
            let bytes = kind
                .parse()
                .map_err(|_| "broadcasts want --payload BYTES")?;
            let delivery = format!("42[\"b\",\"{}\"]", "x".repeat(bytes)).into_bytes();
            l.connect_many(p.conns, p.mode, p.concurrency, 60.0)?;
            if p.scenario == "room" {
                if rooms == 0 || !count.is_multiple_of(rooms) {
                    return Err("--count must be a multiple of --rooms".into());
                }
                l.join_rooms(rooms)?;
                let event = format!("42[\"roomburst\",{count},{kind},{rooms}]");
                l.set_burst(&event, count / rooms, false, delivery);
            } else {
                let event = format!("42[\"burst\",{count},{kind}]");
                l.set_burst(&event, count, true, delivery);
            }
            l.app = App::Burst;
            l.start(1);
        }
        "pollhs" => {
            l.app = App::PollHandshake;
            l.start_handshakes(p.conns);
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

/// Warms the server up, then measures it for as long as the plan says.
fn on_the_clock(l: &mut Load, p: &Plan, out: &mut Out) -> Result<(Mark, Mark), String> {
    let mut next = 0;
    let mut go = |l: &mut Load, secs: f64| {
        if l.paced {
            l.pace_for(secs, p.rate, &mut next);
        } else {
            l.pump_for(secs);
        }
    };
    go(l, p.warm);
    if p.is_burst() {
        // Asked while bursts run, so that the server's own figures start with the clock.
        l.ask("[\"watch\"]")?;
    }
    l.lat.clear();
    l.recording = true;
    let from = mark(p.pid, l);
    go(l, p.secs);
    let to = mark(p.pid, l);
    l.recording = false;
    report_span(out, &from, &to, (to.ops - from.ops) as f64);
    report_latency(out, &l.lat);
    let (now, hwm) = procfs::rss(p.pid);
    out.num("rss_mb", now as f64 / 1048576.0);
    out.num("hwm_mb", hwm as f64 / 1048576.0);
    if p.is_burst() {
        out.raw("server_stats", only_arg(&l.ask("[\"stats\"]")?));
    }
    if l.paced {
        out.num("skipped", l.skipped as f64);
    }
    Ok((from, to))
}

/// The faults that single answers do not show: messages the server lost, answers it did not compress.
fn check_totals(l: &mut Load, p: &Plan) -> Result<(), String> {
    if p.scenario == "flood" {
        let stats = l.ask("[\"stats\"]")?;
        if wire::json_u64(&stats, "in") != Some(l.sent) {
            return Err(format!(
                "sent {} messages, the server counted {stats}",
                l.sent
            ));
        }
    }
    if p.scenario == "deflate" && l.compressed < l.ops {
        return Err(format!(
            "only {} of {} answers were compressed",
            l.compressed, l.ops
        ));
    }
    Ok(())
}

/// Opens connections, leaves them alone, and reports what one costs to open, hold and close.
fn idle(l: &mut Load, p: &Plan, out: &mut Out) -> Result<(), String> {
    let (n, conc, mode, pid) = (p.conns, p.concurrency, p.mode, p.pid);
    l.connect_control()?;
    // Warm the server's code with a small storm, then let it forget those connections.
    l.connect_many(n.min(300), mode, conc, 60.0)?;
    l.close_all();
    l.pump_for(1.0);
    l.connect_many(p.held, Mode::WebSocket, conc, 120.0)?;
    l.ask("[\"gc\"]")?;
    l.pump_for(0.3);
    l.connect_lat.clear();
    let (base, _) = procfs::rss(pid);
    let m0 = mark(pid, l);
    l.connect_many(n, mode, conc, 120.0)?;
    let m1 = mark(pid, l);
    report_span(out, &m0, &m1, n as f64);
    report_latency(out, &l.connect_lat);
    l.pump_for(2.0);
    let m2 = mark(pid, l);
    let (settled, hwm) = procfs::rss(pid);
    l.ask("[\"gc\"]")?;
    l.pump_for(0.5);
    let (collected, _) = procfs::rss(pid);
    let stats = l.ask("[\"stats\"]")?;
    let per = |r: u64| (r as f64 - base as f64) / n as f64;
    out.num(
        "settle_cpu_us_op",
        m2.cpu.since(&m1.cpu).total * 1e6 / n as f64,
    );
    out.num("rss_base_mb", base as f64 / 1048576.0);
    out.num("rss_mb", settled as f64 / 1048576.0);
    out.num("hwm_mb", hwm as f64 / 1048576.0);
    out.num("rss_per_conn", per(settled));
    out.num("rss_per_conn_gc", per(collected));
    out.raw("server_stats", only_arg(&stats));
    if wire::json_u64(&stats, "sockets") != Some((n + p.held) as u64 + 1) {
        return Err(format!(
            "the server does not count {} sockets: {stats}",
            n + p.held + 1
        ));
    }
    let m3 = mark(pid, l);
    l.close_all();
    l.pump_for(1.5);
    let m4 = mark(pid, l);
    out.num(
        "close_cpu_us_op",
        m4.cpu.since(&m3.cpu).total * 1e6 / n as f64,
    );
    l.verdict()
}
