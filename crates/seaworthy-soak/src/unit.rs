//! Numbers as people read them, the same in messages and in reports: bytes by powers of 1024, everything else with at most four significant
//! digits after the point.

use std::cmp::Ordering;

/// The units of bytes, the largest first.
const BYTES: [(&str, f64); 4] =
    [("Ti", 1_099_511_627_776.0), ("Gi", 1_073_741_824.0), ("Mi", 1_048_576.0), ("Ki", 1024.0)];

/// Whether the name of a metric tells that it counts bytes.
pub fn is_bytes(metric: &str) -> bool {
    metric.ends_with("_bytes") || metric.ends_with("_bytes_total")
}

/// A value of a metric, with the unit that its name tells.
pub fn amount(metric: &str, value: f64) -> String {
    if !is_bytes(metric) || !value.is_finite() {
        return format!("{}{}", plain(value), unit(metric));
    }
    let large = BYTES.into_iter().find(|(_, size)| value.abs() >= *size);
    large.map_or_else(|| plain(value.round()), |(unit, size)| format!("{}{unit}", plain(value / size)))
}

/// A value and what it is held against: in full where both would read alike although they differ.
pub fn amounts(metric: &str, value: f64, against: f64) -> (String, String) {
    let short = (amount(metric, value), amount(metric, against));
    if short.0 != short.1 || value.partial_cmp(&against) == Some(Ordering::Equal) {
        return short;
    }
    let full = |value: f64| {
        let plain = value == 0.0 || (1e-4..1e15).contains(&value.abs());
        let text = if plain { value.to_string() } else { format!("{value:e}") };
        format!("{text}{}", unit(metric))
    };
    (full(value), full(against))
}

/// The unit of what is not in bytes.
fn unit(metric: &str) -> &'static str {
    if metric.ends_with("_seconds") || metric.ends_with("_seconds_total") { "s" } else { "" }
}

/// A number without a unit.
pub fn plain(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        // Zero from below is zero.
        return "0".to_owned();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    if !(1e-4..1e12).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let digits = match magnitude {
        m if m >= 1000.0 => 0,
        m if m >= 100.0 => 1,
        m if m >= 1.0 => 2,
        m if m >= 0.01 => 4,
        _ => 6,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (metric, value, text) in [
            ("process_resident_memory_bytes", 127_926_272.0, "122Mi"),
            ("a_bytes", 1536.0, "1.5Ki"),
            ("a_bytes", -6_550_324.0, "-6.25Mi"),
            ("a_bytes", 12.0, "12"),
            ("a_bytes", -2e-39, "0"),
            ("a_bytes", f64::INFINITY, "inf"),
            ("received_bytes_total", 1_048_576.0, "1Mi"),
            ("process_cpu_seconds_total", 12.5, "12.5s"),
            ("goroutines", 1234.6, "1235"),
            ("goroutines", 123_456_789.0, "123456789"),
            ("m", 0.0, "0"),
            ("m", -0.0, "0"),
            ("m", 0.012_345, "0.0123"),
            ("m", 1e-9, "1.000e-9"),
            ("m", 5.0, "5"),
        ] {
            assert_eq!(amount(metric, value), text, "{value}");
        }
    }

    #[test]
    fn what_differs_does_not_read_alike() {
        let told = |metric, value, against| {
            let (value, against) = amounts(metric, value, against);
            format!("{value} {against}")
        };
        assert_eq!(told("a_bytes", 419_430_401.0, 419_430_400.0), "419430401 419430400");
        assert_eq!(told("a_bytes", 419_430_400.0, 419_430_400.0), "400Mi 400Mi");
        assert_eq!(told("a_bytes", 450_000_000.0, 419_430_400.0), "429.2Mi 400Mi");
        assert_eq!(told("a_seconds", 10.001, 10.0), "10.001s 10s");
        assert_eq!(told("m", 1.0e20, 1.000_01e20), "1e20 1.00001e20");
        assert_eq!(told("m", 0.0, -0.0), "0 0");
    }
}
