//! Whether something is there, and how sure we are.

/// What a read said about one object.
///
/// `absence-is-live`: [`Presence::AbsentLive`] comes only from the API server itself, never from a cache; nothing irrevocable may
/// follow from [`Presence::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Presence<T> {
    /// It is there.
    Present(T),
    /// The API server itself answered that it is not there.
    AbsentLive,
    /// Not read, or the read gave no answer.
    #[default]
    Unknown,
}

impl<T> Presence<T> {
    /// The object if it is there.
    pub const fn present(&self) -> Option<&T> {
        match self {
            Self::Present(t) => Some(t),
            Self::AbsentLive | Self::Unknown => None,
        }
    }
}
