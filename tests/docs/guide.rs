//! Every page is a module of `src/guide.rs`, which defines a target on docs.rs for each of its links.

use std::{collections::BTreeMap, fs, path::Path};

use crate::page::{Page, ROOT, definition, is_relative};

/// The modules of the guide: the page that each includes, and its link definitions.
fn modules() -> BTreeMap<String, Vec<(String, String)>> {
    let source = fs::read_to_string(Path::new(ROOT).join("src/guide.rs")).unwrap();
    let modules = source.split("\npub mod ").skip(1).map(|module| {
        let (name, body) = module.split_once(" {").unwrap();
        let included = format!("include_str!(\"../docs/{name}.md\")");
        assert!(
            body.contains(&included),
            "module {name} does not include its page"
        );
        let docs = body.lines().filter_map(|line| {
            let doc = line.trim().strip_prefix("#![doc = \"")?;
            let (label, target) = definition(doc.strip_suffix("\"]")?)?;
            Some((label.to_owned(), target.to_owned()))
        });
        (name.to_owned(), docs.collect())
    });
    modules.collect()
}

#[test]
fn every_page_is_a_module_of_the_guide() {
    let pages = Page::all();
    let guides = pages.iter().filter(|page| !page.is_for_maintainers());
    let guides: Vec<_> = guides.map(|page| page.name().to_owned()).collect();
    assert_eq!(guides, modules().into_keys().collect::<Vec<_>>());
}

#[test]
fn every_relative_link_has_a_target_in_the_guide() {
    let modules = modules();
    for page in Page::all() {
        let Some(overrides) = modules.get(page.name()) else {
            continue;
        };
        let name = page.name();
        for target in page.inline() {
            assert!(
                !is_relative(target),
                "{name} links to {target} inline; define it at the end of the page"
            );
        }
        let definitions = page.definitions();
        for (label, target) in &definitions {
            // The guide is part of this crate's documentation, so a link to it on docs.rs becomes a link to an item.
            let is_own = is_relative(target) || target.contains("docs.rs/noleader/");
            let is_overridden = overrides.iter().any(|(overridden, _)| overridden == label);
            assert_eq!(is_own, is_overridden, "[{label}] of {name}");
        }
        for (label, target) in overrides {
            assert!(
                definitions.iter().any(|(defined, _)| defined == label),
                "[{label}] is not used in {name}"
            );
            assert!(
                !is_relative(target) || target.starts_with("crate::"),
                "[{label}]: {target}"
            );
        }
    }
}
