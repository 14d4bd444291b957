//! A Markdown page and its links.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A Markdown page of the repository.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    /// The text without code blocks.
    text: String,
}

impl Page {
    pub(crate) fn read(path: impl AsRef<Path>) -> Self {
        let path = Path::new(ROOT).join(path);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let prose = text.split("\n```").step_by(2).collect();
        Self { path, text: prose }
    }

    /// The pages of `docs/`.
    pub(crate) fn all() -> Vec<Self> {
        let mut paths: Vec<_> = fs::read_dir(Path::new(ROOT).join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect();
        paths.sort();
        paths.iter().map(Self::read).collect()
    }

    /// The name of the file, without its extension.
    pub(crate) fn name(&self) -> &str {
        self.path.file_stem().unwrap().to_str().unwrap()
    }

    /// Whether the page starts with "For maintainers.", and so is not part of the guide.
    pub(crate) fn is_for_maintainers(&self) -> bool {
        self.text
            .lines()
            .nth(2)
            .unwrap()
            .starts_with("For maintainers.")
    }

    /// The definitions of its reference links: label and target.
    pub(crate) fn definitions(&self) -> Vec<(&str, &str)> {
        self.text.lines().filter_map(definition).collect()
    }

    /// The targets of its inline links.
    pub(crate) fn inline(&self) -> Vec<&str> {
        let after = self.text.split("](").skip(1);
        after.map(|rest| rest.split(')').next().unwrap()).collect()
    }

    /// The labels of the links that are written as `[text][label]`.
    pub(crate) fn used(&self) -> BTreeSet<&str> {
        let after = self.text.split("][").skip(1);
        after.map(|rest| rest.split(']').next().unwrap()).collect()
    }

    /// The anchors of its headings.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|line| {
                let title = line.trim_start_matches('#').trim().to_lowercase();
                let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
                title
                    .chars()
                    .filter(kept)
                    .collect::<String>()
                    .replace(' ', "-")
            })
            .collect()
    }
}

/// The definition of a reference link, such as `[label]: target`.
pub(crate) fn definition(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('[')?.split_once("]: ")
}

/// Whether a link leads to another file of the repository.
pub(crate) fn is_relative(target: &str) -> bool {
    !target.starts_with('#') && !target.contains("://")
}
