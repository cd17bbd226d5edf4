//! For authors of stores: the [conformance suite](conformance) of what a store does for followers.

pub mod conformance;
