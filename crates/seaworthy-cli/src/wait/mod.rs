//! `wait`: follows an object until it is finished; live on a terminal, one line a change in CI; the exit code tells how it ended.
//!
//! Progress goes to standard error, the final state to standard output. A watch that breaks is taken up again: only a missing permission,
//! the object's deletion, or the timeout end the waiting early.

mod follow;
mod lines;
mod screen;

use std::{process::ExitCode, time::Duration};

use seaworthy_core::time::Seconds;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::{
    follow::{Follower, Seen},
    lines::Lines,
    screen::Screen,
};
use crate::{
    cluster::{Cluster, ClusterArgs},
    exit::{self, Code, Failure},
    look,
    outcome::{Outcome, outcome},
    snapshot::{self, Snapshot},
    status::{self, Output},
    target::Target,
    tree::{Node, release},
};

/// How often a CI log hears that all is well, when nothing changes: some CI systems end jobs that are silent for ten minutes.
const HEARTBEAT: Duration = Duration::from_secs(300);

/// Waits until a Release, an E2ERun or a SoakTest is finished; the exit code tells how it ended.
#[derive(Debug, clap::Args)]
#[command(after_help = concat!("\
Progress goes to standard error (a live tree on a terminal, else one line a change); the final state goes to standard output.
A soak outlasts most hosted CI jobs: notifications are the better way then, and waiting is the second.

Exit codes:
  0  published (a run: succeeded); nothing to release, without --strict
  1  failed, aborted, superseded, or deleted meanwhile
  2  inconclusive, or unknown whether it is published; with --strict: nothing to release
  3  not finished within --timeout; it runs on
  4  could not be carried out: wrong options, no such object, no connection, no permission"))]
pub(crate) struct Args {
    /// NAME or release/NAME, e2e/NAME, soak/NAME.
    name: Target,
    /// How long to wait, e.g. 90s, 45m, 8h, 1h30m.
    #[arg(long, default_value = "120h", value_parser = duration)]
    timeout: Duration,
    /// Nothing to release counts as inconclusive (2).
    #[arg(long)]
    strict: bool,
    /// How to print the final state.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no duration: write 90s, 45m, 8h or 1h30m"))?;
    span.try_into().map_err(|_| format!("{text:?} is negative"))
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        let cluster = cluster.connect().await?;
        wait(args, &cluster).await
    })
}

async fn wait(args: &Args, cluster: &Cluster) -> Result<Code, Failure> {
    let end = Instant::now() + args.timeout;
    let first = snapshot::read(cluster, &args.name).await?;
    if let Some(code) = outcome(&first).code(args.strict) {
        status::show(&first, args.output)?;
        return Ok(code);
    }
    let mut show = Show::new();
    let mut follower = Follower::new(cluster, &args.name, first);
    let mut tick = interval(show.period());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let code = loop {
        let now = outcome(&follower.snapshot);
        show.change(&follower.snapshot);
        if let Some(code) = now.code(args.strict) {
            break code;
        }
        tokio::select! {
            seen = follower.next() => match seen? {
                Seen::Change => {}
                Seen::Deleted(why) => {
                    show.finish();
                    return Err(Failure::refused(why));
                }
                Seen::Remark(text) => show.remark(&text),
            },
            _ = tick.tick() => show.tick(&follower.snapshot),
            () = sleep_until(end) => {
                show.finish();
                late(&now, args.timeout);
                status::show(&follower.snapshot, args.output)?;
                return Ok(Code::TimedOut);
            }
        }
    };
    // The children's last words may not have come through their own watches yet.
    let last = match snapshot::read(cluster, &args.name).await {
        Ok(last) if last.uid() == follower.snapshot.uid() => last,
        Ok(_) | Err(_) => follower.snapshot,
    };
    show.change(&last);
    show.finish();
    status::show(&last, args.output)?;
    Ok(code)
}

fn late(outcome: &Outcome, timeout: Duration) {
    let said = if outcome.message.is_empty() { String::new() } else { format!(": {}", look::clean(&outcome.message)) };
    exit::remark(&format!(
        "{} is not finished after {} ({}{said}); it runs on: wait again with a longer --timeout",
        outcome.name,
        look::span(Seconds(timeout.as_secs())),
        outcome.phase,
    ));
}

/// Where progress goes.
enum Show {
    /// A terminal: the tree is drawn over itself.
    Screen(Screen),
    /// Anything else: a line a change.
    Lines(Lines),
}

impl Show {
    fn new() -> Self {
        Screen::open().map_or_else(|| Self::Lines(Lines::default()), Self::Screen)
    }

    fn period(&self) -> Duration {
        match self {
            Self::Screen(_) => Duration::from_secs(1),
            Self::Lines(_) => HEARTBEAT,
        }
    }

    fn change(&mut self, snapshot: &Snapshot) {
        let tree = tree(snapshot);
        match self {
            Self::Screen(screen) => screen.draw(&tree),
            Self::Lines(lines) => lines.change(tree, look::now()).iter().for_each(|line| exit::remark(line)),
        }
    }

    fn tick(&mut self, snapshot: &Snapshot) {
        let tree = tree(snapshot);
        match self {
            Self::Screen(screen) => screen.draw(&tree),
            Self::Lines(lines) => {
                lines.heartbeat(&tree, look::now(), HEARTBEAT).iter().for_each(|line| exit::remark(line));
            }
        }
    }

    fn remark(&mut self, text: &str) {
        self.finish();
        exit::remark(text);
    }

    /// Leaves room for what comes next.
    fn finish(&mut self) {
        if let Self::Screen(screen) = self {
            screen.clear();
        }
    }
}

fn tree(snapshot: &Snapshot) -> Node {
    release::build(snapshot, look::now())
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("45m", 2700), ("8h", 28_800), ("1h30m", 5400), ("2h 5m", 7500)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "-1h", "1 fortnight", "inf"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
