//! The paper's figures, made from results and drawn with any plotters backend. Knows neither the engine nor a browser.
//!
//! * [`chart`]: charts as plain data, drawn by plotters.
//! * [`figure`]: makes a chart and an explanation from results.

#![warn(missing_docs)]

pub mod chart;
pub mod figure;
