//! Durations as the API writes them: a whole number and one unit, `90s`, `12m`, `6h`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seaworthy_core::time::Seconds;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The pattern of the schema.
pub const PATTERN: &str = "^[0-9]{1,6}(s|m|h)$";

/// A duration that keeps how it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    number: u32,
    unit: char,
}

impl Duration {
    /// So many seconds.
    pub const fn seconds(number: u32) -> Self {
        Self { number, unit: 's' }
    }
    /// So many minutes.
    pub const fn minutes(number: u32) -> Self {
        Self { number, unit: 'm' }
    }
    /// So many hours.
    pub const fn hours(number: u32) -> Self {
        Self { number, unit: 'h' }
    }
    /// In seconds.
    pub const fn get(self) -> Seconds {
        let factor = match self.unit {
            'h' => 3600,
            'm' => 60,
            _ => 1,
        };
        Seconds(self.number as u64 * factor)
    }
}

/// Not a duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no duration: write a whole number of at most 6 digits and s, m or h, like 90s, 12m or 6h")]
pub struct ParseError(String);

impl FromStr for Duration {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError(text.chars().take(40).collect());
        let unit = text.chars().last().filter(|u| "smh".contains(*u)).ok_or_else(bad)?;
        let digits = &text[..text.len() - 1];
        if digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        Ok(Self { number: digits.parse().map_err(|_| bad())?, unit })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "maxLength": 7})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_the_schema_allows_and_nothing_else() {
        for (text, seconds) in [("90s", 90), ("12m", 720), ("6h", 21600), ("0s", 0)] {
            let d: Duration = text.parse().unwrap();
            assert_eq!((d.get().0, d.to_string().as_str()), (seconds, text));
        }
        for text in ["", "s", "1", "1d", "-1s", "1.5h", "1234567s", "1h30m", "ßs", "1ß"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
