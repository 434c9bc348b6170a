//! `judge --series`: the trend verdict on series from anywhere, one JSON object a line in, one verdict a line out.
//!
//! The same code as the operator's, for series that were recorded elsewhere or made up.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use seaworthy_api::Quantity;
use seaworthy_soak::check::Verdict;
use seaworthy_soak::trend::{Of, Params, TrendVerdict, baseline, judge_outside};
use serde::Serialize;
use serde_json::Value;

use super::line::{self, Problem, Told};
use crate::{
    exit::{self, Code},
    lines, look,
};

/// So much is read at once, in bytes: a few lines of a long series.
const CHUNK: usize = 64 * 1024;

/// Judges series: is there a leak?
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// A file of JSON lines {id, t: [seconds], v: [values], incarnation: [...], faults: [[from, to], ...]}, or - for standard
    /// input. Incarnation and faults may be left out; a value that is null or NaN is no sample. Each line is answered as soon as
    /// it is read; one that is no series is answered with the verdict Error.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "soak", "evidence", "baseline_soak", "set", "output"])]
    series: Option<String>,
    /// A rise per hour that is harmless, written as in checks: 1Mi, 20m or 0.5. Default: 0.5 % of the baseline, the median of the first tenth of the samples,
    /// and at most a quarter of --unacceptable-per-hour where that is given. No least default of 1Mi as for a soak's bytes: units are unknown here.
    #[arg(long, value_name = "AMOUNT", value_parser = amount, allow_hyphen_values = true, requires = "series")]
    tolerable_per_hour: Option<f64>,
    /// A rise per hour that must be found. Default: four times the tolerable one.
    #[arg(long, value_name = "AMOUNT", value_parser = amount, allow_hyphen_values = true, requires = "series")]
    unacceptable_per_hour: Option<f64>,
    /// Seconds at the start of each series that are not judged.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds, allow_hyphen_values = true, requires = "series")]
    warm_up: f64,
}

impl Args {
    /// Whether series are to be judged.
    pub(super) const fn given(&self) -> bool {
        self.series.is_some()
    }

    /// What is wrong with the thresholds, whatever the series.
    fn problem(&self) -> Option<String> {
        let (tolerable, unacceptable) = ("--tolerable-per-hour", "--unacceptable-per-hour");
        match (self.tolerable_per_hour, self.unacceptable_per_hour) {
            (Some(d), _) if d < 0.0 => Some(format!("{tolerable} is {d}: give 0 or more")),
            (Some(0.0), None) => Some(format!(
                "{tolerable} is 0, and four times as much, the default of {unacceptable}, is no rise: give {unacceptable} too"
            )),
            (Some(d), Some(m)) if m <= d => Some(format!(
                "{tolerable} is {d} and {unacceptable} {m}: give an unacceptable rise above the tolerable one"
            )),
            (None, Some(m)) if m <= 0.0 => Some(format!("{unacceptable} is {m}: give more than 0")),
            _ => None,
        }
    }
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

impl Reply {
    fn error(id: Value, reason: String) -> Self {
        Self {
            id,
            verdict: Verdict::Error,
            slope_per_hour: None,
            lower: None,
            upper: None,
            detectable: None,
            needed_seconds: None,
            reason,
        }
    }
}

/// Runs the command: 0 when every line could be read, whatever the verdicts; 1 when one could not; 4 for a file that cannot be read, and
/// for thresholds that make no sense.
pub(super) fn run(args: &Args) -> ExitCode {
    if let Some(problem) = args.problem() {
        exit::complain(&problem);
        return Code::Unusable.into();
    }
    match answer_all(args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(unread) => {
            exit::remark(&format!("lines that are no series: {unread}; their answers say why"));
            ExitCode::FAILURE
        }
        // A reader that went away (`| head`) is no error.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            exit::complain(&look::shown(&format!("{error:#}")));
            Code::Unusable.into()
        }
    }
}

