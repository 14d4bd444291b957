use std::collections::{BTreeMap, BTreeSet};

use crate::source::Import;

/// The groups of modules that import each other, directly or indirectly.
pub(crate) fn circles(imports: &[Import]) -> Vec<BTreeSet<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().insert(&import.to);
    }
    let reached: BTreeMap<_, _> = next
        .keys()
        .map(|from| (*from, reach(&next, from)))
        .collect();
    let mut circles = Vec::new();
    for (module, from_here) in &reached {
        if !from_here.contains(module) {
            continue;
        }
        let returns = |other: &&&str| reached.get(**other).is_some_and(|o| o.contains(module));
        let circle: BTreeSet<_> = from_here.iter().filter(returns).copied().collect();
        if !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

fn reach<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = next.get(from).into_iter().flatten().copied().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(next.get(module).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn circle_is_found() {
    let import = |from: &str, to: &str| Import {
        from: from.to_owned(),
        to: to.to_owned(),
        item: "Item".to_owned(),
        is_detour: false,
    };
    let mut imports = vec![import("a", "b"), import("b", "c"), import("d", "a")];
    assert!(circles(&imports).is_empty());
    imports.push(import("c", "a"));
    assert_eq!(circles(&imports), [BTreeSet::from(["a", "b", "c"])]);
}
