// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people and programs read of a sweep: a table with a row for each run, one with a row for each point and stage, and the interval by
//! which it is decided whether a point has had enough seeds.

mod columns;
mod interval;
mod table;

pub use columns::{COLUMNS, Column, Kind, Value, column};
pub use interval::{Interval, interval};
pub use table::{AxisColumn, PointRows, Schema, columns_of_rows, json_line};
