//! `judge --series`: the trend verdict on series from anywhere, one JSON object a line in, one verdict a line out.
//!
//! The same code as the operator's, for series that were recorded elsewhere or made up.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use seaworthy_soak::check::Verdict;
use seaworthy_soak::trend::{Of, Params, Sample, TrendVerdict, judge};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{exit, look};

/// Judges series: is there a leak?
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// A file of JSON lines {id, t: [seconds], v: [values], incarnation: [...], faults: [[from, to], ...]}, or - for standard
    /// input. Incarnation and faults may be left out; a value that is null is no sample.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "soak", "evidence", "set", "output"])]
    series: Option<String>,
    /// A rise per hour that is harmless, such as 1Mi or 0.5. Default: 0.5 % of the level at the start.
    #[arg(long, value_name = "AMOUNT", value_parser = amount, requires = "series")]
    tolerable_per_hour: Option<f64>,
    /// A rise per hour that must be found. Default: four times the tolerable one.
    #[arg(long, value_name = "AMOUNT", value_parser = amount, requires = "series")]
    unacceptable_per_hour: Option<f64>,
    /// Seconds at the start of each series that are not judged.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, requires = "series")]
    warm_up: f64,
}

impl Args {
    /// Whether series are to be judged.
    pub(super) const fn given(&self) -> bool {
        self.series.is_some()
    }
}

#[derive(Deserialize)]
struct Series {
    id: Value,
    t: Vec<f64>,
    v: Vec<Option<f64>>,
    #[serde(default)]
    incarnation: Option<Vec<Value>>,
    #[serde(default)]
    faults: Option<Vec<(f64, f64)>>,
}

#[derive(Serialize)]
struct Reply {
    id: Value,
    verdict: Verdict,
    slope_per_hour: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    detectable: Option<f64>,
    needed_seconds: Option<f64>,
    reason: String,
}

