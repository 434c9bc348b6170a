//! `${NAME}` in the demo's files.
//!
//! Deliberately absent: anything but names. Logic belongs into the files or into Rust, never between them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Names and what stands for them.
#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<String, String>);

impl Values {
    /// Sets a value; the last one counts.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The value.
    ///
    /// Errors: it was never set.
    pub(crate) fn get(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("no value for {name:?}"))
    }

    /// The text with every `${NAME}` replaced.
    ///
    /// Errors: an unknown name, or a `${` without its end.
    pub(crate) fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, remaining)) = after.split_once('}') else { bail!("a ${{ without its }}") };
            filled.push_str(before);
            filled.push_str(self.get(name)?);
            rest = remaining;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The same for a file.
    pub(crate) fn fill_file(&self, path: &Path) -> Result<String> {
        let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
        // Comments may show the syntax itself.
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        self.fill(&(lines.join("\n") + "\n")).with_context(|| format!("in {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_unknown_ones_refused() {
        let mut values = Values::default();
        values.set("A", "1");
        assert_eq!(values.fill("x${A}y${A}").unwrap(), "x1y1");
        assert_eq!(values.fill("costs $5").unwrap(), "costs $5");
        assert!(values.fill("${B}").unwrap_err().to_string().contains('B'));
        assert!(values.fill("${A").is_err());
    }
}
