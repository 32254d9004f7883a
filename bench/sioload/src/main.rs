//! `sioload`: drives one Socket.IO server on loopback through one scenario and prints one JSON
//! object about it.

mod hist;
mod load;
mod net;
mod procfs;
mod report;
mod scenario;
mod script;
mod tls;
mod wire;

use report::Out;
use std::collections::HashMap;

const USAGE: &str = "sioload --addr 127.0.0.1:PORT --pid PID --scenario NAME [options]
scenarios: idle echo ack binary deflate flood broadcast room polling pollhs
  --conns N        connections                     (100; idle 5000; broadcast and room 1000)
  --depth D        operations in flight per connection, 1 to 16            (1)
  --payload P      payload bytes, or 'json' for a nested object            (32)
  --mode M         websocket | upgrade | polling | raw                     (websocket)
  --tls 1          the server speaks TLS; its certificate is not checked
  --concurrency N  connections being opened at once                        (200)
  --held N         idle only: connections that are open before the clock starts  (0)
  --count M        emits per burst                                         (20)
  --rooms R        rooms                                                   (100)
  --warm S         seconds before the clock starts                         (1)
  --secs S         seconds on the clock, 60 at most                        (2)
  --nap US         microseconds between looks at the sockets; 0 blocks       (100)
  --rate R         echo only: R messages a second by the clock, not as answers come";

pub struct Args(HashMap<String, String>);

impl Args {
    fn read() -> Result<Args, String> {
        let mut map = HashMap::new();
        let mut it = std::env::args().skip(1);
        while let Some(k) = it.next() {
            let k = k.strip_prefix("--").ok_or(USAGE)?.to_string();
            if k == "help" {
                return Err(USAGE.into());
            }
            map.insert(k, it.next().ok_or(USAGE)?);
        }
        Ok(Args(map))
    }

    pub fn text(&self, k: &str, default: &str) -> String {
        self.0
            .get(k)
            .cloned()
            .unwrap_or_else(|| default.to_string())
    }

    pub fn num<T: std::str::FromStr>(&self, k: &str, default: T) -> Result<T, String> {
        match self.0.get(k) {
            None => Ok(default),
            Some(v) => v.parse().map_err(|_| format!("--{k}: not a number: {v}")),
        }
    }
}

fn main() {
    let args = match Args::read() {
        Ok(a) => a,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(2);
        }
    };
    let mut out = Out::default();
    let result = scenario::run(&args, &mut out);
    if let Err(e) = &result {
        out.text("error", e);
    }
    println!("{{{}}}", out.0);
    if result.is_err() {
        std::process::exit(1);
    }
}
