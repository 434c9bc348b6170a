//! Prometheus' own parsers, in a Go program beside this file: built once, asked over a pipe.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The program while it runs.
pub(crate) struct GoParsers {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl GoParsers {
    /// Builds and starts the program; `folder` takes its binary.
    pub(crate) fn start(folder: &Path) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scanner/go");
        let binary = folder.join("parsers");
        let built = Command::new("go")
            .args(["build", "-mod=readonly", "-buildvcs=false", "-o"])
            .arg(&binary)
            .current_dir(source)
            .status()
            .expect("Go is not in PATH: install the version that benches/scanner/go/go.mod names, or a newer one");
        assert!(built.success(), "go build ended with {built}");
        let mut child = Command::new(binary)
            // One core for each parser, as ours has one; Go's collector may still use others.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("could not start the parsers");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    /// How long `parser` takes for `times` passes over the page in `file`, and how many series it saw.
    pub(crate) fn time(&mut self, parser: &str, times: u32, file: &Path) -> (Duration, usize) {
        writeln!(self.input, "{parser} {times} {}", file.display()).expect("the parsers ended");
        let mut reply = String::new();
        self.output.read_line(&mut reply).expect("the parsers ended");
        let mut numbers = reply.split_whitespace().map(|n| n.parse::<u64>().expect("nanoseconds and series"));
        let nanoseconds = numbers.next().expect("nanoseconds");
        (Duration::from_nanos(nanoseconds), usize::try_from(numbers.next().expect("series")).expect("series"))
    }
}

impl Drop for GoParsers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
