//! Which numbers were ever used: reserved before anything is built, then published or burned, never free again.
//!
//! A pure state machine around one document that fits a `ConfigMap`; the caller reads it, calls one function, and writes it
//! back by compare-and-swap. Everything is idempotent per owner (the Release's UID), so that a repeat after a crash gives the
//! same number. Recent entries are kept in full, older ones as a high-water mark; reserved ones are never folded away.
//!
//! Deliberately absent: time, and any way back from published.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::tag;

/// How many finished entries are kept in full.
pub const RECENT: usize = 100;
/// Most reservations at once; one more is refused.
pub const MAX_RESERVED: usize = 200;
/// Largest accepted document, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;

/// What became of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Taken by a Release that is under way.
    Reserved,
    /// Out.
    Published,
    /// Not out, or nobody knows; not to be used again.
    Burned,
}

/// How much of a reservation is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burn {
    /// The candidate's label only: nothing was handed to the publisher.
    Candidate,
    /// The final number too: publishing was begun, so the number may be out somewhere.
    Final,
}

/// What stands between an owner's reservation and the use of its final number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: whoever reserved the same version later waits for this owner.
    Free,
    /// A candidate of the same version that was reserved earlier is under way.
    Behind(Version),
    /// This final number was used meanwhile: the owner's own or a higher one.
    Lost(Version),
    /// The owner's reservation is not there.
    Missing,
}

/// One number and its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// UID of the Release.
    pub owner: String,
    /// The final version.
    pub version: Version,
    /// N of the label `<version>-rc.N`.
    pub candidate: u64,
    /// The commit that it stands for.
    pub commit: String,
    /// What became of it.
    pub state: State,
    /// The final number is used up, not only the label. Always so when published.
    #[serde(default)]
    pub final_used: bool,
}

impl Entry {
    /// The label `<version>-rc.N`.
    pub fn candidate_version(&self) -> Version {
        label(&self.version, self.candidate)
    }
}

/// `<core>-rc.<number>`
pub(super) fn label(core: &Version, number: u64) -> Version {
    let mut version = tag::core(core);
    version.pre = semver::Prerelease::new(&format!("rc.{number}")).unwrap_or_default();
    version
}

/// What folded entries had used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HighWater {
    /// The highest final number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The highest candidate number of each version above that one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub candidates: BTreeMap<Version, u64>,
}

/// The used numbers of one component and line. The default is an empty ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// What older entries had used.
    pub high_water: HighWater,
    /// Owners that ended without a number, the newest last: a reservation of theirs that comes late is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<String>,
}

/// Why the ledger refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The document cannot be read.
    #[error("ledger: {0}; restore the ConfigMap from a backup, or delete it only if every used number has a tag")]
    Unreadable(String),
    /// The owner holds a number for another commit.
    #[error("ledger: owner {owner} holds {held} for another commit; create a new Release for this one")]
    OtherCommit {
        /// UID of the Release.
        owner: String,
        /// The number that it holds.
        held: Version,
    },
    /// The number is used.
    #[error("ledger: {number} is used; read the ledger again and plan anew")]
    Used {
        /// The label or final number in question.
        number: Version,
    },
    /// The owner ended before.
    #[error("ledger: owner {owner} has ended and takes no number any more; create a new Release")]
    Closed {
        /// UID of the Release.
        owner: String,
    },
    /// Nothing was reserved.
    #[error("ledger: owner {owner} holds no number; reserve one before it is built")]
    NotReserved {
        /// UID of the Release.
        owner: String,
    },
    /// A finished number does not change.
    #[error("ledger: {number} is {state:?} and stays so")]
    Finished {
        /// The number in question.
        number: Version,
        /// What became of it.
        state: State,
    },
    /// Too many reservations at once.
    #[error("ledger: {MAX_RESERVED} numbers are reserved; finish or delete Releases first")]
    Full,
}

impl Ledger {
    /// Reads a stored document. Bounded, and every number is checked: people can edit a `ConfigMap`.
    pub fn from_json(text: &str) -> Result<Self, LedgerError> {
        if text.len() > MAX_BYTES {
            return Err(LedgerError::Unreadable(format!("{} bytes are above the limit of {MAX_BYTES}", text.len())));
        }
        let ledger: Self = serde_json::from_str(text).map_err(|error| LedgerError::Unreadable(error.to_string()))?;
        if let Some(bad) = ledger.entries.iter().find(|entry| !tag::is_final(&entry.version) || entry.candidate == 0) {
            let label =
                format!("entry {} rc.{} is not a final version with a candidate from 1", bad.version, bad.candidate);
            return Err(LedgerError::Unreadable(label));
        }
        Ok(ledger)
    }

