//! `kubectl-seaworthy judge --series` as a script calls it, from reading JSON to printing the last verdict: `cargo bench -p seaworthy-cli --bench judge`.
//!
//! 10,000 series of 720 points, one in two without a leak; the exit code is 1 when it takes longer than was promised, or more than
//! a tenth of either half is not told apart. Deliberately absent: making the series, which is not what is measured.

use std::fmt::Write as _;
use std::fs::File;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// All of it takes at most this.
const MOST: Duration = Duration::from_secs(30);
const SERIES: u32 = 10_000;
const POINTS: u32 = 720;

/// Noise in [-1, 1): the same numbers for ever.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let bits = u32::try_from(*state >> 32).unwrap_or(0);
    f64::from(bits) / 2_147_483_648.0 - 1.0
}

fn line(id: u32, state: &mut u64) -> String {
    let leak = if id.is_multiple_of(2) { 0.0 } else { 8.0 };
    let (mut times, mut values) = (String::new(), String::new());
    for k in 0..POINTS {
        let comma = if k == 0 { "" } else { "," };
        let level = 120.0 + leak * f64::from(k) / 120.0 + 3.0 * noise(state);
        // Writing into a String cannot fail.
        let _ = write!(times, "{comma}{}", 30 * k);
        let _ = write!(values, "{comma}{level}");
    }
    format!("{{\"id\":{id},\"t\":[{times}],\"v\":[{values}]}}\n")
}

fn main() -> std::io::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("series.jsonl");
    let mut state = 7;
    std::fs::write(&path, (0..SERIES).map(|id| line(id, &mut state)).collect::<String>())?;
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy"))
        .args(["judge", "--series", "-", "--tolerable-per-hour", "1", "--unacceptable-per-hour", "4"])
        .stdin(File::open(&path)?)
        .stderr(Stdio::inherit())
        .output()?;
    let took = began.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let count = |word: &str| text.lines().filter(|l| l.contains(&format!("\"verdict\":\"{word}\""))).count();
    let (passed, failed) = (count("Passed"), count("Failed"));
    println!("{SERIES} series of {POINTS} points: {:.2} s (at most {} s)", took.as_secs_f64(), MOST.as_secs());
    println!("{passed} Passed, {failed} Failed of {} answers", text.lines().count());
    let half = SERIES as usize / 2;
    let right = [passed, failed].iter().all(|count| count * 10 >= half * 9);
    Ok(if output.status.success() && right && took <= MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
