//! The language, by scripts and by properties.

mod depth;
mod promqltest;
mod properties;
mod scripts;
