//! A line of `judge --series`: the series that it tells, or why it tells none.
//!
//! Lines come from many tools. What Python writes where a number is missing (`NaN`, `Infinity`) is understood, although it is no JSON.

use std::{collections::HashMap, fmt};

use seaworthy_soak::trend::Sample;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use crate::lines;

/// The most windows of faults: each sample is held against each.
const MAX_FAULTS: usize = 10_000;
/// Of a line that is too long, its id is looked for in so many bytes.
const NAMED: usize = 4096;

/// A series as it stands on its line.
#[derive(Debug, Deserialize)]
struct Series {
    id: Value,
    t: Vec<Seconds>,
    v: Vec<Option<f64>>,
    #[serde(default)]
    incarnation: Option<Vec<Value>>,
    #[serde(default)]
    faults: Option<Vec<Vec<Seconds>>>,
}

/// A time, which is never left out: its value would have no place.
#[derive(Debug, Clone, Copy)]
struct Seconds(f64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in seconds, which is never null, NaN or Infinity")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Seconds, E> {
                Ok(Seconds(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
            fn visit_u64<E>(self, number: u64) -> Result<Seconds, E> {
                Ok(Seconds(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
            fn visit_i64<E>(self, number: i64) -> Result<Seconds, E> {
                Ok(Seconds(number as f64))
            }
        }
        from.deserialize_f64(Number)
    }
}

/// A series as it is judged, and its id.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    /// Anything by which the asker knows it.
    pub(super) id: Value,
    /// Those after warm-up, within faults too.
    pub(super) samples: Vec<Sample>,
    /// Windows that are not judged: from, and to but not including, in seconds.
    pub(super) faults: Vec<(f64, f64)>,
}

impl Told {
    /// The samples that are judged.
    pub(super) fn outside(&self) -> impl Iterator<Item = &Sample> {
        let within = |s: &Sample| self.faults.iter().any(|(from, to)| (*from..*to).contains(&s.seconds));
        self.samples.iter().filter(move |s| !within(s))
    }
}

/// A line that is no series.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    /// Its id, as far as it can be read, or null.
    pub(super) id: Value,
    /// Where and why.
    pub(super) reason: String,
}

/// Reads line `number`: the samples after `warm_up` seconds, and the faults; each change of the incarnation's name is another life.
///
/// # Errors
/// It is no series; the reason names line and column, or line and field.
pub(super) fn read(number: u64, line: &[u8], warm_up: f64) -> Result<Told, Problem> {
    let no_text = |error: std::str::Utf8Error| {
        let reason = format!("line {number}, column {}: no UTF-8", error.valid_up_to() + 1);
        Problem { id: Value::Null, reason }
    };
    let text = std::str::from_utf8(line).map_err(no_text)?;
    let series = serde_json::from_str::<Series>(text).or_else(|_| {
        let (plain, longer) = with_nulls(text);
        serde_json::from_str(&plain).map_err(|error| {
            let column = error.column() - longer.iter().filter(|at| **at <= error.column()).count();
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            Problem { id: id(&plain), reason: format!("line {number}, column {column}: {message}") }
        })
    })?;
    match faults(&series).and_then(|faults| Ok((samples(&series, warm_up)?, faults))) {
        Ok((samples, faults)) => Ok(Told { id: series.id, samples, faults }),
        Err(reason) => Err(Problem { id: series.id, reason: format!("line {number}: {reason}") }),
    }
}

/// What is wrong with line `number`, of which this is only the beginning.
pub(super) fn too_long(number: u64, beginning: &[u8]) -> Problem {
    let beginning = beginning.get(..NAMED).unwrap_or(beginning);
    let text = beginning.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let reason = format!("line {number}: {}", lines::too_long());
    Problem { id: id(&with_nulls(text).0), reason }
}

/// The text with null for what is not a number, and the columns behind which it is longer by one than it was.
fn with_nulls(text: &str) -> (String, Vec<usize>) {
    let (mut plain, mut longer) = (String::with_capacity(text.len() + 16), Vec::new());
    let mut rest = text;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| !quoted && rest.starts_with(word));
        let taken = match (word, c) {
            (Some(word), _) => {
                plain.push_str("null");
                plain.extend(std::iter::repeat_n(' ', word.len().saturating_sub(4)));
                if word.len() < 4 {
                    longer.push(plain.len());
                }
                word.len()
            }
            // Whatever follows it ends nothing.
            (None, '\\') => {
                let pair = rest.chars().take(2).map(char::len_utf8).sum();
                plain.push_str(&rest[..pair]);
                pair
            }
            (None, _) => {
                quoted ^= c == '"';
                plain.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    (plain, longer)
}

/// The id of a line that is broken elsewhere: of one that breaks off, what came before is known.
fn id(text: &str) -> Value {
    struct Id<'v>(&'v mut Value);
    impl<'de> Visitor<'de> for Id<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a series")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
            while let Some(name) = fields.next_key::<String>()? {
                if name == "id" {
                    *self.0 = fields.next_value()?;
                } else {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }
    let mut id = Value::Null;
    // Why it is broken is known already.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(Id(&mut id));
    id
}

fn samples(series: &Series, warm_up: f64) -> Result<Vec<Sample>, String> {
    let n = series.t.len();
    if series.v.len() != n {
        return Err(format!("t has {n} entries and v has {}: give one value per time", series.v.len()));
    }
    let names = series.incarnation.as_deref();
    if let Some(names) = names.filter(|names| names.len() != n) {
        return Err(format!("t has {n} entries and incarnation has {}: give one per time, or none", names.len()));
    }
    let start = series.t.iter().map(|t| t.0).fold(f64::INFINITY, f64::min) + warm_up;
    let mut lives: HashMap<&Value, usize> = HashMap::new();
    let mut samples = Vec::with_capacity(n);
    for (index, (Seconds(seconds), value)) in series.t.iter().copied().zip(&series.v).enumerate() {
        let Some(value) = *value else { continue };
        if seconds < start {
            continue;
        }
        let name = names.and_then(|names| names.get(index)).unwrap_or(&Value::Null);
        let next = lives.len();
        let life = *lives.entry(name).or_insert(next);
        samples.push(Sample { seconds, value, incarnation: u32::try_from(life).unwrap_or(u32::MAX) });
    }
    samples.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Ok(samples)
}

fn faults(series: &Series) -> Result<Vec<(f64, f64)>, String> {
    let window = |(index, window): (usize, &Vec<Seconds>)| match window.as_slice() {
        [Seconds(from), Seconds(to)] if from <= to => Ok((*from, *to)),
        [Seconds(from), Seconds(to)] => {
            Err(format!("faults[{index}] is [{from}, {to}], which ends before it begins: give [from, to]"))
        }
        other => Err(format!("faults[{index}] has {} entries: give [from, to]", other.len())),
    };
    let windows = series.faults.as_deref().unwrap_or_default();
    if windows.len() > MAX_FAULTS {
        let n = windows.len();
        return Err(format!("faults has {n} windows, at most {MAX_FAULTS} can be judged: join those that overlap"));
    }
    windows.iter().enumerate().map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(line: &str) -> (Value, String) {
        let problem = read(3, line.as_bytes(), 0.0).unwrap_err();
        (problem.id, problem.reason)
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (line, id, words) in [
            (r#"{"id": 7, "t": [1, 2], "v": [1]}"#, Value::from(7), "line 3: t has 2 entries and v has 1"),
            (r#"{"id": 7, "t": [1], "v": [1], "incarnation": []}"#, Value::from(7), "incarnation has 0"),
            (
                r#"{"id": "a", "t": [1, null], "v": [1, 2]}"#,
                "a".into(),
                "line 3, column 25: invalid type: null, expected a time",
            ),
            (
                r#"{"id": "a", "t": [1, NaN], "v": [1, 2]}"#,
                "a".into(),
                "line 3, column 24: invalid type: null, expected a time",
            ),
            (r#"{"id": "a", "v": [NaN, NaN], "t": [1, x]}"#, "a".into(), "line 3, column 39: expected value"),
            (r#"{"id": "a", "t": [1], "v": [1e999]}"#, "a".into(), "number out of range"),
            (r#"{"t": [1], "v": [1]}"#, Value::Null, "missing field `id`"),
            (r#"{"id": 5, "t": [1, 2"#, Value::from(5), "line 3, column 20: EOF"),
            (
                r#"{"id": 5, "t": [1], "v": [1], "faults": [[1, 2, "drain"]]}"#,
                Value::from(5),
                "column 55: invalid type: string",
            ),
            (
                r#"{"id": 5, "t": [1], "v": [1], "faults": [[1, 2], [1, 2, 3]]}"#,
                Value::from(5),
                "faults[1] has 3 entries",
            ),
            (r#"{"id": 5, "t": [1], "v": [1], "faults": [[9000, 7200]]}"#, Value::from(5), "faults[0] is [9000, 7200]"),
            ("[]", Value::Null, "line 3, column 2: invalid length 0"),
        ] {
            let (found, reason) = reason(line);
            assert!(reason.contains(words), "{line}: {reason}");
            assert_eq!(found, id, "{line}");
        }
        assert!(read(3, b"{\"id\": \xff}", 0.0).unwrap_err().reason.contains("line 3, column 8: no UTF-8"));
    }

    #[test]
    fn a_name_for_each_sample_takes_no_longer_than_one_for_all() {
        let n = 100_000;
        let (times, names): (Vec<usize>, Vec<String>) = (0..n).map(|k| (k, format!("pod-{k}"))).unzip();
        let line = serde_json::json!({"id": 1, "t": times, "v": times, "incarnation": names}).to_string();
        let began = std::time::Instant::now();
        let told = read(1, line.as_bytes(), 0.0).unwrap();
        assert_eq!(told.samples.last().map(|s| s.incarnation), Some(99_999));
        let took = began.elapsed();
        assert!(took.as_secs() < 20, "{took:?}, where each name is looked for among all the others");
    }

    #[test]
    fn windows_are_bounded() {
        let line = |n: usize| serde_json::json!({"id": 1, "t": [1], "v": [1], "faults": vec![[2, 3]; n]}).to_string();
        assert_eq!(read(3, line(MAX_FAULTS).as_bytes(), 0.0).unwrap().faults.len(), MAX_FAULTS);
        let (id, reason) = reason(&line(MAX_FAULTS + 1));
        assert_eq!(
            (id, reason.starts_with("line 3: faults has 10001 windows, at most 10000")),
            (1.into(), true),
            "{reason}"
        );
    }

    #[test]
    fn values_that_are_no_numbers_are_no_samples() {
        let line = r#"{"id": "NaN \" Infinity", "t": [0, 1, 2, 3, 4], "v": [NaN, -Infinity, null, Infinity, 5]}"#;
        let told = read(1, line.as_bytes(), 0.0).unwrap();
        assert_eq!((told.id, told.samples.len()), ("NaN \" Infinity".into(), 1));
    }

    #[test]
    fn faults_incarnations_and_the_order_of_time_are_heard() {
        let line = r#"{"id": 1, "t": [40, 0, 10, 20, 30], "v": [5, 1, 2, null, 4], "incarnation": ["b", "a", "a", "a", "b"],
            "faults": [[35, 45], [7, 7]]}"#;
        let told = read(1, line.as_bytes(), 10.0).unwrap();
        let seen: Vec<_> = told.outside().map(|s| (s.seconds, s.value, s.incarnation)).collect();
        assert_eq!(seen, [(10.0, 2.0, 1), (30.0, 4.0, 0)]);
        assert_eq!(
            told.samples.last().map(|s| s.seconds),
            Some(40.0),
            "what lies within counts for the time that was seen"
        );
    }
}
