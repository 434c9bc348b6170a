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

/// Powers of ten that a 64-bit float holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The number at the start of `text`, and how many bytes it has, if it is a plain decimal within range that a blank or a line
/// feed ends: in one pass what nearly all lines have. Of an unwanted number the value is not worked out. `None` says nothing
/// about the number: [`value`] and [`check`] do.
///
/// Up to 15 digits and a power of ten up to 22 are exact in 64 bits each, so that one multiplication or division rounds once,
/// as it should (Clinger, How to read floating point numbers accurately, 1990).
#[inline]
pub(super) fn leading(text: &str, wanted: bool) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let negative = bytes.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let mut digits = 0_u64;
    let whole = run(bytes, &mut at, &mut digits);
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        fraction = run(bytes, &mut at, &mut digits);
    }
    let mut exponent = 0_i32;
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        let down = match bytes.get(at)? {
            b'-' => true,
            b'+' => false,
            _ => return None,
        };
        at += 1;
        let mut power = 0;
        let length = run(bytes, &mut at, &mut power);
        if !(1..=2).contains(&length) {
            return None;
        }
        exponent = i32::try_from(power).ok()?;
        exponent = if down { -exponent } else { exponent };
    }
    let count = whole + fraction;
    // With at most two digits of exponent, this many digits before the point cannot leave the range.
    if count == 0 || whole > SAFE_DIGITS - 100 || !matches!(bytes.get(at)?, b' ' | b'\n') {
        return None;
    }
    if !wanted {
        return Some((0.0, at));
    }
    let power = exponent - i32::try_from(fraction).ok()?;
    let scale = EXACT_POWERS.get(power.unsigned_abs() as usize);
    #[expect(clippy::cast_precision_loss, reason = "at most 15 digits, which a 64-bit float holds exactly")]
    let value = match scale {
        Some(scale) if count <= EXACT_DIGITS && power < 0 => digits as f64 / scale,
        Some(scale) if count <= EXACT_DIGITS => digits as f64 * scale,
        _ => return Some((text.get(..at)?.parse().ok()?, at)),
    };
    Some((if negative { -value } else { value }, at))
}

/// Passes digits, adds them to `sum` (which overflows silently beyond 19 of them) and gives their number.
#[inline]
fn run(bytes: &[u8], at: &mut usize, sum: &mut u64) -> usize {
    let from = *at;
    while let Some(byte) = bytes.get(*at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *sum = sum.wrapping_mul(10).wrapping_add(u64::from(digit));
        *at += 1;
    }
    *at - from
}

/// The value of a number.
pub(super) fn value(text: &str) -> Result<f64, BadNumber> {
    match shape(text.as_bytes()) {
        Shape::Special(value) => Ok(value),
        Shape::Decimal { .. } => convert(text),
        Shape::Bad => Err(BadNumber::Syntax),
    }
}

/// Checks a number without working out its value, unless the value is needed to know its range.
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
