//! Several advisors over one table of owners, each of which sees the table with delays. Everything follows from a seed.
//!
//! - `world`: the table, its changes and their delays; `process`: one node; `runs`: what must hold.

mod process;
mod runs;
mod world;
