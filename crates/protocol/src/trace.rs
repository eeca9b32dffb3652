//! Recorded runs: what an engine told, kept as one JSON object, so that a page without an engine shows the same.
//!
//! `prunescope record` and the page's "Save trace" write them. A trace names its model, its date and the program's
//! version; whoever shows it says that it is recorded.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::messages::RunEvent;
use crate::results::ModelInfo;
use crate::settings::{ModelChoice, RunSettings, Settings};

/// The version of the format that this program writes, and the only one that it reads.
pub const VERSION: u32 = 1;
/// A number of layers that no model reaches.
const MAX_LAYERS: usize = 1000;
/// The key that every trace begins with; its value is the version.
pub const KEY: &str = "prunescope_trace";

/// A recorded run with its measurements, and runs of neighbouring plans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trace {
    /// The version of this format, [`VERSION`].
    #[serde(rename = "prunescope_trace")]
    #[cfg_attr(feature = "schema", schemars(extend("const" = VERSION)))]
    pub version: u32,
    /// The version of the program that recorded it.
    pub program: String,
    /// The day on which it was recorded, as YYYY-MM-DD.
    pub recorded: String,
    /// The model.
    pub model: ModelInfo,
    /// The runs. The first is the one to show; the others answer for plans that a visitor may choose from there.
    pub runs: Vec<RecordedRun>,
}

/// One recorded run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordedRun {
    /// Its settings.
    pub settings: Settings,
    /// What the engine told of the run and of measurements after it, in order, without progress.
    pub events: Vec<RunEvent>,
}

/// Why a text is no trace that can be shown.
#[derive(Debug, Error)]
pub enum TraceError {
    /// It is something else.
    #[error(
        "it is no trace of Prunescope's, which begins with the key {KEY}: choose a file that \"Save trace\" or `prunescope record` wrote"
    )]
    NoTrace,
    /// It was written by another version.
    #[error(
        "it is a trace of version {found}, and this page reads version {VERSION}: record it again with this version of the program"
    )]
    Version {
        /// Its version.
        found: u64,
    },
    /// It is damaged.
    #[error("the trace is damaged ({0}): download or record it again")]
    Damaged(#[from] serde_json::Error),
    /// Its model has no layers, or more than any that this program runs.
    #[error("the trace's model has {found} layers, not 1 to {MAX_LAYERS}: the file is damaged or made up")]
    Layers {
        /// Their number.
        found: usize,
    },
    /// Its results are of layers that its model does not have.
    #[error(
        "the trace has results of layer {layer}, but its model has the layers 0 to {last}: the file is damaged or made up"
    )]
    NoSuchLayer {
        /// The layer.
        layer: usize,
        /// The model's last layer.
        last: usize,
    },
    /// It holds nothing to show.
    #[error("the trace holds no run: record it again")]
    Empty,
}

impl Trace {
    /// The JSON Schema of traces.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads a trace.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn read(text: &str) -> Result<Self, TraceError> {
        // The version alone first: another version's trace may be anything from there on.
        let begin = text.trim_start().strip_prefix('{').map(str::trim_start);
        let begin = begin.and_then(|begin| begin.strip_prefix(&format!("{KEY:?}"))).map(str::trim_start);
        let Some(begin) = begin.and_then(|begin| begin.strip_prefix(':')) else { return Err(TraceError::NoTrace) };
        let mut values = serde_json::Deserializer::from_str(begin).into_iter::<u64>();
        if let Some(found) = values.next().transpose()?.filter(|found| *found != u64::from(VERSION)) {
            return Err(TraceError::Version { found });
        }
        let trace: Self = serde_json::from_str(text)?;
        // A page draws switches for each layer.
        let layers = trace.model.config.layers;
        if layers == 0 || layers > MAX_LAYERS {
            return Err(TraceError::Layers { found: layers });
        }
        if trace.runs.is_empty() {
            return Err(TraceError::Empty);
        }
        let last_named = trace.runs.iter().flat_map(|run| &run.events).filter_map(last_layer).max();
        match last_named.filter(|layer| *layer >= layers) {
            Some(layer) => Err(TraceError::NoSuchLayer { layer, last: layers - 1 }),
            None => Ok(trace),
        }
    }

    /// The settings of the run to show.
    pub fn settings(&self) -> Option<&Settings> {
        self.runs.first().map(|run| &run.settings)
    }

    /// The recorded run that has these settings, if there is one.
    pub fn find(&self, models: &ModelChoice, run: &RunSettings) -> Option<&RecordedRun> {
        self.runs.iter().find(|known| same_models(&known.settings.models, models) && known.settings.run == *run)
    }

    /// The importance of the model's sublayers, which belongs to all runs.
    pub fn importance(&self) -> Option<&RunEvent> {
        self.runs.first()?.events.iter().find(|event| matches!(event, RunEvent::Importance { .. }))
    }

    /// Whether an event belongs in a trace: progress and what ends a run do not.
    pub fn records(event: &RunEvent) -> bool {
        // Of a comparison on texts the last report says all.
        let is_partial = matches!(event, RunEvent::TextFidelity { report } if report.done < report.total);
        !is_partial
            && !matches!(
                event,
                RunEvent::Working { .. }
                    | RunEvent::Measured { .. }
                    | RunEvent::Stopped
                    | RunEvent::Failed { .. }
                    | RunEvent::Done { .. }
            )
    }
}

