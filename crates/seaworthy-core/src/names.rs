//! Names of children: deterministic, so that a create after a crash meets what it made before.

use std::fmt::Write as _;

/// The longest name of a Job whose pods can still carry it as a label.
pub const MAX: usize = 63;

/// `<parent>-<purpose>-<attempt>`, cut and hashed where it would not fit into [`MAX`] characters.
///
/// Two different inputs give different names except with the probability of a 40-bit collision.
pub fn child(parent: &str, purpose: &str, attempt: u32) -> String {
    fit(&format!("{parent}-{purpose}-{attempt}"))
}

/// The name itself if it fits into [`MAX`], else its beginning and a hash of the whole.
pub fn fit(name: &str) -> String {
    // A dot is legal in an object's name but not in a label or a pod's host name.
    let flat = name.replace('.', "-");
    if flat.len() <= MAX && flat == name {
        return flat;
    }
    let keep: String = flat.chars().take(MAX - 11).collect();
    let mut out = keep.trim_end_matches('-').to_owned();
    // Writing to a String cannot fail.
    let _ = write!(out, "-{:010x}", fnv1a(name.as_bytes()) & 0xff_ffff_ffff);
    out
}

/// FNV-1a, 64 bit (the constants of the Fowler-Noll-Vo page): short, stable across versions, not a secret.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stay_and_long_ones_are_cut_and_hashed() {
        assert_eq!(child("pepr-x1", "candidate", 1), "pepr-x1-candidate-1");
        let (a, b) = (child(&"a".repeat(60), "s", 1), child(&"a".repeat(60), "s", 2));
        assert!(a.len() <= MAX && b.len() <= MAX && a != b, "{a} {b}");
        assert_ne!(fit("v1.2"), fit("v1-2"));
    }
}
