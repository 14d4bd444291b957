//! Prints the tables in docs/figures.md.

use crate::rounds::{Row, Times};

pub(crate) trait Table {
    fn rows(&self) -> &[Row];

    /// The row of the layer without options, which others are compared with.
    fn default_layer(&self) -> Row;
}

/// Prints the cost of each row over the bare service, and over the layer without options.
pub(crate) fn print(title: &str, times: &Times, clock: Row, table: &impl Table) {
    println!("| {title} | adds | x one clock read | more than the default |\n|---|---|---|---|");
    println!("| one clock read | {:.0} ns | 1.00 | |", times.adds(clock));
    for &row in table.rows() {
        let label = times.label(row);
        let beyond = if label.starts_with("..") {
            format!("{:+.0} ns", times.beyond(row, table.default_layer()))
        } else {
            String::new()
        };
        let (adds, ratio) = (times.adds(row), times.ratio(row, clock));
        println!("| {label} | {adds:.0} ns | {ratio:.2} | {beyond} |");
    }
}
