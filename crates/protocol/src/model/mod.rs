//! The shape of a decoder-only language model, the names of its parts, and where a model comes from.

pub mod config;
pub mod family;
pub mod manifest;
pub mod matrix;
pub mod repository;
pub mod sampling;
pub mod source;
pub mod sublayer;

pub use config::DecoderConfig;
pub use family::Family;
pub use matrix::{InputSite, Matrix};
pub use source::{ModelSource, RepositoryName};
pub use sublayer::{Sublayer, SublayerKind};
