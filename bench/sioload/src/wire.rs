//! Bytes on the wire: WebSocket frames, HTTP heads, message texts. No I/O here.

/// The mask is fixed but never zero: a server may skip unmasking for an all-zero key.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x9e];

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Appends one complete masked client frame.
pub fn push_frame(out: &mut Vec<u8>, opcode: u8, compressed: bool, payload: &[u8]) {
    out.push(0x80 | if compressed { 0x40 } else { 0 } | opcode);
    let n = payload.len();
    if n < 126 {
        out.push(0x80 | n as u8);
    } else if n < 65536 {
        out.push(0x80 | 126);
        out.extend_from_slice(&(n as u16).to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(n as u64).to_be_bytes());
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().enumerate().map(|(i, b)| b ^ MASK[i & 3]));
}

pub fn frame(opcode: u8, compressed: bool, payload: &[u8]) -> Vec<u8> {
    let mut v = Vec::with_capacity(payload.len() + 14);
    push_frame(&mut v, opcode, compressed, payload);
    v
}

/// `(first byte, payload offset, payload length)` of a complete unmasked server frame.
#[inline]
pub fn split_frame(b: &[u8]) -> Option<(u8, usize, usize)> {
    if b.len() < 2 {
        return None;
    }
    let (off, len) = match b[1] & 0x7f {
        126 => {
            if b.len() < 4 {
                return None;
            }
            (4, u16::from_be_bytes([b[2], b[3]]) as usize)
        }
        127 => {
            if b.len() < 10 {
                return None;
            }
            let n = b[2..10].iter().fold(0, |n, b| n << 8 | u64::from(*b));
            (10, n as usize)
        }
        n => (2, n as usize),
    };
    if b.len() - off < len {
        return None;
    }
    Some((b[0], off, len))
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

pub fn head_end(b: &[u8]) -> Option<usize> {
    find(b, b"\r\n\r\n").map(|i| i + 4)
}

pub struct Response {
    pub consumed: usize,
    pub status: u16,
    pub body: Vec<u8>,
}

/// One complete HTTP/1.1 response, by Content-Length or chunked.
pub fn split_response(b: &[u8]) -> Option<Response> {
    let end = head_end(b)?;
    let head = std::str::from_utf8(&b[..end]).unwrap_or("");
    let status = head.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0);
    let header = |name: &str| {
        head.lines().skip(1).find_map(|l| {
            let (k, v) = l.split_once(':')?;
            k.eq_ignore_ascii_case(name).then(|| v.trim())
        })
    };
    if let Some(n) = header("content-length").and_then(|v| v.parse::<usize>().ok()) {
        if b.len() < end + n {
            return None;
        }
        return Some(Response {
            consumed: end + n,
            status,
            body: b[end..end + n].to_vec(),
        });
    }
    if header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        let mut at = end;
        let mut body = Vec::new();
        loop {
            let line = find(&b[at..], b"\r\n")?;
            let size = std::str::from_utf8(&b[at..at + line]).ok()?;
            let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
            at += line + 2;
            if b.len() < at + size + 2 {
                return None;
            }
            body.extend_from_slice(&b[at..at + size]);
            at += size + 2;
            if size == 0 {
                return Some(Response {
                    consumed: at,
                    status,
                    body,
                });
            }
        }
    }
    Some(Response {
        consumed: end,
        status,
        body: Vec::new(),
    })
}

