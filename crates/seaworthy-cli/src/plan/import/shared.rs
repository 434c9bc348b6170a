//! Reasons that several tools' settings share.

/// Why a channel of pre-releases stays behind.
pub(super) const CHANNELS: &str =
    "every Release is a candidate first, as <version>-rc.N; there are no channels of pre-releases";
/// Why formats of links stay behind.
pub(super) const LINKS: &str = "links come from version.notes.webUrl";
/// What the angular preset reads otherwise.
pub(super) const ANGULAR: &str = "does not know `!`; here `feat!:` is a breaking change";
/// Why any other preset stays behind.
pub(super) const CONVENTIONS: &str = "other conventions than Conventional Commits are not read";
/// Why a version that somebody wants stays behind.
pub(super) const FORCED: &str = "a version is forced in Release.spec.version with a reason";
/// Why what is about files and commits stays behind.
pub(super) const NO_COMMIT: &str = "no commit goes back to the branch";
