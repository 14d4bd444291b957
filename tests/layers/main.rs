//! Imports point down the layers, and form no circle. Time, tasks and random numbers come from below.
//!
//! - `source`: the modules of `src/` and their imports.
//! - `graph`: finds circles.
//! - `surroundings`: what only `clock` and `runtime` may use; `named`: all that a module names.
//!
//! Exempt are code under `#[cfg(test)]`, and `lib.rs` and the `pub use self::..` of a `mod.rs`, which are the public
//! faces of the crate and of a folder.

#![allow(clippy::unwrap_used, reason = "tests")]

mod graph;
mod named;
mod source;
mod surroundings;

use self::source::{Import, Source};

/// From bottom to top. A module imports from its own layer and from the layers below.
const LAYERS: &[&[&str]] = &[
    &["error", "metric", "sync"],
    &["names"],
    &["clock"],
    &["lease", "runtime"],
    &["store"],
    &["shards", "task"],
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
    assert!(up.is_empty(), "these imports point up:\n{}", list(&up));
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
        "these imports go through the crate root or the importer's own folder:\n{}",
        list(&detours)
    );
}

#[test]
fn every_module_is_checked() {
    let source = Source::read();
    assert!(source.modules().count() > 80);
    assert!(source.imports().len() > 300);
}
