//! Figures of the kernel about the server process.

use std::fs;

#[derive(Clone, Copy, Default)]
pub struct Cpu {
    /// All threads, living and ended, in seconds.
    pub total: f64,
    /// The living threads, by the scheduler's clock.
    pub living: Option<f64>,
    pub user: f64,
    pub sys: f64,
    /// The thread whose id is the process id: node's event loop.
    pub main: f64,
    /// The part of it in the kernel, which the kernel samples.
    pub main_sys: f64,
}

fn tick() -> f64 {
    // SAFETY: a plain call, no memory is passed.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) as f64 }
}

fn user_sys(path: &str) -> Option<(f64, f64)> {
    let s = fs::read_to_string(path).ok()?;
    let rest = &s[s.rfind(')')? + 2..];
    let mut f = rest.split(' ').skip(11);
    let u: f64 = f.next()?.parse().ok()?;
    let k: f64 = f.next()?.parse().ok()?;
    Some((u / tick(), k / tick()))
}

/// Seconds a thread has run, by the scheduler's clock, which is finer than ticks of 10 ms.
fn thread_seconds(pid: u32, id: u32) -> Option<f64> {
    let s = fs::read_to_string(format!("/proc/{pid}/task/{id}/schedstat")).ok()?;
    let ns: f64 = s.split_whitespace().next()?.parse().ok()?;
    (ns > 0.0).then_some(ns / 1e9)
}

pub fn cpu(pid: u32) -> Cpu {
    let (user, sys) = user_sys(&format!("/proc/{pid}/stat")).unwrap_or((0.0, 0.0));
    let (mu, ms) = user_sys(&format!("/proc/{pid}/task/{pid}/stat")).unwrap_or((0.0, 0.0));
    let main = thread_seconds(pid, pid);
    Cpu {
        total: user + sys,
        living: main.map(|_| {
            let ids = thread_ids(pid).into_iter();
            ids.filter_map(|id| thread_seconds(pid, id)).sum()
        }),
        user,
        sys,
        main: main.unwrap_or(mu + ms),
        main_sys: ms,
    }
}

/// How far the two clocks may be apart while no thread has ended.
const TICKS: f64 = 0.03;

impl Cpu {
    pub fn since(&self, before: &Cpu) -> Cpu {
        let total = self.total - before.total;
        let living = self.living.zip(before.living).map(|(now, then)| now - then);
        Cpu {
            total: living
                .filter(|fine| (fine - total).abs() < TICKS)
                .unwrap_or(total),
            living,
            user: self.user - before.user,
            sys: self.sys - before.sys,
            main: self.main - before.main,
            main_sys: self.main_sys - before.main_sys,
        }
    }
}

fn thread_ids(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// The time of one thread, in seconds. The kernel samples how it divides between user and system.
pub struct Thread {
    pub id: u32,
    /// `main`, or the name the thread has given itself.
    pub name: String,
    pub user: f64,
    pub sys: f64,
}

/// The living threads of a process.
pub fn threads(pid: u32) -> Vec<Thread> {
    let ids = thread_ids(pid).into_iter();
    ids.filter_map(|id| {
        let task = format!("/proc/{pid}/task/{id}");
        let (user, sys) = user_sys(&format!("{task}/stat"))?;
        let name = if id == pid {
            "main".to_string()
        } else {
            let comm = fs::read_to_string(format!("{task}/comm")).ok()?;
            comm.trim_end().to_string()
        };
        Some(Thread {
            id,
            name,
            user,
            sys,
        })
    })
    .collect()
}

/// Resident set in bytes, now and at its highest.
pub fn rss(pid: u32) -> (u64, u64) {
    let s = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kb = |name: &str| {
        s.lines()
            .find(|l| l.starts_with(name))
            .and_then(|l| l.split_whitespace().nth(1))
            .and_then(|v| v.parse::<u64>().ok())
            .unwrap_or(0)
    };
    (kb("VmRSS:") * 1024, kb("VmHWM:") * 1024)
}

/// Seconds that all cores of the machine were busy, stolen time included.
pub fn machine_busy() -> f64 {
    let s = fs::read_to_string("/proc/stat").unwrap_or_default();
    let f: Vec<f64> = s
        .lines()
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(1)
        .map(|v| v.parse().unwrap_or(0.0))
        .collect();
    // user nice system idle iowait irq softirq steal
    [0, 1, 2, 5, 6, 7]
        .iter()
        .map(|i| f.get(*i).copied().unwrap_or(0.0))
        .sum::<f64>()
        / tick()
}

/// This process's own CPU seconds.
pub fn own_cpu() -> f64 {
    // SAFETY: `u` is a valid rusage on this stack.
    unsafe {
        let mut u: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut u);
        let t = |v: libc::timeval| v.tv_sec as f64 + v.tv_usec as f64 / 1e6;
        t(u.ru_utime) + t(u.ru_stime)
    }
}
