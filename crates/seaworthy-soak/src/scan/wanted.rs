//! The prefilter: which metrics a caller wants to see of a page that is validated whole all the same.

/// The metric names whose samples are handed over. All others are validated and counted, but cost no conversion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Sorted; `None` stands for every name.
    names: Option<Vec<String>>,
}

impl Wanted {
    /// Every sample of the page.
    pub fn all() -> Self {
        Self { names: None }
    }

    /// Only samples of these metrics. An empty list validates and counts, and hands over nothing.
    pub fn names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self { names: Some(names) }
    }

    /// Whether samples of the metric `name` (escapes resolved) are wanted.
    pub fn contains(&self, name: &str) -> bool {
        match &self.names {
            None => true,
            Some(names) => names.binary_search_by(|n| n.as_str().cmp(name)).is_ok(),
        }
    }
}
