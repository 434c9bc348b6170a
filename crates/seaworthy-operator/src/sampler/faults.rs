//! Fault windows that the load declares by an annotation on its pod: JSON, a list of start, end and kind.
//!
//! Hostile input like everything that pods say: bounded, and what cannot be read declares nothing. A window only keeps samples out of
//! trends; too few samples left never pass, so that declaring everything a fault wins nothing.

use seaworthy_soak::record::FaultWindow;
use serde::Deserialize;

/// Longer annotations are not read.
pub(super) const LONGEST: usize = 16 << 10;
/// More windows than these are not read.
const MOST: usize = 64;

/// One window, as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared {
    start: jiff::Timestamp,
    end: jiff::Timestamp,
    #[serde(default)]
    kind: String,
}

/// The windows that end after they start, in milliseconds since slot 0; what lies before slot 0 is cut off.
///
/// # Errors
/// Why the annotation cannot be read.
pub(super) fn parse(text: &str, start_unix_ms: i64) -> Result<Vec<FaultWindow>, String> {
    let declared: Vec<Declared> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let since = |at: jiff::Timestamp| u64::try_from(at.as_millisecond().saturating_sub(start_unix_ms)).unwrap_or(0);
    let windows = declared.into_iter().take(MOST).map(|d| FaultWindow {
        from_ms: since(d.start),
        to_ms: since(d.end),
        kind: if d.kind.is_empty() { "fault".to_owned() } else { d.kind },
    });
    Ok(windows.filter(|w| w.to_ms > w.from_ms).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_or_nothing_is() {
        let text = r#"[{"start": "2026-01-01T00:00:10Z", "end": "2026-01-01T00:00:20Z", "kind": "node drain"},
            {"start": "2025-12-31T23:59:00Z", "end": "2026-01-01T00:00:01.5Z"},
            {"start": "2026-01-01T00:00:09Z", "end": "2026-01-01T00:00:08Z"}]"#;
        let start = "2026-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let windows = parse(text, start).unwrap();
        let seen: Vec<_> = windows.iter().map(|w| (w.from_ms, w.to_ms, w.kind.as_str())).collect();
        assert_eq!(seen, [(10_000, 20_000, "node drain"), (0, 1500, "fault")]);
        for bad in ["", "{}", r#"[{"start": "soon", "end": "later"}]"#, r#"[{"start": 5, "end": 7}]"#] {
            assert!(parse(bad, start).is_err(), "{bad}");
        }
    }
}