/// Runs the command: 0 when every line was answered, whatever the verdicts; 1 when a line could not be read.
pub(super) fn run(args: &Args) -> ExitCode {
    match answer_all(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            exit::remark(&look::shown(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn answer_all(args: &Args) -> anyhow::Result<()> {
    let input: Box<dyn BufRead> = match args.series.as_deref().unwrap_or("-") {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(BufReader::new(File::open(path).with_context(|| format!("cannot read --series {path}"))?)),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (number, line) in (1..).zip(input.lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let series: Series =
            serde_json::from_str(&line).with_context(|| format!("line {number} is not a series {{id, t, v}}"))?;
        serde_json::to_writer(&mut out, &answer(args, series))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn answer(args: &Args, series: Series) -> Reply {
    let verdict = samples(args, &series).and_then(|samples| {
        let params = params(args, &samples)?;
        Ok(judge(&samples, &params))
    });
    let id = series.id;
    match verdict {
        Ok(TrendVerdict { verdict, reason, slope_per_hour, lower, upper, detectable, needed_seconds, .. }) => {
            Reply { id, verdict, slope_per_hour, lower, upper, detectable, needed_seconds, reason }
        }
        Err(reason) => Reply {
            id,
            verdict: Verdict::Error,
            slope_per_hour: None,
            lower: None,
            upper: None,
            detectable: None,
            needed_seconds: None,
            reason,
        },
    }
}

/// The samples after warm-up and outside of faults; each change of the incarnation's name is another life.
fn samples(args: &Args, series: &Series) -> Result<Vec<Sample>, String> {
    let n = series.t.len();
    if series.v.len() != n {
        return Err(format!("t has {n} entries and v has {}: give one value per time", series.v.len()));
    }
    let names = series.incarnation.as_deref();
    if let Some(names) = names.filter(|names| names.len() != n) {
        return Err(format!("t has {n} entries and incarnation has {}: give one per time, or none", names.len()));
    }
    let faults = series.faults.as_deref().unwrap_or_default();
    let start = series.t.iter().copied().fold(f64::INFINITY, f64::min) + args.warm_up;
    let mut lives: Vec<&Value> = Vec::new();
    let mut samples = Vec::with_capacity(n);
    for (index, (seconds, value)) in series.t.iter().copied().zip(&series.v).enumerate() {
        let Some(value) = *value else { continue };
        if seconds < start || faults.iter().any(|(from, to)| (*from..*to).contains(&seconds)) {
            continue;
        }
        let name = names.and_then(|names| names.get(index)).unwrap_or(&Value::Null);
        let life = lives.iter().rposition(|life| *life == name).unwrap_or_else(|| {
            lives.push(name);
            lives.len() - 1
        });
        samples.push(Sample { seconds, value, incarnation: u32::try_from(life).unwrap_or(u32::MAX) });
    }
    Ok(samples)
}

fn params(args: &Args, samples: &[Sample]) -> Result<Params, String> {
    let mut early: Vec<f64> = samples.iter().take(samples.len().div_ceil(10)).map(|s| s.value).collect();
    early.sort_by(f64::total_cmp);
    let baseline = early.get(early.len() / 2).copied().unwrap_or(1.0);
    let params = Params::with_defaults(args.tolerable_per_hour, args.unacceptable_per_hour, baseline, false);
    let params = Params { of: Of::Minimum, ..params };
    if params.unacceptable_per_hour > params.tolerable_per_hour && params.tolerable_per_hour >= 0.0 {
        Ok(params)
    } else {
        let Params { tolerable_per_hour: d, unacceptable_per_hour: m, .. } = params;
        Err(format!(
            "tolerable is {d} per hour and unacceptable {m}: give --tolerable-per-hour below --unacceptable-per-hour"
        ))
    }
}

/// A number with an optional suffix as in Kubernetes' quantities: Ki, Mi, Gi, k, M, G.
fn amount(text: &str) -> Result<f64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let bad = || "give a finite number such as 1048576, 1Mi or 0.5".to_owned();
    let (digits, factor) = match &text[digits.len()..] {
        "" => (digits, 1.0),
        "Ki" => (digits, 1024.0),
        "Mi" => (digits, 1_048_576.0),
        "Gi" => (digits, 1_073_741_824.0),
        "k" => (digits, 1e3),
        "M" => (digits, 1e6),
        "G" => (digits, 1e9),
        // An exponent is part of the number.
        _ => (text, 1.0),
    };
    let number: f64 = digits.parse().map_err(|_| bad())?;
    if number.is_finite() { Ok(number * factor) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, want) in
            [("1", 1.0), ("1Mi", 1_048_576.0), ("0.5", 0.5), ("2k", 2000.0), ("1e6", 1e6), ("-3Ki", -3072.0)]
        {
            assert_eq!(amount(text).map(f64::to_bits), Ok(f64::to_bits(want)), "{text}");
        }
        for text in ["", "Mi", "1Xi", "one", "inf"] {
            assert!(amount(text).is_err(), "{text}");
        }
    }

    fn reply(line: &str) -> Reply {
        let args = Args {
            series: Some("-".into()),
            tolerable_per_hour: Some(1.0),
            unacceptable_per_hour: Some(4.0),
            warm_up: 0.0,
        };
        answer(&args, serde_json::from_str(line).unwrap())
    }

    #[test]
    fn series_that_do_not_fit_are_errors() {
        let short = reply(r#"{"id": 7, "t": [1, 2], "v": [1]}"#);
        assert_eq!((short.verdict, short.id), (Verdict::Error, Value::from(7)));
        assert!(reply(r#"{"id": "a", "t": [1], "v": [1], "incarnation": []}"#).reason.contains("incarnation has 0"));
        assert_eq!(reply(r#"{"id": "a", "t": [], "v": []}"#).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn faults_and_incarnations_are_heard() {
        let args =
            Args { series: Some("-".into()), tolerable_per_hour: None, unacceptable_per_hour: None, warm_up: 10.0 };
        let line = r#"{"id": 1, "t": [0, 10, 20, 30, 40], "v": [1, 2, null, 4, 5], "incarnation": ["a", "a", "a", "b", "b"],
            "faults": [[35, 45]]}"#;
        let samples = samples(&args, &serde_json::from_str(line).unwrap()).unwrap();
        let seen: Vec<_> = samples.iter().map(|s| (s.seconds, s.value, s.incarnation)).collect();
        assert_eq!(seen, [(10.0, 2.0, 0), (30.0, 4.0, 1)]);
    }
}