    /// The document to store.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The owner's entry.
    pub fn entry(&self, owner: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.owner == owner)
    }

    /// The highest candidate number that was ever used for a version; 0 for none.
    pub fn highest_candidate(&self, version: &Version) -> u64 {
        let recent = self.entries.iter().filter(|entry| entry.version == *version).map(|entry| entry.candidate);
        let older = self.high_water.candidates.get(version).copied();
        recent.chain(older).max().unwrap_or(0)
    }

    /// Whether a final number is used up.
    pub fn final_used(&self, version: &Version) -> bool {
        self.high_water.version.as_ref().is_some_and(|mark| version <= mark)
            || self.entries.iter().any(|entry| entry.final_used && entry.version == *version)
    }

    /// Takes a number for an owner. An owner that holds one for the same commit gets that one again, whatever is asked now.
    pub fn reserve(
        &mut self,
        owner: &str,
        commit: &str,
        version: &Version,
        candidate: u64,
    ) -> Result<Entry, LedgerError> {
        if let Some(held) = self.entry(owner) {
            return if held.commit == commit {
                Ok(held.clone())
            } else {
                Err(LedgerError::OtherCommit { owner: owner.to_owned(), held: held.candidate_version() })
            };
        }
        if self.is_closed(owner) {
            return Err(LedgerError::Closed { owner: owner.to_owned() });
        }
        let version = tag::core(version);
        if self.final_used(&version) {
            return Err(LedgerError::Used { number: version });
        }
        if candidate <= self.highest_candidate(&version) {
            return Err(LedgerError::Used { number: label(&version, candidate) });
        }
        if self.entries.iter().filter(|entry| entry.state == State::Reserved).count() >= MAX_RESERVED {
            return Err(LedgerError::Full);
        }
        let entry = Entry {
            owner: owner.to_owned(),
            version,
            candidate,
            commit: commit.to_owned(),
            state: State::Reserved,
            final_used: false,
        };
        self.entries.push(entry.clone());
        self.fold();
        Ok(entry)
    }

    /// Whether the owner may hand its final number to the publisher. Since all see the same order of labels, two never may at once.
    pub fn claim(&self, owner: &str) -> Claim {
        let Some(own) = self.entry(owner) else { return Claim::Missing };
        let others = || self.entries.iter().filter(|other| other.owner != owner);
        let used =
            others().filter(|other| other.final_used && other.version >= own.version).map(|other| &other.version);
        let mark = self.high_water.version.as_ref().filter(|mark| **mark >= own.version);
        if let Some(used) = used.chain(mark).max() {
            return Claim::Lost(used.clone());
        }
        let earlier = others().find(|other| {
            other.state == State::Reserved && other.version == own.version && other.candidate < own.candidate
        });
        earlier.map_or(Claim::Free, |other| Claim::Behind(other.candidate_version()))
    }

    /// Records that the owner's number is out, whatever stands here: the outcome is a fact, also when the reservation was taken away by hand,
    /// or when somebody else used the number too.
    pub fn settle_published(&mut self, owner: &str, commit: &str, version: &Version, candidate: u64) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.owner == owner) {
            entry.state = State::Published;
            entry.final_used = true;
        } else {
            self.entries.push(Entry {
                owner: owner.to_owned(),
                version: tag::core(version),
                candidate: candidate.max(1),
                commit: commit.to_owned(),
                state: State::Published,
                final_used: true,
            });
        }
        self.fold();
    }

    /// The owner's final number is out. Also after [`Burn::Final`], when a person found that it is.
    pub fn publish(&mut self, owner: &str) -> Result<(), LedgerError> {
        let Some(own) = self.entries.iter().position(|entry| entry.owner == owner) else {
            return Err(LedgerError::NotReserved { owner: owner.to_owned() });
        };
        let version = self.entries[own].version.clone();
        let taken =
            self.entries.iter().any(|other| other.owner != owner && other.final_used && other.version == version);
        if taken {
            return Err(LedgerError::Used { number: version });
        }
        let entry = &mut self.entries[own];
        if entry.state == State::Burned && !entry.final_used {
            return Err(LedgerError::Finished { number: entry.candidate_version(), state: entry.state });
        }
        entry.state = State::Published;
        entry.final_used = true;
        self.fold();
        Ok(())
    }

    /// Whether the owner ended without a number.
    pub fn is_closed(&self, owner: &str) -> bool {
        self.closed.iter().any(|closed| closed == owner)
    }

    /// The owner's number will not be published. An owner without one is remembered instead, so that it never gets one: the write by which
    /// it asked may still be under way.
    pub fn burn(&mut self, owner: &str, burn: Burn) -> Result<(), LedgerError> {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.owner == owner) else {
            if !self.is_closed(owner) {
                self.closed.push(owner.to_owned());
                let surplus = self.closed.len().saturating_sub(RECENT);
                self.closed.drain(..surplus);
            }
            return Ok(());
        };
        if entry.state == State::Published {
            return Err(LedgerError::Finished { number: entry.version.clone(), state: entry.state });
        }
        entry.state = State::Burned;
        entry.final_used |= burn == Burn::Final;
        self.fold();
        Ok(())
    }

    /// Folds the oldest finished entries into the high-water mark.
    fn fold(&mut self) {
        let finished = self.entries.iter().filter(|entry| entry.state != State::Reserved).count();
        for _ in RECENT..finished {
            let Some(oldest) = self.entries.iter().position(|entry| entry.state != State::Reserved) else { return };
            let entry = self.entries.remove(oldest);
            if entry.final_used && self.high_water.version.as_ref().is_none_or(|mark| *mark < entry.version) {
                self.high_water.version = Some(entry.version.clone());
            }
            let highest = self.high_water.candidates.entry(entry.version).or_insert(0);
            *highest = entry.candidate.max(*highest);
        }
        if let Some(mark) = &self.high_water.version {
            self.high_water.candidates.retain(|version, _| version > mark);
        }
    }
}
