//! The oracle: requests made of prost's types, and what they mean in the model, converted in the plainest way.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod expect;
pub mod json;
pub mod make;
