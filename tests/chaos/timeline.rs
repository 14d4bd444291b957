//! Draws a run as a picture: whose gate was open when, and the faults.

use std::fmt::{self, Write};

use crate::{
    cast::{CANDIDATES, SERVERS},
    clock::seconds,
    faults::{Done, Lane},
    history::Tenure,
    run::Run,
};

/// The most seconds per row; a long run has many rows.
const ROW_SECS: f64 = 75.0;
const ROW_WIDTH: f64 = 1440.0;
const LEFT: f64 = 78.0;
const WIDTH: f64 = LEFT + ROW_WIDTH + 30.0;
const LANE: f64 = 38.0;
const HEAD: f64 = 64.0;
const ROW_GAP: f64 = 40.0;
const LANES: usize = CANDIDATES + SERVERS + 2;
/// The width of a letter in a label.
const LETTER: f64 = 6.5;

/// The colour of each kind of fault.
const COLOURS: [(&str, &str); 20] = [
    ("kill", "#d62728"),
    ("restart", "#ff9896"),
    ("restart all", "#8c0d0e"),
    ("stop", "#ff7f0e"),
    ("copy", "#8c564b"),
    ("move", "#5d3a33"),
    ("pause", "#ffb347"),
    ("cut out", "#9467bd"),
    ("cut in", "#6a3fa0"),
    ("cut", "#4b2878"),
    ("slow", "#c5a3e8"),
    ("step down", "#17a2b8"),
    ("shut down", "#0b6b7a"),
    ("put back", "#1a1a8c"),
    ("move leader", "#bcbd22"),
    ("delete", "#e377c2"),
    ("delete all", "#a2397f"),
    ("remove bucket", "#5c1f49"),
    ("purge", "#c04a9c"),
    ("empty", "#7f2d66"),
];

pub(crate) fn timeline(run: &Run) -> String {
    let length = seconds(run.until - run.from);
    let rows = (length / ROW_SECS).ceil().max(1.0);
    // All rows have one length, and end at a label.
    let row_secs = (length / rows / 5.0).ceil().max(1.0) * 5.0;
    let mut picture = Picture {
        svg: String::new(),
        from: run.from,
        rows: rows as usize,
        shards: run.kind.shards().get(),
        row_secs,
        second: ROW_WIDTH / row_secs,
    };
    picture.draw(run).unwrap();
    picture.svg
}

struct Picture {
    svg: String,
    from: u64,
    rows: usize,
    shards: u32,
    row_secs: f64,
    /// The width of a second.
    second: f64,
}

impl Picture {
    fn draw(&mut self, run: &Run) -> fmt::Result {
        let height = HEAD + self.rows as f64 * row_height();
        writeln!(
            self.svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="10">
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="20" font-size="15">Open gates and faults: {}, seed {}, {} terms, {} faults, {} violations</text>"##,
            run.kind.name(),
            run.seed,
            run.history.tenures.len(),
            run.faults.done.len(),
            run.violations.len()
        )?;
        self.legend()?;
        for row in 0..self.rows {
            self.grid(row)?;
        }
        for tenure in &run.history.tenures {
            self.term(tenure)?;
        }
        let mut free = vec![f64::MIN; LANES];
        for fault in &run.faults.done {
            self.fault(fault, &mut free)?;
        }
        writeln!(self.svg, "</svg>")
    }

    fn legend(&mut self) -> fmt::Result {
        let mut x = 10.0;
        let mut entry = |svg: &mut String, colour: &str, opacity: f64, text: &str| {
            writeln!(
                svg,
                r#"<rect x="{x:.1}" y="32" width="14" height="12" fill="{colour}" fill-opacity="{opacity}"/><text x="{:.1}" y="42">{text}</text>"#,
                x + 18.0
            )?;
            x += 30.0 + LETTER * text.len() as f64;
            Ok(())
        };
        entry(&mut self.svg, "#2ca02c", 0.9, "gate open, with its token")?;
        entry(&mut self.svg, "#2ca02c", 0.3, "requests after it closed")?;
        for (name, colour) in COLOURS {
            entry(&mut self.svg, colour, 0.6, name)?;
        }
        Ok(())
    }

    fn grid(&mut self, row: usize) -> fmt::Result {
        let top = row_top(row);
        let bottom = top + LANES as f64 * LANE;
        for lane in 0..LANES {
            let (y, shade) = (top + lane as f64 * LANE, ["#f4f4f4", "#ffffff"][lane % 2]);
            writeln!(
                self.svg,
                r#"<rect x="{LEFT}" y="{y}" width="{ROW_WIDTH}" height="{LANE}" fill="{shade}"/><text x="10" y="{}">{}</text>"#,
                y + LANE / 2.0 + 4.0,
                lane_name(lane)
            )?;
        }
        for second in 0..=self.row_secs as usize {
            let (x, label) = (
                LEFT + second as f64 * self.second,
                row * self.row_secs as usize + second,
            );
            let (ink, text) = match second % 5 {
                0 => ("#bbbbbb", format!("{label} s")),
                _ => ("#e6e6e6", String::new()),
            };
            writeln!(
                self.svg,
                r#"<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" stroke="{ink}" stroke-width="0.6"/><text x="{x}" y="{}" text-anchor="middle">{text}</text>"#,
                bottom + 13.0
            )?;
        }
        Ok(())
    }

