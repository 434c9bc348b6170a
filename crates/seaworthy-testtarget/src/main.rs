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
    let mut memory: Vec<Vec<u8>> = Vec::new();
    loop {
        thread::sleep(Duration::from_millis(100));
        let age = began.elapsed().as_secs_f64();
        if settings.exit_after.is_some_and(|after| age >= after) {
            std::process::exit(1);
        }
        if settings.grow_mib_per_second > 0.0 && age >= settings.after {
            let wanted = (age - settings.after) * settings.grow_mib_per_second;
            while f64::from(u32::try_from(memory.len()).unwrap_or(u32::MAX)) < wanted {
                // Written to, or the kernel would not count it.
                memory.push(vec![1; 1 << 20]);
            }
        }
    }
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
