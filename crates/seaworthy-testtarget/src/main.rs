//! A target for end-to-end tests of soaks: a page of metrics whose content and manners are set by arguments `key=value`.
//!
//! Why not a real controller: a test needs one that leaks, dies, lies or hangs on time. No async, no framework: it must be small and start
//! at once. Deliberately absent: TLS (the sampler's own tests have it).

mod page;
mod settings;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{page::answer, settings::Settings};

fn main() -> Result<(), String> {
    let settings = Arc::new(Settings::parse(std::env::args().skip(1))?);
    let listener = TcpListener::bind(("0.0.0.0", settings.port)).map_err(|e| format!("port {}: {e}", settings.port))?;
    let began = Instant::now();
    {
        let settings = Arc::clone(&settings);
        thread::spawn(move || live(&settings, began));
    }
    for stream in listener.incoming().flatten() {
        let settings = Arc::clone(&settings);
        thread::spawn(move || serve(stream, &settings, began));
    }
    Ok(())
}

/// Uses memory and dies as it was told.
fn live(settings: &Settings, began: Instant) {
    /// Bytes of one piece: large enough that letting go of it gives it back to the kernel.
    const PIECE: usize = 256 << 10;
    let mut memory: Vec<Vec<u8>> = Vec::new();
    let mut files = Vec::new();
    loop {
        thread::sleep(Duration::from_millis(100));
        let age = began.elapsed().as_secs_f64();
        if settings.exit_after.is_some_and(|after| age >= after) {
            std::process::exit(1);
        }
        let pieces = whole(settings.memory_mib(age) * 4.0);
        // Written to, or the kernel would not count it.
        memory.resize_with(pieces, || vec![1; PIECE]);
        let open = whole((age - settings.after).max(0.0) * settings.fds_per_second);
        while files.len() < open {
            let Ok(file) = std::fs::File::open("/dev/null") else { break };
            files.push(file);
        }
    }
}

/// A count that was worked out with fractions.
fn whole(count: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded on both sides just here")]
    let whole = count.clamp(0.0, 1e6) as usize;
    whole
}

fn serve(mut stream: TcpStream, settings: &Settings, began: Instant) {
    let Ok(copy) = stream.try_clone() else { return };
    // The request is read to its end, so that closing does not reset the connection; what it asks for does not matter.
    for line in BufReader::new(copy).lines() {
        match line {
            Ok(line) if line.is_empty() => break,
            Ok(_) => {}
            Err(_) => return,
        }
    }
    // Whoever asks and goes away is no concern of ours.
    let _ = answer(&mut stream, settings, began.elapsed().as_secs_f64()).and_then(|()| stream.flush());
}
