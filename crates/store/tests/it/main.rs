//! The store as its users see it, on a directory.

mod common;
mod compaction;
mod conversations;
mod erase;
mod faults;
mod fixtures;
mod full_disk;
mod model;
mod retention;
mod rows;
mod stopped;
mod store;
mod upkeep;
mod within;
