//! The paper's figures, made from results and drawn on any backend of plotters. Knows neither the engine nor a browser.
//!
//! * [`chart`]: plain data in, plotters drawing out.
//! * [`figure`]: from results, a chart and a sentence each.
//! * [`style_sheet`]: the colours of the charts, for the page. The table of them is `colours`.

#![warn(missing_docs)]

pub mod chart;
mod colours;
pub mod figure;
pub mod style_sheet;
