// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sweeps: many experiments that differ in a few fields, on one machine or a cluster.
//!
//! One list is the plan, append-only journals are the results, and everything else is made from these two.
//!
//! - **Plan** ([`plan`]). The sweep file's points, each expanded, validated and assembled before anything runs, as `plan.jsonl`: a header (version,
//!   axes, stages, seeds, rule for more seeds), then a line per point with its values and, for each stage, the hashes of the
//!   expanded experiment and of the program. The text is a function of the sweep file, its base and the build alone.
//! - **Run.** Named by (hash of the expanded experiment of its stage, hash of the program, place of the stage, seed, version): [`store::RunKey`]. Equal names,
//!   equal results. So a second start does what is missing, a changed sweep reuses what it shares with the old one, and two
//!   points that come out equal are run once (in each shard).
//! - **Journal** ([`store`]). A finished run is one line, an ordinary record (`sim report` and `sim explain` read it) that ends in the number
//!   of its point, where the axes stand, and a checksum of all before. It is written by one `write` at the end of
//!   `records.partial.jsonl` (`records.partial.I-of-N.jsonl` in a shard). A kill can only cut the last line short; such a line is
//!   no run, and the next start begins a line of its own.
//! - **Closing** ([`close`]). When all runs are there, `records.jsonl` is written in the order of the plan, with point and axes as the plan has
//!   them now, and `runs.csv` and `points.csv` from it. All are renamed into place, then the journals go. Threads, shards, kills and
//!   restarts leave no trace in these bytes. Records that belong to no run of the plan are kept in `others.jsonl`, and used again if a
//!   later plan has them.
//! - **More seeds** ([`adaptive`]). Decided stage by stage of a point, in rounds, from the values of all runs of the rounds before, so the number of seeds is a
//!   function of the results and not of who was first. The plan's header has the rule; whoever reads a store can repeat the decision.
//! - **Work** ([`crew`]). Threads take runs from one queue, the longest first by an estimate from short runs ([`estimate`]). Points are
//!   expanded again by whoever needs them, records go to the file and are forgotten, so memory does not grow with the number of runs.
//! - **Shards.** Shard i of N takes the points whose number leaves the remainder i - 1; it needs nothing but the sweep file and its own
//!   journal. `--engine slurm` submits shards as an array, and submits again those that are not complete.

pub mod adaptive;
pub mod close;
pub mod crew;
mod disk;
pub mod estimate;
mod line;
mod maker;
pub mod plan;
pub mod store;
pub mod verify;
