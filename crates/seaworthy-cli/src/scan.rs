//! `scan`: reads one page of metrics from standard input and prints its samples, one JSON object a line.
//!
//! The same scanner as the operator's sampler, to see what it makes of a page before a soak depends on it. With `--jsonl` it
//! reads many pages, one JSON object a line, and answers each with one line.

use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use base64::Engine as _;
use seaworthy_soak::scan::{Format, Limits, Sample, ScanError, Wanted, scan};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    exit::{self, Code},
    lines, look,
};

/// Reads a page of metrics and prints its samples.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 a valid page; 1 a refused one; 4 could not be carried out")]
pub(crate) struct Args {
    /// The page's format.
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    format: FormatArg,
    /// Reads one JSON object {id, format, page} (or `page_b64`) a line and prints {id, ok, samples | error}.
    #[arg(long)]
    jsonl: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatArg {
    /// Prometheus text format 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.
    #[value(name = "openmetrics")]
    OpenMetrics,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Text => Self::Text,
            FormatArg::OpenMetrics => Self::OpenMetrics,
        }
    }
}

/// One sample as it is printed. The value is a string, so that NaN and infinities survive.
#[derive(Serialize)]
struct Line {
    name: String,
    labels: Map<String, Value>,
    value: String,
    timestamp_ms: Option<i64>,
}

impl Line {
    fn of(sample: &Sample<'_>) -> Self {
        let labels = sample.labels().map(|(n, v)| (n.into_owned(), Value::String(v.into_owned()))).collect();
        let value = if sample.value.is_infinite() {
            if sample.value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
        } else {
            sample.value.to_string()
        };
        Self { name: sample.name().into_owned(), labels, value, timestamp_ms: sample.timestamp_ms }
    }
}

#[derive(Deserialize)]
struct Case {
    id: Value,
    #[serde(default = "text_format")]
    format: FormatArg,
    page: Option<String>,
    page_b64: Option<String>,
}

impl Case {
    /// The page that is to be scanned. An empty page is a page; none at all is a mistake of whoever asks.
    fn page(&mut self) -> anyhow::Result<Vec<u8>> {
        match (self.page.take(), self.page_b64.take()) {
            (Some(page), None) => Ok(page.into_bytes()),
            (None, Some(encoded)) => base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .context("page_b64 is no base64: encode the page, or give it as page"),
            (None, None) => anyhow::bail!("it has neither page nor page_b64: give one of them"),
            (Some(_), Some(_)) => anyhow::bail!("it has both page and page_b64: give one of them"),
        }
    }
}

fn text_format() -> FormatArg {
    FormatArg::Text
}

#[derive(Serialize)]
struct Reply {
    id: Value,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<Vec<Line>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs the command: 0 for a valid page, 1 for a refused one (line and column on standard error), 4 where there was none to read.
pub(crate) fn run(args: &Args) -> ExitCode {
    let result = if args.jsonl { answer_all() } else { print_page(args.format.into()) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = code(&error);
            if code != Code::Done {
                exit::remark(&look::shown(&format!("{error:#}")));
            }
            code.into()
        }
    }
}

/// Only a page that was read can be refused. A reader of the output that went away is no error.
fn code(error: &anyhow::Error) -> Code {
    let closed = error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
    match error.downcast_ref::<ScanError>() {
        Some(_) => Code::Failed,
        None if closed => Code::Done,
        None => Code::Unusable,
    }
}

fn lines(page: &[u8], format: Format) -> Result<Vec<Line>, ScanError> {
    let mut lines = Vec::new();
    scan(page, format, &Limits::default(), &Wanted::all(), &mut |sample| lines.push(Line::of(sample)))?;
    Ok(lines)
}

fn print_page(format: Format) -> anyhow::Result<()> {
    let mut page = Vec::new();
    // One byte more than a page may have: enough to refuse it, and no more memory however long the input is.
    std::io::stdin().take(Limits::default().page_bytes as u64 + 1).read_to_end(&mut page)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in lines(&page, format)? {
        print(&mut out, &line)?;
    }
    Ok(out.flush()?)
}

/// Writes one line of JSON. Not by way of `to_writer`, whose errors hide that a reader went away.
fn print(out: &mut impl Write, line: &impl Serialize) -> anyhow::Result<()> {
    Ok(out.write_all(look::json_line(line)?.as_bytes())?)
}

fn answer_all() -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut input, mut line) = (std::io::stdin().lock(), Vec::new());
    for number in 1.. {
        match lines::read(&mut input, &mut line)? {
            lines::Read::End => break,
            lines::Read::Line if line.trim_ascii().is_empty() => continue,
            lines::Read::Line => {}
            lines::Read::TooLong => anyhow::bail!("line {number}: {}", lines::too_long()),
        }
        let text = std::str::from_utf8(&line).with_context(|| format!("line {number}"))?;
        let mut case: Case = serde_json::from_str(text).with_context(|| format!("line {number}"))?;
        let page = case.page().with_context(|| format!("line {number}"))?;
        let reply = match lines(&page, case.format.into()) {
            Ok(samples) => Reply { id: case.id, ok: true, samples: Some(samples), error: None },
            Err(error) => Reply { id: case.id, ok: false, samples: None, error: Some(error.to_string()) },
        };
        print(&mut out, &reply)?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refused_page_is_a_refusal() {
        assert_eq!(code(&lines(b"up", Format::Text).map(drop).unwrap_err().into()), Code::Failed);
        let io = |kind: std::io::ErrorKind| code(&std::io::Error::from(kind).into());
        assert_eq!(io(std::io::ErrorKind::IsADirectory), Code::Unusable);
        assert_eq!(io(std::io::ErrorKind::BrokenPipe), Code::Done);
        assert_eq!(code(&serde_json::from_str::<Case>("{").map(drop).unwrap_err().into()), Code::Unusable);
    }
}
