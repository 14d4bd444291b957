//! Prints the tables in docs/figures.md.

use crate::subject::{Subject, Turn};

/// Prints the median of each figure, and of each ratio within a round, over all rounds.
pub(crate) fn print(body: &str, subjects: &[Subject], rounds: &[Vec<Turn>]) {
    println!(
        "| {body} | requests/s | x direct | x nginx | p99 | CPU per request | x nginx |\n\
         |---|---|---|---|---|---|---|"
    );
    let nginx = subjects.iter().position(|s| s.label.starts_with("nginx"));
    for (i, subject) in subjects.iter().enumerate() {
        let of = |figure: fn(&Turn) -> f64| median(rounds.iter().map(|round| figure(&round[i])));
        let ratio = |other: Option<usize>, figure: fn(&Turn) -> f64| {
            let ratios = |other: usize| {
                let ratio = |round: &Vec<Turn>| figure(&round[i]) / figure(&round[other]);
                format!("{:.2}", median(rounds.iter().map(ratio)))
            };
            other.map_or_else(String::new, ratios)
        };
        println!(
            "| {} | {:.0} | {} | {} | {:.2} ms | {:.0} µs | {} |",
            subject.label,
            of(|turn| turn.rate),
            ratio(Some(0), |turn| turn.rate),
            ratio(nginx, |turn| turn.rate),
            of(|turn| turn.p99.as_secs_f64() * 1e3),
            of(|turn| turn.cpu.as_secs_f64() * 1e6),
            ratio(nginx, |turn| turn.cpu.as_secs_f64()),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
