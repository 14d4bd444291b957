//! The tables, as docs/figures.md has them.

use crate::rounds::{Row, Times};

pub(crate) trait Table {
    fn rows(&self) -> &[Row];

    /// The layer without options, which the others are compared with.
    fn default_layer(&self) -> Row;
}

/// Prints what each row adds to the bare service, and to the layer without options.
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
