//! Between the vocabulary and columns, both ways: one file a table.

pub mod bodies;
pub mod columns;
pub mod logs;
pub mod runs;
pub mod samples;
pub mod spans;