/// The headers a desktop browser would send, so that the server parses a head of a real size.
const BROWSER: &str = "Connection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
    Accept: */*\r\nAccept-Language: en-US,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n";

pub fn ws_request(host: &str, path: &str, deflate: bool) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Origin: http://{host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 \
         (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\nAccept-Language: en-US,en;q=0.9\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvbG9hZC1maXhlZC1rZQ==\r\n{}\r\n",
        if deflate {
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        } else {
            ""
        }
    )
    .into_bytes()
}

pub fn get_request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{BROWSER}\r\n").into_bytes()
}

pub fn post_request(host: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut v = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{BROWSER}Origin: http://{host}\r\n\
         Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    v.extend_from_slice(body);
    v
}

/// The value of a JSON string field that needs no unescaping, such as `sid`.
pub fn json_str<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = text.find(&format!("\"{key}\":\""))? + key.len() + 4;
    text[at..].split('"').next()
}

pub fn json_u64(text: &str, key: &str) -> Option<u64> {
    let at = text.find(&format!("\"{key}\":"))? + key.len() + 3;
    let digits: String = text[at..]
        .chars()
        .take_while(|c| c.is_ascii_digit())
        .collect();
    digits.parse().ok()
}

pub struct Rng(pub u64);
impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// `n` printable characters that JSON leaves as they are.
pub fn ascii_payload(rng: &mut Rng, n: usize) -> String {
    const SET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,";
    (0..n)
        .map(|_| SET[(rng.next() % SET.len() as u64) as usize] as char)
        .collect()
}

/// A nested object of about 300 bytes, its keys in alphabetical order and its numbers written the
/// way every JSON writer writes them, so that an honest parse-and-print gives the same bytes.
pub fn json_payload(rng: &mut Rng) -> String {
    format!(
        "{{\"channel\":\"room-{}\",\"id\":{},\"meta\":{{\"client\":\"web\",\"seen\":true,\"tags\":[\"a{}\",\"b\",null,false]}},\
         \"pos\":{{\"x\":{}.5,\"y\":-{}.25,\"z\":{}}},\"text\":\"{} \u{e9}\u{4e2d} \\\"quoted\\\" line\\n\",\"user\":{{\"name\":\"{}\",\"uid\":{}}}}}",
        rng.next() % 1000,
        rng.next() % 1_000_000_000,
        rng.next() % 10,
        rng.next() % 1000,
        1 + rng.next() % 999,
        rng.next() % 100_000,
        ascii_payload(rng, 80),
        ascii_payload(rng, 12),
        rng.next() % 10_000_000,
    )
}

/// Text that deflates about as well as a JSON document does.
pub fn compressible_payload(rng: &mut Rng, n: usize) -> String {
    let mut s = String::with_capacity(n + 80);
    while s.len() < n {
        s.push_str(&format!(
            "{{'id':{},'name':'user {}','online':{},'score':{}}},",
            rng.next() % 100_000,
            rng.next() % 1000,
            rng.next().is_multiple_of(2),
            rng.next() % 1000
        ));
    }
    s.truncate(n);
    s
}

/// Raw deflate of one message with a sync flush and its tail cut off (RFC 7692, 7.2.1). It refers
/// to no earlier message, so the same bytes are good at any point of a connection.
pub fn deflate_message(text: &[u8]) -> Vec<u8> {
    let mut c = flate2::Compress::new(flate2::Compression::new(6), false);
    let mut out = Vec::with_capacity(text.len() + 64);
    c.compress_vec(text, &mut out, flate2::FlushCompress::Sync)
        .expect("deflate");
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

/// Inflates one message into `out`; false if it is no whole message.
pub fn inflate_message(d: &mut flate2::Decompress, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let mut whole = |input: &[u8]| {
        let start = d.total_in();
        loop {
            out.reserve(32 * 1024);
            let at = (d.total_in() - start) as usize;
            let before = out.len();
            if d.decompress_vec(&input[at..], out, flate2::FlushDecompress::Sync)
                .is_err()
            {
                return false;
            }
            if (d.total_in() - start) as usize == input.len() && out.len() < out.capacity() {
                return true;
            }
            if (d.total_in() - start) as usize == at && out.len() == before {
                return false;
            }
        }
    };
    whole(bytes) && whole(&[0, 0, 0xff, 0xff])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip() {
        for n in [0usize, 1, 125, 126, 65535, 65536] {
            let p = vec![7u8; n];
            let mut f = frame(BINARY, false, &p);
            // Strip the mask by hand to get the shape of a server frame.
            f[1] &= 0x7f;
            let head = if n < 126 {
                2
            } else if n < 65536 {
                4
            } else {
                10
            };
            f.drain(head..head + 4);
            let (b0, off, len) = split_frame(&f).unwrap();
            assert_eq!((b0, off, len), (0x82, head, n));
            assert!(split_frame(&f[..f.len() - 1]).is_none() || n == 0);
        }
    }

    #[test]
    fn responses() {
        let r = split_response(b"HTTP/1.1 200 OK\r\ncontent-Length: 3\r\n\r\nabcREST").unwrap();
        assert_eq!(
            (r.status, r.body.as_slice(), r.consumed),
            (200, &b"abc"[..], 41)
        );
        let r = split_response(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        )
        .unwrap();
        assert_eq!(r.body, b"abc");
        assert!(split_response(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab").is_none());
    }

    #[test]
    fn deflate_round_trip() {
        let t = compressible_payload(&mut Rng(9), 4096);
        let z = deflate_message(t.as_bytes());
        assert!(z.len() < t.len() / 2);
        let mut d = flate2::Decompress::new(false);
        for _ in 0..3 {
            let mut out = Vec::new();
            assert!(inflate_message(&mut d, &z, &mut out));
            assert_eq!(out, t.as_bytes());
        }
    }
}
