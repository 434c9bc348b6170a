//! Numbers of both formats: what is accepted, and quick ways for what is common.
//!
//! Accepted are decimal numbers with an optional sign, fraction and exponent, `NaN` without a sign, and `Inf` or
//! `Infinity` with an optional sign, in any letter case. Hexadecimal, octal and binary numbers and digit separators are
//! not part of either format. A number beyond the range of a 64-bit float is refused rather than turned into infinity.

/// The longest decimal without exponent that cannot leave the range of a 64-bit float.
const SAFE_DIGITS: usize = 300;

/// Integers of so many digits are exact in a 64-bit float.
const EXACT_DIGITS: usize = 15;

/// What is wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadNumber {
    /// It is none.
    Syntax,
    /// Its magnitude is too large.
    Range,
}

/// The value of a number.
#[inline]
pub(super) fn value(text: &str) -> Result<f64, BadNumber> {
    if let Some(small) = small_integer(text.as_bytes()) {
        return Ok(small);
    }
    match shape(text.as_bytes()) {
        Shape::Special(value) => Ok(value),
        Shape::Decimal { .. } => convert(text),
        Shape::Bad => Err(BadNumber::Syntax),
    }
}

/// Checks a number without working out its value, unless the value is needed to know its range.
#[inline]
pub(super) fn check(text: &str) -> Result<(), BadNumber> {
    match shape(text.as_bytes()) {
        Shape::Special(_) | Shape::Decimal { in_range: true } => Ok(()),
        Shape::Decimal { in_range: false } => convert(text).map(|_| ()),
        Shape::Bad => Err(BadNumber::Syntax),
    }
}

fn convert(text: &str) -> Result<f64, BadNumber> {
    let value: f64 = text.parse().map_err(|_| BadNumber::Syntax)?;
    if value.is_finite() { Ok(value) } else { Err(BadNumber::Range) }
}

#[inline]
fn small_integer(bytes: &[u8]) -> Option<f64> {
    if bytes.is_empty() || bytes.len() > EXACT_DIGITS {
        return None;
    }
    let mut value = 0u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 15 digits, which a 64-bit float holds exactly")]
    Some(value as f64)
}

enum Shape {
    Decimal { in_range: bool },
    Special(f64),
    Bad,
}

#[inline]
fn digits(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len())
}

#[inline]
fn shape(bytes: &[u8]) -> Shape {
    let unsigned = match bytes {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    let mut fraction = 0;
    if let [b'.', after @ ..] = rest {
        fraction = digits(after);
        rest = &after[fraction..];
    }
    if whole + fraction == 0 {
        return special(bytes, unsigned);
    }
    match rest {
        [] => Shape::Decimal { in_range: whole <= SAFE_DIGITS },
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..]
            if !exponent.is_empty() && digits(exponent) == exponent.len() =>
        {
            Shape::Decimal { in_range: false }
        }
        _ => Shape::Bad,
    }
}

#[cold]
fn special(bytes: &[u8], unsigned: &[u8]) -> Shape {
    if bytes.eq_ignore_ascii_case(b"nan") {
        return Shape::Special(f64::NAN);
    }
    if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        return Shape::Special(if bytes.first() == Some(&b'-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    Shape::Bad
}

/// A timestamp of the text format: whole milliseconds since the epoch.
pub(super) fn milliseconds(text: &str) -> Option<i64> {
    let digits_only = text.strip_prefix('-').unwrap_or(text);
    if digits_only.is_empty() || digits(digits_only.as_bytes()) != digits_only.len() {
        return None;
    }
    text.parse().ok()
}

/// A timestamp of `OpenMetrics`: seconds since the epoch, here in milliseconds, rounded to the nearest.
pub(super) fn seconds_as_milliseconds(text: &str) -> Option<i64> {
    /// Beyond this a 64-bit float no longer tells milliseconds apart from 64-bit overflow.
    const LIMIT: f64 = 9.2e18;
    let milliseconds = (value(text).ok()? * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in range just before")]
    (milliseconds.abs() < LIMIT).then_some(milliseconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, want) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("1423", 1423.0),
            ("+7", 7.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("-3e3", -3000.0),
            ("1E+2", 100.0),
            ("4.9351e-05", 4.9351e-05),
            ("999999999999999", 999_999_999_999_999.0),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("1e-999", 0.0),
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("inf", f64::INFINITY),
        ] {
            assert_eq!(value(text).map(f64::to_bits), Ok(f64::to_bits(want)), "{text}");
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert!(value("NaN").unwrap().is_nan());
        assert!(value("nan").unwrap().is_nan());
    }

    #[test]
    fn not_numbers() {
        for text in [
            "", "+", "-", ".", "e5", "1e", "1e+", "1_2", "0x1p-3", "0x1", "0b1", "0o1", "+NaN", "-nan", "true", "1,5",
            "1.2.3", "1e5.0", "--1", "infinite", "1\r", "١",
        ] {
            assert_eq!(value(text), Err(BadNumber::Syntax), "{text}");
            assert_eq!(check(text), Err(BadNumber::Syntax), "{text}");
        }
        let long = "9".repeat(400);
        for text in ["1e999", "-1e400", long.as_str()] {
            assert_eq!(value(text), Err(BadNumber::Range), "{text}");
            assert_eq!(check(text), Err(BadNumber::Range), "{text}");
        }
    }

    #[test]
    fn timestamps() {
        assert_eq!(milliseconds("9223372036854775807"), Some(i64::MAX));
        assert_eq!(milliseconds("-5"), Some(-5));
        for bad in ["", "-", "+5", "1.5", "9223372036854775808", "1_2"] {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
        assert_eq!(seconds_as_milliseconds("5.5"), Some(5500));
        assert_eq!(seconds_as_milliseconds("1.5e3"), Some(1_500_000));
        assert_eq!(seconds_as_milliseconds("1520872607.123"), Some(1_520_872_607_123));
        for bad in ["Inf", "NaN", "1e18", "z", ""] {
            assert_eq!(seconds_as_milliseconds(bad), None, "{bad}");
        }
    }
}