/// The last layer that an event has results of, if it has results of layers.
fn last_layer(event: &RunEvent) -> Option<usize> {
    match event {
        RunEvent::Layers { layers, .. } => layers.iter().map(|of| of.layer).max(),
        RunEvent::Switches { effects } => effects.iter().map(|of| of.layer).max(),
        RunEvent::Weights { weights } => weights.matrices.iter().map(|of| of.layer).max(),
        RunEvent::Importance { importance } => importance.attention.len().max(importance.mlp.len()).checked_sub(1),
        _ => None,
    }
}

/// Whether two choices are the same models in the same precision. Neither where they compute nor a hub changes a number.
pub fn same_models(a: &ModelChoice, b: &ModelChoice) -> bool {
    (&a.model, &a.other, a.precision) == (&b.model, &b.other, b.precision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SublayerKind;
    use crate::results::{ComparedPosition, SwitchEffect};

    fn trace() -> Trace {
        let next = RunEvent::NextToken { compared: Box::new(ComparedPosition::default()) };
        let run = |plan: &str| {
            let mut settings = Settings::example();
            settings.run.plan = plan.parse().unwrap();
            RecordedRun { settings, events: vec![next.clone()] }
        };
        let model = serde_json::from_value(serde_json::json!({
            "source": "", "name": "x", "family": "llama", "layers": 4, "hidden": 8, "feed_forward": 16, "heads": 2, "key_value_heads": 1,
            "head_dim": 4, "vocabulary": 32, "context": 64, "norm_epsilon": 1e-5, "activation": "silu", "rotary": null, "window": null,
            "windowed": [], "attention_scale": 0.5, "embedding_scale": 1.0, "parallel": false, "stored_as": "F32", "has_chat_template": true,
            "parts": { "attention_bias": "if_there", "output_bias": "if_there", "mlp_bias": "if_there", "head": "if_there" },
        }));
        Trace {
            version: VERSION,
            program: "0.1.0".into(),
            recorded: "2026-11-29".into(),
            model: model.unwrap(),
            runs: vec![run("m2"), run("m3")],
        }
    }

    #[test]
    fn what_was_written_is_read_and_found_by_its_settings() {
        let written = serde_json::to_string(&trace()).unwrap();
        assert!(written.starts_with(&format!("{{\"{KEY}\":1")), "{written}");
        let read = Trace::read(&written).unwrap();
        assert_eq!(read, trace());
        let mut settings = Settings::example();
        settings.run.plan = "m3".parse().unwrap();
        settings.models.backend = crate::settings::BackendChoice::Cpu;
        assert_eq!(read.find(&settings.models, &settings.run), Some(&read.runs[1]));
        settings.run.tokens += 1;
        assert_eq!(read.find(&settings.models, &settings.run), None);
        settings.run.tokens -= 1;
        settings.models.model = "other.gguf".into();
        assert_eq!(read.find(&settings.models, &settings.run), None);
    }

    #[test]
    fn what_is_no_trace_is_refused_with_the_reason() {
        let why = |text: &str| Trace::read(text).unwrap_err().to_string();
        let written = serde_json::to_string(&trace()).unwrap();
        for text in ["", "[]", "{\"a\":1}", "hello", "{\"prunescope_trac", "[{\"prunescope_trace\":1}]"] {
            assert!(why(text).contains("no trace"), "{text}");
        }
        assert!(why(&written.replacen(":1", ":7", 1)).contains("version 7"));
        for cut in [KEY.len() + 4, 30, written.len() / 2, written.len() - 1] {
            assert!(why(&written[..cut]).contains("damaged"), "{cut}: {}", why(&written[..cut]));
        }
        assert!(why(&written.replace("\"layers\":4", "\"layers\":0")).contains("0 layers"));
        let mut beyond = trace();
        beyond.runs[1].events.push(RunEvent::Switches {
            effects: vec![SwitchEffect {
                layer: 4,
                sublayer: SublayerKind::Mlp,
                drops: true,
                cos_p: 1.0,
                kl_dense_pruned: 0.0,
            }],
        });
        assert!(why(&serde_json::to_string(&beyond).unwrap()).contains("layer 4"));
        let none = Trace { runs: vec![], ..trace() };
        assert!(why(&serde_json::to_string(&none).unwrap()).contains("no run"));
    }
}
