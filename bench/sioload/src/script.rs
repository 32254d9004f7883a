//! The packets of one operation of each scenario, and the answers to it.

use crate::load::{Load, VARIANTS};
use crate::wire;

/// Messages of one flood batch, before its one acknowledged message.
const FLOOD_BATCH: usize = 64;

fn payload(kind: &str, rng: &mut wire::Rng, compressible: bool) -> Result<String, String> {
    if kind == "json" {
        return Ok(wire::json_payload(rng));
    }
    let n: usize = kind.parse().map_err(|_| format!("--payload: {kind}"))?;
    let text = if compressible {
        wire::compressible_payload(rng, n)
    } else {
        wire::ascii_payload(rng, n)
    };
    Ok(format!("\"{text}\""))
}

/// Builds what every operation of the scenario sends and must get back.
pub fn build(l: &mut Load, scenario: &str, kind: &str, polling: bool) -> Result<(), String> {
    let mut rng = wire::Rng(0x9e37_79b9_7f4a_7c15);
    for v in 0..VARIANTS {
        let (send, expect): (Vec<u8>, Vec<Vec<u8>>) = match scenario {
            "binary" => {
                let n: usize = kind.parse().map_err(|_| "binary wants --payload BYTES")?;
                let bytes: Vec<u8> = (0..n).map(|_| rng.next() as u8).collect();
                let text = b"451-[\"bin\",{\"_placeholder\":true,\"num\":0}]".to_vec();
                let mut send = wire::frame(wire::TEXT, false, &text);
                wire::push_frame(&mut send, wire::BINARY, false, &bytes);
                (send, vec![text, bytes])
            }
            "flood" => {
                let mut send = Vec::new();
                for k in 0..FLOOD_BATCH {
                    let t = format!("42[\"in\",\"m{}\",{}]", v, 12_345 + k * 17);
                    wire::push_frame(&mut send, wire::TEXT, false, t.as_bytes());
                }
                wire::push_frame(&mut send, wire::TEXT, false, b"421[\"inflush\"]");
                (send, vec![Vec::new()])
            }
            _ => {
                let p = payload(kind, &mut rng, scenario == "deflate")?;
                let (text, back) = if scenario == "ack" {
                    let id = 100_000 + v;
                    (format!("42{id}[\"ack\",{p}]"), format!("43{id}[{p}]"))
                } else {
                    let t = format!("42[\"echo\",{p}]");
                    (t.clone(), t)
                };
                let send = if polling {
                    text.into_bytes()
                } else if scenario == "deflate" {
                    wire::frame(wire::TEXT, true, &wire::deflate_message(text.as_bytes()))
                } else {
                    wire::frame(wire::TEXT, false, text.as_bytes())
                };
                (send, vec![back.into_bytes()])
            }
        };
        l.script.send.push(send);
        l.script.expect.push(expect);
    }
    l.script.weight = if scenario == "flood" {
        FLOOD_BATCH as u64
    } else {
        1
    };
    Ok(())
}
