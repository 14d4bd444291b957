//! Every link inside the repository has a target.

use std::path::Path;

use crate::page::{Page, is_relative};

fn check(page: &Page) {
    let definitions = page.definitions();
    let targets = definitions.iter().map(|(_, target)| *target);
    for target in targets.chain(page.inline()) {
        let shown = page.path.display();
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        if !is_relative(target) && !target.starts_with('#') {
            continue;
        }
        let linked = match file {
            "" => page.path.clone(),
            file => page.path.parent().unwrap().join(file),
        };
        assert!(linked.exists(), "{shown} links to {target}");
        if !anchor.is_empty() {
            let anchors = Page::read(&linked).anchors();
            assert!(
                anchors.iter().any(|found| found == anchor),
                "{shown} links to {target}, which has {anchors:?}"
            );
        }
    }
    for label in page.used() {
        assert!(
            definitions.iter().any(|(defined, _)| *defined == label),
            "{} does not define [{label}]",
            page.path.display()
        );
    }
}

#[test]
fn every_link_of_the_readme_has_a_target() {
    for path in ["README.md", "CHANGELOG.md", "tests/earlier/README.md"] {
        check(&Page::read(Path::new(path)));
    }
}

#[test]
fn every_link_of_a_page_has_a_target() {
    Page::all().iter().for_each(check);
}
