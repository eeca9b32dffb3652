//! What page and engine say to each other, as plain data: a model's shape, a pruning plan, settings and their link, results, sets of
//! tasks, requests and events. Nothing here computes with a model or knows a browser.

#![warn(missing_docs)]

pub mod messages;
pub mod model;
pub mod prune;
pub mod results;
pub mod settings;
pub mod tasks;
