//! What processes cost, as the kernel counts it.

use std::fs;

use anyhow::{Context as _, Result};

/// Clock ticks a second in `/proc`: fixed for programs, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

/// Processor time of a process until now, in seconds, all threads.
#[expect(clippy::cast_precision_loss, reason = "a process lasts less than centuries")]
pub(super) fn cpu_seconds(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).with_context(|| gone(process))?;
    // The name may hold spaces and brackets: fields are counted after its last bracket.
    let (_, rest) = text.rsplit_once(')').with_context(|| gone(process))?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<u64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user + system) as f64 / TICKS),
        _ => anyhow::bail!(gone(process)),
    }
}

/// Resident memory now and at most until now, in bytes.
pub(super) fn resident(process: u32) -> Result<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).with_context(|| gone(process))?;
    let kibibytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let field = |name: &str| kibibytes(name).map(|k| k << 10).with_context(|| gone(process));
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

fn gone(process: u32) -> String {
    format!("the process {process} has ended, or the kernel tells nothing of it")
}
