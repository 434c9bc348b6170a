//! The page, in all its manners.

use std::{
    io::{self, Write},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use flate2::{Compression, write::GzEncoder};

use crate::settings::{Manner, Settings};

/// Answers one request at this age.
pub(crate) fn answer(to: &mut impl Write, settings: &Settings, age: f64) -> io::Result<()> {
    let manner = if age >= settings.after { settings.manner } else { Manner::Fine };
    match manner {
        Manner::Fine => page(to, metrics(settings, age).as_bytes()),
        Manner::Absent => page(to, b"target_other 1\n"),
        Manner::Churn => page(to, churned(age).as_bytes()),
        Manner::Line => page(to, &vec![b'x'; 10 << 20]),
        Manner::Million => page(to, &b"x 1\n".repeat(1 << 20)),
        Manner::Nan | Manner::Past | Manner::Future | Manner::Falling | Manner::Retyped => {
            page(to, changed(&metrics(settings, age), manner, age).as_bytes())
        }
        Manner::Html => whole(to, "200 OK", "text/html", b"<html><body>welcome</body></html>\n"),
        Manner::Broken => whole(to, "500 Internal Server Error", "text/plain", b"target_level 1\n"),
        Manner::Redirect => to.write_all(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:8080/metrics\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
        Manner::Hang => loop {
            thread::sleep(Duration::from_secs(3600));
        },
        Manner::Drip => {
            to.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                to.write_all(b"#")?;
                to.flush()?;
                thread::sleep(Duration::from_millis(200));
            }
        }
        Manner::Endless => {
            to.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                to.write_all(&[b'\n'; 4096])?;
            }
        }
        Manner::Bomb => bomb(to),
    }
}

fn page(to: &mut impl Write, body: &[u8]) -> io::Result<()> {
    whole(to, "200 OK", "text/plain; version=0.0.4", body)
}

/// A good page, made into one that cannot be believed.
fn changed(good: &str, manner: Manner, age: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let odd = age.rem_euclid(2.0) >= 1.0;
    let line = |line: &str| match (manner, line.rsplit_once(' ')) {
        (Manner::Retyped, Some((name, "gauge"))) if odd => format!("{name} counter\n"),
        (Manner::Retyped, _) | (_, None) => format!("{line}\n"),
        _ if line.starts_with('#') => format!("{line}\n"),
        (Manner::Nan, Some((series, _))) => format!("{series} NaN\n"),
        (Manner::Past, _) => format!("{line} {}\n", now.saturating_sub(3_600_000)),
        (Manner::Future, _) => format!("{line} {}\n", now + 3_600_000),
        (Manner::Falling, Some((series, _))) if series.ends_with("_total") && odd => format!("{series} 0\n"),
        (Manner::Falling, Some((series, _))) if series.ends_with("_total") => format!("{series} 1000\n"),
        _ => format!("{line}\n"),
    };
    good.lines().map(line).collect()
}

/// Series that are new at each look: their names have more bytes than anybody keeps.
fn churned(age: f64) -> String {
    let long = "x".repeat(8 << 10);
    let series = |n: u32| format!("target_level{{churn=\"{age}-{n}-{long}\"}} 1\n");
    (0..48).fold("# TYPE target_level gauge\n".to_owned(), |page, n| page + &series(n))
}

fn whole(to: &mut impl Write, status: &str, kind: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    to.write_all(head.as_bytes())?;
    to.write_all(body)
}

fn bomb(to: &mut impl Write) -> io::Result<()> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..(64 << 20) / 4096 {
        packed.write_all(&[b'\n'; 4096])?;
    }
    let packed = packed.finish()?;
    let length = packed.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    to.write_all(head.as_bytes())?;
    to.write_all(&packed)
}

fn metrics(settings: &Settings, age: f64) -> String {
    let since = (age - settings.after).max(0.0);
    let level = if age >= settings.after { settings.level } else { 1.0 };
    let failures = (since * settings.rise).floor();
    let count = settings.count;
    let events = (age.min(settings.silent) * settings.work).floor();
    let (resident, files) = usage();
    format!(
        "# TYPE target_age_seconds gauge\ntarget_age_seconds {age}\n\
         # TYPE target_level gauge\ntarget_level {level}\n\
         # TYPE target_failures_total counter\ntarget_failures_total {failures}\n\
         # TYPE target_failure_count gauge\ntarget_failure_count{{count=\"{count}\"}} 1\n\
         # TYPE target_events_total counter\ntarget_events_total {events}\n\
         # TYPE target_restarts gauge\ntarget_restarts 0\n\
         # TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {resident}\n\
         # TYPE process_open_fds gauge\nprocess_open_fds {files}\n"
    )
}

/// Resident bytes and open files of this process, as the kernel counts them.
fn usage() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    (kib.unwrap_or(0) << 10, files as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(arguments: &[&str], age: f64) -> String {
        let settings = Settings::parse(arguments.iter().map(|a| (*a).to_owned())).unwrap();
        let mut out = Vec::new();
        answer(&mut out, &settings, age).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn pages_are_as_they_were_set() {
        assert!(page(&["level=7", "after=10"], 5.0).contains("target_level 1\n"));
        assert!(page(&["level=7", "after=10"], 10.0).contains("target_level 7\n"));
        assert!(page(&["rise=2", "after=10"], 15.4).contains("target_failures_total 10\n"));
        assert!(page(&["work=3", "silent=4"], 9.0).contains("target_events_total 12\n"));
        assert!(page(&[], 0.0).lines().any(|l| l.starts_with("process_open_fds ") && !l.ends_with(" 0")));
        assert!(page(&["manner=broken"], 0.0).starts_with("HTTP/1.1 500"));
        assert!(!page(&["manner=absent"], 0.0).contains("target_level"));
        assert!(page(&["manner=nan"], 0.0).contains("target_level NaN\n"));
        assert!(page(&["manner=retyped"], 0.5).contains("# TYPE target_level gauge\n"));
        assert!(page(&["manner=retyped"], 1.5).contains("# TYPE target_level counter\n"));
        assert!(page(&["manner=falling"], 0.5).contains("target_failures_total 1000\n"));
        assert!(page(&["manner=falling"], 1.5).contains("target_failures_total 0\n"));
        let past = page(&["manner=past"], 0.0);
        assert!(
            past.lines().any(|l| l.starts_with("target_level 1 ") && l.len() == "target_level 1 ".len() + 13),
            "{past}"
        );
        let series = |age| page(&["manner=churn"], age).lines().filter(|l| l.starts_with("target_level{")).count();
        assert_eq!((series(1.0), page(&["manner=churn"], 2.0).contains("\"1-0-")), (48, false));
        let body = |arguments: &[&str]| page(arguments, 0.0).split_once("\r\n\r\n").unwrap().1.to_owned();
        assert_eq!((body(&["manner=line"]).len(), body(&["manner=million"]).lines().count()), (10 << 20, 1 << 20));
    }
}
