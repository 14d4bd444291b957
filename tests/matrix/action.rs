//! A follower action, and the cells of its tables.

use crate::{
    cell::{Cell, Protocol, Setting, State, Then},
    derive::{after_a_hold, changed, through_a_follower},
    expect::Expect,
    front::{Front, Spot},
};

/// A row of a table.
pub(crate) type Row = (State, Then, Expect);

/// A follower action, and its tables.
#[derive(Clone, Copy)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// Builds the gated server as an application would.
    pub(crate) front: fn(&Spot<'_>) -> Front,
    /// The rows without any other setting.
    pub(crate) plain: &'static [Row],
    /// For each other setting, the rows that it changes.
    pub(crate) settings: &'static [(Setting, &'static [Row])],
    /// Whether requests are held, with `wait_up_to`.
    pub(crate) waits: bool,
    /// Whether the layers of tower-http are around the gate and inside of it.
    pub(crate) is_layered: bool,
}

impl Action {
    pub(crate) const fn waiting(self) -> Self {
        Self {
            waits: true,
            ..self
        }
    }

    pub(crate) const fn layered(self) -> Self {
        Self {
            is_layered: true,
            ..self
        }
    }

    pub(crate) fn cells(&self) -> Vec<Cell<'_>> {
        let plain = self.rows(&[]);
        let mut rows: Vec<_> = plain.iter().map(|row| (Setting::Plain, *row)).collect();
        for &(setting, changes) in self.settings {
            // To save time, some rows are not repeated with a setting that does not change them.
            let is_once = |row: &Row| self.is_layered || row.0.is_behind_follower();
            let with_setting = self.rows(changes).into_iter();
            let with_setting = with_setting.filter(|row| !(is_once(row) && plain.contains(row)));
            rows.extend(with_setting.map(|row| (setting, row)));
        }
        let cells = rows
            .into_iter()
            .flat_map(|(setting, (state, then, expect))| {
                let protocols = Protocol::ALL.into_iter();
                let protocols = protocols.filter(move |protocol| state.is_seen_by(*protocol));
                protocols.map(move |protocol| Cell {
                    action: self,
                    setting,
                    state,
                    then,
                    protocol,
                    expect,
                })
            });
        cells.collect()
    }

    /// The rows with a setting that changes these.
    fn rows(&self, changes: &[Row]) -> Vec<Row> {
        let rows = changed(self.plain, changes);
        let with_hold = match self.waits {
            true => after_a_hold(&rows),
            false => rows.clone(),
        };
        let through = through_a_follower(&rows, &with_hold);
        [with_hold, through].concat()
    }
}
