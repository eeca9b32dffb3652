//! The paper's figures, made from results and drawn with any plotters backend. Knows neither the engine nor a browser.
//!
//! * [`chart`]: charts as plain data, drawn by plotters.
//! * [`figure`]: makes a chart and an explanation from results.
//! * [`names`]: what the protocol's kinds are called in the visitor's language.
//! * [`style_sheet`]: the charts' colours as CSS for the page, from the table in `colours`.

#![warn(missing_docs)]

pub mod chart;
mod colours;
pub mod figure;
pub mod names;
pub mod style_sheet;
