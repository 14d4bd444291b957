//! Imports point one way: down the layers, and never in a circle.
//!
//! - `source`: the modules of `src/` and what each one imports.
//! - `graph`: circles.
//!
//! Code under `#[cfg(test)]` is exempt, and so are `lib.rs` and the `pub use self::..` of a `mod.rs`, which are the
//! faces of the crate and of a folder.

#![allow(clippy::unwrap_used, reason = "tests")]

mod graph;
mod source;

use self::source::{Import, Source};

/// From the bottom to the top. A module imports from its own layer and from those below.
const LAYERS: &[&[&str]] = &[
    &["error", "sync"],
    &["names"],
    &["clock"],
    &["lease"],
    &["store"],
    &["task"],
    &["builder", "fencing", "health", "middleware"],
    &["worker"],
    &["guide", "test_util"],
];

fn layer(module: &str) -> usize {
    let top = module.split("::").next().unwrap_or_default();
    LAYERS
        .iter()
        .position(|layer| layer.contains(&top))
        .unwrap_or_else(|| panic!("`{top}` is in no layer: add it to LAYERS"))
}

fn list(imports: &[&Import]) -> String {
    let lines: Vec<_> = imports.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn no_import_points_up() {
    let source = Source::read();
    let imports = source.imports();
    let up = |import: &&Import| layer(&import.from) < layer(&import.to);
    let up: Vec<_> = imports.iter().filter(up).collect();
    assert!(up.is_empty(), "these point up:\n{}", list(&up));
}

#[test]
fn imports_form_no_circle() {
    let source = Source::read();
    let imports = source.imports();
    let circles = graph::circles(&imports);
    assert!(circles.is_empty(), "circles: {circles:#?}");
}

#[test]
fn imports_name_the_defining_module() {
    let source = Source::read();
    let imports = source.imports();
    let detours: Vec<_> = imports.iter().filter(|i| i.is_detour).collect();
    assert!(
        detours.is_empty(),
        "these go through the crate root or through the importer's own folder:\n{}",
        list(&detours)
    );
}

#[test]
fn every_module_is_looked_at() {
    let source = Source::read();
    assert!(source.modules().count() > 80);
    assert!(source.imports().len() > 300);
}
