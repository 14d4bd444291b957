//! Library code takes time, tasks and random numbers from `clock` and `runtime`, so that a simulation decides all of
//! them. A `select!` has to be biased, because an unbiased one draws a random number.
//!
//! Exempt is `store::jetstream` as well: it talks to NATS, and a simulation has its own store.

use std::collections::BTreeSet;

use syn::File;

use crate::{named::Named, source::Source};

const EXEMPT: &[&str] = &["clock", "runtime", "store::jetstream"];

fn is_exempt(module: &str, exempt: &str) -> bool {
    let rest = module.strip_prefix(exempt);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether a path leads around `clock` and `runtime`.
fn is_forbidden(path: &[String]) -> bool {
    let parts: Vec<_> = path.iter().map(String::as_str).collect();
    match parts[..] {
        ["tokio", "time" | "spawn" | "runtime" | "*", ..] | ["std", "thread" | "*", ..] => true,
        ["tokio", "task", item, ..] => {
            item.starts_with("spawn") || ["JoinSet", "*"].contains(&item)
        }
        ["getrandom", ..] => true,
        ["uuid", "Uuid", function, ..] => function.starts_with("new_") || function == "now_v7",
        // A generator may be passed on, and created from a seed.
        ["fastrand", "Rng", function, ..] => ["new", "default"].contains(&function),
        ["fastrand", item, ..] => item != "Rng",
        _ => false,
    }
}

/// What library code must not contain.
fn violations(file: &File) -> BTreeSet<String> {
    let named = Named::by(file);
    let paths = named.paths().filter(|path| is_forbidden(path));
    let selects = named
        .unbiased()
        .filter(|path| path.last().is_some_and(|name| name == "select"));
    paths
        .map(|path| path.join("::"))
        .chain(selects.map(|path| path.join("::") + "! without `biased`"))
        .collect()
}

#[test]
fn surroundings_are_reached_through_the_runtime() {
    let source = Source::read();
    let mut found = Vec::new();
    for (module, file) in source.modules() {
        if !EXEMPT.iter().any(|exempt| is_exempt(module, exempt)) {
            let violations = violations(file).into_iter();
            found.extend(violations.map(|what| format!("{module}: {what}")));
        }
    }
    let list = found.join("\n");
    assert!(
        found.is_empty(),
        "use `clock` or `runtime` in place of:\n{list}"
    );
}

#[test]
fn every_exemption_is_used() {
    let source = Source::read();
    for exempt in EXEMPT {
        let mut modules = source.modules();
        let is_used =
            modules.any(|(module, file)| is_exempt(module, exempt) && !violations(file).is_empty());
        assert!(is_used, "{exempt}");
    }
}

#[test]
fn each_kind_of_violation_is_found() {
    for (code, expected) in [
        ("use tokio::time::sleep;", "tokio::time::sleep"),
        ("fn f(_: std::thread::Thread) {}", "std::thread::Thread"),
        ("fn f() { tokio::spawn(g()); }", "tokio::spawn"),
        (
            "use tokio::task as tasks; fn f() { tasks::spawn_blocking(g); }",
            "tokio::task::spawn_blocking",
        ),
        (
            "use uuid::Uuid; fn f() { println!(\"{}\", [Uuid::new_v4()]); }",
            "uuid::Uuid::new_v4",
        ),
        ("fn f() -> u64 { fastrand::u64(..) }", "fastrand::u64"),
        ("fn f() { getrandom::u64(); }", "getrandom::u64"),
        (
            "use fastrand::Rng; fn f() { Rng::new(); }",
            "fastrand::Rng::new",
        ),
        (
            "async fn f() { tokio::select! { () = g() => {} } }",
            "tokio::select! without `biased`",
        ),
        (
            "use tokio::select; fn f() { pin!(async { select! { () = g() => {} } }); }",
            "tokio::select! without `biased`",
        ),
    ] {
        let found = violations(&syn::parse_str(code).unwrap());
        assert_eq!(found, BTreeSet::from([expected.to_owned()]), "{code}");
    }
}

#[test]
fn tests_and_seeded_generators_are_no_violation() {
    let code = r#"
        use fastrand::Rng;
        fn f(rng: &mut Rng) { Rng::with_seed(rng.u64(..)); }
        async fn g() { tokio::select! { biased; () = f() => {} } }
        #[cfg(test)] use std::thread;
        #[cfg(all(test, unix))] fn h() { tokio::spawn(g()); }
        #[cfg(test)] mod tests { fn i() { fastrand::u64(..); } }
    "#;
    let found = violations(&syn::parse_str(code).unwrap());
    assert_eq!(found, BTreeSet::new());
}
