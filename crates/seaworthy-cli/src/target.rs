//! What a command is about: `NAME`, `release/NAME`, `e2e/NAME`, `soak/NAME`, as kubectl writes and reads names.

use std::{fmt, str::FromStr};

/// The kinds that run and finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `Release`.
    Release,
    /// `E2ERun`.
    E2ERun,
    /// `SoakTest`.
    SoakTest,
}

impl Kind {
    /// As in `kind:`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Release => "Release",
            Self::E2ERun => "E2ERun",
            Self::SoakTest => "SoakTest",
        }
    }

    /// As people type it before the slash.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::E2ERun => "e2e",
            Self::SoakTest => "soak",
        }
    }
}

/// One object, without its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its kind; `Release` when none was written.
    pub(crate) kind: Kind,
    /// Its name.
    pub(crate) name: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.short(), self.name)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (parse_kind(kind)?, name),
            None => (Kind::Release, text),
        };
        // The name becomes part of a request's path: what is no name must never get there.
        let ok = (1..=253).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !ok {
            return Err(format!(
                "{name:?} is no object's name: lower-case letters, digits, '-' and '.', as in `kubectl get`"
            ));
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    // `kubectl create -o name` prints release.seaworthy.dev/NAME.
    let short = text.to_ascii_lowercase();
    let short =
        short.strip_suffix(".v1alpha1.seaworthy.dev").or(short.strip_suffix(".seaworthy.dev")).unwrap_or(&short);
    match short {
        "release" | "releases" | "rel" => Ok(Kind::Release),
        "e2erun" | "e2eruns" | "e2e" => Ok(Kind::E2ERun),
        "soaktest" | "soaktests" | "soak" => Ok(Kind::SoakTest),
        _ => Err(format!("{text:?} is no kind that can be looked at: use release/NAME, e2e/NAME or soak/NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_kubectl_writes_them() {
        for (text, kind, name) in [
            ("pepr-1", Kind::Release, "pepr-1"),
            ("release/a.b", Kind::Release, "a.b"),
            ("release.seaworthy.dev/a", Kind::Release, "a"),
            ("Releases/a", Kind::Release, "a"),
            ("e2e/a", Kind::E2ERun, "a"),
            ("e2erun.seaworthy.dev/a", Kind::E2ERun, "a"),
            ("soak/a", Kind::SoakTest, "a"),
            ("soaktests.v1alpha1.seaworthy.dev/a", Kind::SoakTest, "a"),
        ] {
            assert_eq!(text.parse(), Ok(Target { kind, name: name.into() }), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        let long = "a".repeat(254);
        for text in ["", "soak/", "pod/a", "release/a/b", "../secrets/x", "A", "-a", "a-", "a b", &*long] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
