//! The addresses of a cluster: sixteen slots within 198.18.0.0/15, so that as many clusters live side by side.
//!
//! Why that range: RFC 2544 keeps it for benchmarks, so it clashes with nobody and is never routed beyond the machine.

use std::net::Ipv4Addr;

/// How many clusters one machine can hold at a time.
pub(crate) const SLOTS: u8 = 16;

/// One slot; everything that must differ between clusters follows from its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot(u8);

/// An IPv4 range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    /// The first address.
    pub(crate) base: Ipv4Addr,
    /// Prefix length, 0 to 32.
    pub(crate) prefix: u8,
}

impl Slot {
    /// Every slot, lowest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..SLOTS).map(Self)
    }

    /// None when `number` is not below [`SLOTS`].
    pub(crate) fn new(number: u8) -> Option<Self> {
        (number < SLOTS).then_some(Self(number))
    }

    /// The number, from 0.
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// Name of the host's end of the veth pair.
    pub(crate) fn interface(self) -> String {
        format!("seaworthy{}", self.0)
    }

    /// The link between the host and the node.
    pub(crate) fn link(self) -> Range {
        Range { base: Ipv4Addr::new(198, 18, self.0, 0), prefix: 30 }
    }

    /// The host's address on the link.
    pub(crate) fn host_ip(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.0, 1)
    }

    /// The node's address on the link: the API server, the registry and the git server listen here.
    pub(crate) fn node_ip(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.0, 2)
    }

    /// Addresses of pods.
    pub(crate) fn pods(self) -> Range {
        Range { base: Ipv4Addr::new(198, 18, 128 + 8 * self.0, 0), prefix: 21 }
    }

    /// Addresses of Services.
    pub(crate) fn services(self) -> Range {
        Range { base: Ipv4Addr::new(198, 19, 16 * self.0, 0), prefix: 20 }
    }

    /// The address of the Service `kubernetes`, always the first of its range.
    pub(crate) fn kubernetes_ip(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 19, 16 * self.0, 1)
    }

    /// All ranges that must be free on the host.
    pub(crate) fn ranges(self) -> [Range; 3] {
        [self.link(), self.pods(), self.services()]
    }
}

impl Range {
    /// Reads `a.b.c.d/p`, or `a.b.c.d` as a single address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (base, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
        Some(Self { base: base.parse().ok()?, prefix })
    }

    /// True when the two ranges share an address.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let prefix = self.prefix.min(other.prefix);
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        self.base.to_bits() & mask == other.base.to_bits() & mask
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ranges_of_any_slots_overlap_and_all_are_benchmark_addresses() {
        let all = Range::parse("198.18.0.0/15").unwrap();
        let ranges: Vec<Range> = Slot::all().flat_map(Slot::ranges).collect();
        for (index, range) in ranges.iter().enumerate() {
            assert!(range.overlaps(all) && range.prefix > all.prefix, "{range}");
            for other in &ranges[index + 1..] {
                assert!(!range.overlaps(*other), "{range} {other}");
            }
        }
        assert_eq!(ranges.len(), 48);
    }

    #[test]
    fn ranges_parse_and_overlap_at_their_bounds() {
        let link = Range::parse("198.18.0.0/30").unwrap();
        assert!(link.overlaps(Range::parse("198.18.0.3").unwrap()));
        assert!(!link.overlaps(Range::parse("198.18.0.4").unwrap()));
        assert!(link.overlaps(Range::parse("0.0.0.0/0").unwrap()));
        assert_eq!(Range::parse("198.18.0.0/33"), None);
        assert_eq!(Range::parse("default"), None);
        assert!(Slot::new(SLOTS).is_none());
    }
}