    /// Draws a term: its gate was open at least from the first to the last admission.
    fn term(&mut self, tenure: &Tenure) -> fmt::Result {
        let lane = tenure.holder.0;
        let begun = tenure.begun();
        let open = tenure.last_outside.max(tenure.shut.unwrap_or(0)).max(begun);
        let done = tenure.last_done.max(open);
        let part = 18.0 / f64::from(self.shards);
        let top = 16.0 + part * f64::from(tenure.term.shard);
        self.bar(
            lane,
            (open, done),
            (top + part / 4.0, part / 2.0),
            "#2ca02c",
            0.3,
        )?;
        self.bar(lane, (begun, open), (top, part), "#2ca02c", 0.9)?;
        // No label fits on a bar of a shard.
        let (1, Some((x, top))) = (self.shards, self.place(begun)) else {
            return Ok(());
        };
        writeln!(
            self.svg,
            r##"<text x="{:.1}" y="{:.1}" font-size="9" fill="#063806">{}</text>"##,
            x + 2.0,
            top + lane as f64 * LANE + 29.0,
            tenure.term.token
        )
    }

    fn fault(&mut self, fault: &Done, free: &mut [f64]) -> fmt::Result {
        let colour = COLOURS.iter().find(|(name, _)| *name == fault.name);
        let colour = colour.map_or("#000000", |(_, colour)| colour);
        let lane = lane_of(fault.lane);
        self.bar(
            lane,
            (fault.from, fault.until),
            (2.0, LANE - 4.0),
            colour,
            0.35,
        )?;
        let Some((x, top)) = self.place(fault.from) else {
            return Ok(());
        };
        // A label that would overlap another is left out; the colour still shows the kind.
        let global = seconds(fault.from - self.from) * self.second;
        if global < free[lane] {
            return Ok(());
        }
        free[lane] = global + LETTER * fault.name.len() as f64;
        writeln!(
            self.svg,
            r#"<text x="{:.1}" y="{:.1}" fill="{colour}" font-weight="bold">{}</text>"#,
            x + 1.0,
            top + lane as f64 * LANE + 12.0,
            fault.name
        )
    }

    /// Draws a bar in a lane, across as many rows as necessary.
    fn bar(
        &mut self,
        lane: usize,
        (from, until): (u64, u64),
        (top, height): (f64, f64),
        colour: &str,
        opacity: f64,
    ) -> fmt::Result {
        let at = |time: u64| seconds(time.saturating_sub(self.from));
        let (from, until) = (at(from), at(until));
        for row in 0..self.rows {
            let begin = row as f64 * self.row_secs;
            let (a, b) = (from.max(begin), until.min(begin + self.row_secs));
            if a > b || until == 0.0 {
                continue;
            }
            writeln!(
                self.svg,
                r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{height}" fill="{colour}" fill-opacity="{opacity}"/>"#,
                LEFT + (a - begin) * self.second,
                row_top(row) + lane as f64 * LANE + top,
                ((b - a) * self.second).max(1.5)
            )?;
        }
        Ok(())
    }

    /// The position of a time: its x, and the top of its row.
    fn place(&self, time: u64) -> Option<(f64, f64)> {
        let at = seconds(time.saturating_sub(self.from));
        let row = (at / self.row_secs) as usize;
        let x = LEFT + (at - row as f64 * self.row_secs) * self.second;
        (row < self.rows).then(|| (x, row_top(row)))
    }
}

fn row_height() -> f64 {
    LANES as f64 * LANE + ROW_GAP
}

fn row_top(row: usize) -> f64 {
    HEAD + row as f64 * row_height()
}

fn lane_of(lane: Lane) -> usize {
    match lane {
        Lane::Candidate(index) => index,
        Lane::Server(index) => CANDIDATES + index,
        Lane::Servers => CANDIDATES + SERVERS,
        Lane::Key => CANDIDATES + SERVERS + 1,
    }
}

fn lane_name(lane: usize) -> String {
    match lane {
        lane if lane < CANDIDATES => format!("candidate {lane}"),
        lane if lane < CANDIDATES + SERVERS => format!("server {}", lane - CANDIDATES),
        lane if lane == CANDIDATES + SERVERS => "cluster".to_owned(),
        _ => "the key".to_owned(),
    }
}
