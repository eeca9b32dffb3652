//! The data that page and engine exchange: a model's shape, pruning plans, settings and their link, results, task sets,
//! requests and events. Nothing here computes with a model or depends on a browser.

#![warn(missing_docs)]

pub mod messages;
pub mod model;
pub mod prune;
pub mod results;
pub mod settings;
mod tagged;
pub mod tasks;
pub mod trace;