/// Answers line by line; how many could not be read.
fn answer_all(args: &Args) -> anyhow::Result<u64> {
    let input: Box<dyn Read> = match args.series.as_deref().unwrap_or("-") {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).with_context(|| format!("cannot read --series {path}"))?),
    };
    let mut input = BufReader::with_capacity(CHUNK, input);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    let mut unread = 0;
    for number in 1.. {
        // Who asks line by line waits for the answer before writing the next.
        if !input.buffer().contains(&b'\n') {
            out.flush()?;
        }
        let read = lines::read(&mut input, &mut line)?;
        let text = line.trim_ascii_end();
        let text = text.strip_prefix("\u{feff}".as_bytes()).filter(|_| number == 1).unwrap_or(text);
        let told = match read {
            lines::Read::End => break,
            lines::Read::Line if text.is_empty() => continue,
            lines::Read::Line => line::read(number, text, args.warm_up),
            lines::Read::TooLong => Err(line::too_long(number, text)),
        };
        let reply = match told {
            Ok(told) => answer(args, told),
            Err(Problem { id, reason }) => {
                unread += 1;
                Reply::error(id, reason)
            }
        };
        out.write_all(look::json_line(&reply)?.as_bytes())?;
    }
    out.flush()?;
    Ok(unread)
}

fn answer(args: &Args, told: Told) -> Reply {
    let params = match params(args, &told) {
        Ok(params) => params,
        Err(reason) => return Reply::error(told.id, reason),
    };
    let Told { id, samples, faults } = told;
    let TrendVerdict { verdict, reason, slope_per_hour, lower, upper, detectable, needed_seconds, .. } =
        judge_outside(&samples, &faults, &params);
    Reply { id, verdict, slope_per_hour, lower, upper, detectable, needed_seconds, reason }
}

/// The thresholds for a series, whose samples are in order of time.
fn params(args: &Args, told: &Told) -> Result<Params, String> {
    let values: Vec<f64> = told.outside().map(|s| s.value).collect();
    let baseline = baseline(&values).unwrap_or(1.0);
    let params = Params::with_defaults(args.tolerable_per_hour, args.unacceptable_per_hour, baseline, false);
    if params.unacceptable_per_hour > params.tolerable_per_hour {
        Ok(Params { of: Of::Minimum, ..params })
    } else {
        Err("the series starts at 0, so there is no default for its slope: give --tolerable-per-hour".to_owned())
    }
}

/// A number as checks write it in a spec.
fn amount(text: &str) -> Result<f64, String> {
    let number = Quantity::from(text).value().map_err(|e| e.to_string())?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err("it is too large: write a number such as 5, 0.5 or 200Mi".to_owned())
    }
}

/// A time of zero or more. Infinity would leave nothing to judge, and not-a-number everything.
fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    number.ok_or_else(|| "give seconds, 0 or more, such as 600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(tolerable_per_hour: Option<f64>, unacceptable_per_hour: Option<f64>) -> Args {
        Args { series: Some("-".into()), tolerable_per_hour, unacceptable_per_hour, warm_up: 0.0 }
    }

    #[test]
    fn thresholds_that_make_no_sense_name_what_to_give() {
        for (d, m, words) in [
            (Some(0.0), None, "give --unacceptable-per-hour too"),
            (Some(-1.0), Some(4.0), "give 0 or more"),
            (Some(4.0), Some(4.0), "above the tolerable one"),
            (None, Some(0.0), "give more than 0"),
        ] {
            let problem = args(d, m).problem().unwrap_or_default();
            assert!(problem.contains(words), "{problem}");
        }
        for (d, m) in [(None, None), (Some(1.0), None), (Some(0.0), Some(1.0)), (None, Some(1.0))] {
            assert_eq!(args(d, m).problem(), None);
        }
        let reply = |line: &str| answer(&args(None, None), line::read(1, line.as_bytes(), 0.0).unwrap());
        assert!(reply(r#"{"id": 1, "t": [1, 2], "v": [0, 0]}"#).reason.contains("give --tolerable-per-hour"));
        assert_eq!(reply(r#"{"id": 1, "t": [], "v": []}"#).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn the_order_of_the_input_changes_no_threshold() {
        let (mut times, mut values): (Vec<u32>, Vec<u32>) = ((0..100).collect(), (1000..1100).collect());
        let line = |t: &[u32], v: &[u32]| serde_json::json!({"id": 1, "t": t, "v": v}).to_string();
        let params = |line: &str| params(&args(None, None), &line::read(1, line.as_bytes(), 0.0).unwrap()).unwrap();
        let forward = params(&line(&times, &values));
        times.reverse();
        values.reverse();
        assert_eq!(params(&line(&times, &values)), forward);
    }
}
