//! The tables, as the README shows them.

use crate::subject::{Subject, Turn};

/// Prints the median of each figure over all rounds.
pub(crate) fn print(body: &str, subjects: &[Subject], rounds: &[Vec<Turn>]) {
    println!("| {body} | requests/s | p99 | CPU, each | x nginx | x direct |");
    println!("|---|---|---|---|---|---|");
    let nginx = subjects.iter().position(|s| s.label.starts_with("nginx"));
    for (i, subject) in subjects.iter().enumerate() {
        let of = |figure: fn(&Turn) -> f64| median(rounds.iter().map(|round| figure(&round[i])));
        let rate = of(|turn| turn.rate);
        let p99 = of(|turn| turn.p99.as_secs_f64() * 1e3);
        let cpu = of(|turn| turn.cpu.as_secs_f64() * 1e6);
        let beside = |other: usize| {
            let ratio = median(rounds.iter().map(|round| round[i].rate / round[other].rate));
            format!("{ratio:.2}")
        };
        let beside_nginx = nginx.map_or_else(String::new, beside);
        println!(
            "| {} | {rate:.0} | {p99:.2} ms | {cpu:.1} µs | {beside_nginx} | {} |",
            subject.label,
            beside(0),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
