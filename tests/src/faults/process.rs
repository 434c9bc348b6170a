//! The operator as it is shipped, in a process of its own: what a signal, a restart or a second one beside it does to it.
//!
//! Where [`super::instance`] ends a life at an exact call, this ends it wherever SIGKILL happens to find it.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::cluster::variable;

/// A running operator that looks after one namespace; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    namespace: String,
    lives: u32,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// When its program is not known or cannot be started.
    pub fn start(namespace: &str) -> Result<Self> {
        Ok(Self { child: spawn(namespace)?, namespace: namespace.to_owned(), lives: 1 })
    }

    /// Kills it with SIGKILL and starts it again.
    ///
    /// # Errors
    /// When it was not there to be killed, or cannot be started.
    pub fn kill_and_start(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        anyhow::ensure!(ended.is_none(), "the operator of {} ended by itself: {ended:?}", self.namespace);
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(&self.namespace)?;
        self.lives += 1;
        Ok(())
    }

    /// How many lives it has begun.
    pub const fn lives(&self) -> u32 {
        self.lives
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; whoever waits for its work sees that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(namespace: &str) -> Result<Child> {
    let program = variable("SEAWORTHY_TEST_OPERATOR")?;
    Command::new(&program)
        .args(["--namespace", namespace, "--watch-namespace", namespace, "--listen", "127.0.0.1:0"])
        .args(["--image", "registry.example/operator", "--git-image", "registry.example/git", "--kubelet-insecure-tls"])
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("could not start {program}"))
}

/// Pauses between `from` and `to`, the same for the same seed (splitmix64).
pub fn pauses(seed: u64, from: Duration, to: Duration) -> impl Iterator<Item = Duration> {
    let span = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX).max(1);
    (1u64..).map(move |n| {
        let mut z = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from + Duration::from_millis((z ^ (z >> 31)) % span)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_the_same_for_a_seed_and_within_bounds() {
        let (from, to) = (Duration::from_secs(1), Duration::from_secs(3));
        let of = |seed| pauses(seed, from, to).take(100).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert!(of(1).iter().all(|p| (from..to).contains(p)));
    }
}
