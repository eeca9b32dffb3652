//! The paper's figures, made from results and drawn on any backend of plotters. Knows neither the engine nor a browser.
//!
//! * [`chart`]: plain data in, plotters drawing out.
//! * [`figure`]: from results, a chart and a sentence each.

#![warn(missing_docs)]

pub mod chart;
pub mod figure;
