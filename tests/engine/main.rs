//! Tests of the engine as a whole: against independent programs, on models found in the wild, and of its session's promises.

mod common;
mod edit;

mod bad_files;
mod families;
mod foreign_models;
mod measurements;
mod methods;
mod paper_table;
mod parity;
mod real_models;
mod repair;
mod save;
mod search;
mod session;
