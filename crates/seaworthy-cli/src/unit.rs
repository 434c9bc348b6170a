//! Numbers as people read them: bytes by powers of 1024, everything else with at most four significant digits after the point.

/// A value of a metric, with the unit that its name tells.
pub(crate) fn amount(metric: &str, value: f64) -> String {
    if metric.ends_with("_bytes") {
        for (unit, size) in [("Ti", 1_099_511_627_776.0), ("Gi", 1_073_741_824.0), ("Mi", 1_048_576.0), ("Ki", 1024.0)]
        {
            if value.abs() >= size {
                return format!("{}{unit}", plain(value / size));
            }
        }
        return plain(value.round());
    }
    let unit = if metric.ends_with("_seconds") || metric.ends_with("_seconds_total") { "s" } else { "" };
    format!("{}{unit}", plain(value))
}

/// A number without a unit.
pub(crate) fn plain(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
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
            ("process_cpu_seconds_total", 12.5, "12.5s"),
            ("goroutines", 1234.6, "1235"),
            ("m", 0.0, "0"),
            ("m", 0.012_345, "0.0123"),
            ("m", 1e-9, "1.000e-9"),
            ("m", 5.0, "5"),
        ] {
            assert_eq!(amount(metric, value), text, "{value}");
        }
    }
}
