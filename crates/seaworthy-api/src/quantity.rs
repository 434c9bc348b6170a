//! Numbers in specs: integers, or strings that may carry a fraction or a Kubernetes suffix (`0.5`, `200Mi`, `1k`, `250m`).

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The pattern of the string form.
pub const PATTERN: &str = r"^-?[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$";

/// A number; the API has no floats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// A whole number.
    Int(i64),
    /// Anything that [`PATTERN`] allows.
    Text(String),
}

/// Not a quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no quantity: write a number, with a fraction or one of m k M G T Ki Mi Gi Ti if need be, like 5, 0.5 or 200Mi"
)]
pub struct ParseError(String);

impl Quantity {
    /// Its value.
    ///
    /// # Errors
    /// When it is a string that [`PATTERN`] does not allow.
    pub fn value(&self) -> Result<f64, ParseError> {
        let text = match self {
            #[expect(clippy::cast_precision_loss, reason = "thresholds above 2^53 need no unit precision")]
            Self::Int(n) => return Ok(*n as f64),
            Self::Text(text) => text,
        };
        let bad = || ParseError(text.chars().take(40).collect());
        let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (digits, suffix) = text.split_at(at);
        let factor = match suffix {
            "" => 1.0,
            "m" => 1e-3,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "Ki" => 1024.0,
            "Mi" => 1024f64.powi(2),
            "Gi" => 1024f64.powi(3),
            "Ti" => 1024f64.powi(4),
            _ => return Err(bad()),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') {
            return Err(bad());
        }
        digits.parse::<f64>().map(|n| n * factor).map_err(|_| bad())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(n) => n.fmt(f),
            Self::Text(t) => t.fmt(f),
        }
    }
}

impl From<i64> for Quantity {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<&str> for Quantity {
    fn from(t: &str) -> Self {
        Self::Text(t.to_owned())
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": PATTERN, "maxLength": 30})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_values() {
        for (text, value) in
            [("5", 5.0), ("0.5", 0.5), ("200Mi", 209_715_200.0), ("250m", 0.25), ("-3", -3.0), ("1k", 1000.0)]
        {
            assert_eq!(Quantity::from(text).value(), Ok(value), "{text}");
        }
        for text in ["", "Mi", "1e3", "inf", "NaN", "1 Mi", "1-2", "5Pi"] {
            assert!(Quantity::from(text).value().is_err(), "{text}");
        }
        assert_eq!(Quantity::Int(7).value(), Ok(7.0));
    }
}
