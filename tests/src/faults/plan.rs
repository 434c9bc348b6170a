//! Which call is broken, and how: at one exact call, or by chance from a seed. Pure.
//!
//! A call is named by what it does and how often that was done before (`PUT releases/r/status #3`), never by a running number: calls of
//! different objects come in any order, and a name means the same call in every run, also after a fault: a write that was not carried out
//! keeps its number.

use std::{fmt, time::Duration};

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operator's process is gone before the call is sent.
    DieBefore,
    /// The API server has done it, and the operator's process is gone before it hears of it.
    DieAfter,
    /// The API server has done it, and the answer is lost.
    DropReply,
    /// It arrives late.
    Delay(Duration),
    /// The API server answers with this code, and says when to come again.
    Refuse(u16, Option<u32>),
    /// The API server answers with this code, after this long.
    RefuseLate(Duration, u16),
    /// A watch ends after this long.
    CutWatch(Duration),
    /// A watch is told that its place in history is gone (410).
    Gone,
    /// A watcher's list is one that was true before.
    OldList,
}

/// The faults that every write must survive.
pub const AT_EVERY_WRITE: [Fault; 3] = [Fault::DieBefore, Fault::DieAfter, Fault::DropReply];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DieBefore => f.write_str("die before"),
            Self::DieAfter => f.write_str("die after"),
            Self::DropReply => f.write_str("drop reply"),
            Self::Delay(by) => write!(f, "delay {} ms", by.as_millis()),
            Self::Refuse(code, None) => write!(f, "answer {code}"),
            Self::Refuse(code, Some(after)) => write!(f, "answer {code}, Retry-After {after}"),
            Self::RefuseLate(after, code) => write!(f, "answer {code} after {} ms", after.as_millis()),
            Self::CutWatch(after) => write!(f, "cut after {} ms", after.as_millis()),
            Self::Gone => f.write_str("answer 410"),
            Self::OldList => f.write_str("older list"),
        }
    }
}

/// What sort of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Merges.
    Patch,
    /// Deletes.
    Delete,
    /// Reads one.
    Get,
    /// Reads many.
    List,
    /// Follows many.
    Watch,
}

impl Verb {
    /// Whether it changes something.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch | Self::Delete)
    }
}

/// One call of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// What sort.
    pub verb: Verb,
    /// Resource, name where it is the same in every run, subresource.
    pub what: String,
    /// How often that was carried out, if this time is; of a read, how often it was asked.
    pub ordinal: u32,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} #{}", format!("{:?}", self.verb).to_uppercase(), self.what, self.ordinal)
    }
}

/// Which calls are broken.
#[derive(Debug, Clone)]
pub enum Plan {
    /// None.
    Clean,
    /// These, once each.
    At(Vec<(Call, Fault)>),
    /// Every call to a resource whose name begins so, always the same way.
    Always(Verb, &'static str, Fault),
    /// The first so many calls to each resource.
    First(u32, Verb, Fault),
    /// By chance, the same for the same seed: of 1000 calls about this many, and at most this many in all.
    Random {
        /// The seed.
        seed: u64,
        /// Calls of 1000 that are broken.
        per_mille: u64,
        /// The most faults; then everything works, so that an end can be reached.
        most: usize,
    },
}

impl Plan {
    /// What is done to this call, asked for the `tried`th time, when these faults were done before.
    pub fn fault(&self, call: &Call, tried: u32, done: &[(Call, Fault)]) -> Option<Fault> {
        match self {
            Self::Clean => None,
            Self::At(all) => {
                let (at, fault) = all.iter().find(|(at, _)| at == call)?;
                (!done.iter().any(|(was, _)| was == at)).then_some(*fault)
            }
            Self::Always(verb, what, fault) => (*verb == call.verb && call.what.starts_with(what)).then_some(*fault),
            Self::First(many, verb, fault) => (*verb == call.verb && call.ordinal <= *many).then_some(*fault),
            Self::Random { seed, per_mille, most } => {
                let chance = mix(*seed, call, tried);
                (done.len() < *most && chance % 1000 < *per_mille).then(|| chosen(call.verb, chance / 1000))
            }
        }
    }
}

/// A number that depends on the seed and the call alone (FNV-1a, then the finalizer of splitmix64).
fn mix(seed: u64, call: &Call, tried: u32) -> u64 {
    let text = format!("{seed}/{call}/{tried}");
    let mut hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn chosen(verb: Verb, chance: u64) -> Fault {
    let writes = [
        Fault::DieBefore,
        Fault::DieAfter,
        Fault::DropReply,
        Fault::Delay(Duration::from_millis(50 + chance % 700)),
        Fault::Refuse(409, None),
        Fault::Refuse(429, Some(1)),
        Fault::Refuse(500, None),
        Fault::Refuse(503, Some(1)),
        Fault::Refuse(504, None),
    ];
    let reads = [
        Fault::DieBefore,
        Fault::DropReply,
        Fault::Delay(Duration::from_millis(50 + chance % 700)),
        Fault::Refuse(429, Some(1)),
        Fault::Refuse(500, None),
        Fault::Refuse(503, None),
        Fault::Refuse(504, None),
    ];
    let watches = [Fault::CutWatch(Duration::from_millis(chance % 900)), Fault::Gone, Fault::Refuse(503, None)];
    let lists = [Fault::OldList, Fault::Refuse(500, None), Fault::Delay(Duration::from_millis(50 + chance % 700))];
    let of = |all: &[Fault]| all[usize::try_from(chance).unwrap_or(usize::MAX) % all.len()];
    match verb {
        Verb::Post | Verb::Put | Verb::Patch | Verb::Delete => of(&writes),
        Verb::Get => of(&reads),
        Verb::Watch => of(&watches),
        Verb::List => of(&lists),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_call_is_broken_once() {
        let call = Call { verb: Verb::Put, what: "releases/r/status".into(), ordinal: 3 };
        let all = vec![(call.clone(), Fault::DieBefore)];
        let plan = Plan::At(all.clone());
        assert_eq!(plan.fault(&call, 1, &[]), Some(Fault::DieBefore));
        assert_eq!(plan.fault(&call, 2, &all), None);
        assert_eq!(plan.fault(&Call { ordinal: 4, ..call }, 1, &[]), None);
    }

    #[test]
    fn a_seed_breaks_the_same_calls_again_and_another_seed_breaks_others() {
        let of = |seed| -> Vec<_> {
            let plan = Plan::Random { seed, per_mille: 100, most: 1000 };
            let call = |ordinal| Call { verb: Verb::Put, what: "releases/r/status".into(), ordinal };
            (0..1000).map(|n| plan.fault(&call(n), 1, &[])).collect()
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        let broken = of(7).iter().flatten().count();
        assert!((60..140).contains(&broken), "{broken} of 1000");
    }
}
