//! Plan files: a plan in the form of the paper's programs, two lists in a model's `config.json`.
//!
//! LLM-Drop (<https://github.com/CASE-Lab-UMD/LLM-Drop>) names the dropped sublayers under `drop_attn_list` and
//! `drop_mlp_list`: a list of layers counted from 0, a list with true or false for each layer, or null. What these lists
//! cannot say (repair, sparsity, quantization) is under the key `prunescope`, which its programs ignore, in the plan's
//! text form.

use serde_json::{Map, Value};
use thiserror::Error;

use super::dropped::MAX_LAYER;
use super::{DroppedSublayers, PlanError, PruningPlan};
use crate::model::{Sublayer, SublayerKind};

/// The keys of the lists; a file with one of them is a plan file.
pub const LISTS: [&str; 2] = ["drop_attn_list", "drop_mlp_list"];
/// The key of the plan's other parts.
const REST: &str = "prunescope";

/// Why a plan file cannot be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlanFileError {
    /// It is not a JSON object.
    #[error("it is not a JSON object ({why}): a plan file holds drop_attn_list and drop_mlp_list, such as [7, 26]")]
    NotJson {
        /// The parser's message.
        why: String,
    },
    /// It has neither list.
    #[error("it has neither drop_attn_list nor drop_mlp_list: it names no dropped layers")]
    NoList,
    /// A list has another form.
    #[error(
        "{key} is neither a list of layers from 0 to {most}, such as [7, 26], nor a list of true and false, one for each layer",
        most = MAX_LAYER
    )]
    WrongList {
        /// The list's key.
        key: &'static str,
    },
    /// The plan's other parts are not a text.
    #[error("prunescope is not a text: it holds the plan's other parts, such as \"repair-scale_wanda-0.5\"")]
    RestNotText,
    /// One of the plan's other parts cannot be parsed.
    #[error("under prunescope, {0}")]
    Rest(#[from] PlanError),
}

/// What a plan file says.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanFile {
    /// The dropped sublayers.
    pub drop: DroppedSublayers,
    /// The plan's other parts; `None` in a file of the paper's programs.
    pub rest: Option<PruningPlan>,
}

impl PlanFile {
    /// Parses a plan file, or the `config.json` of a model with dropped layers.
    ///
    /// # Errors
    /// [`PlanFileError`] where it names no dropped layers, or not in a known form.
    pub fn read(text: &str) -> Result<Self, PlanFileError> {
        let text = text.trim_start_matches('\u{feff}');
        let map: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| PlanFileError::NotJson { why: error.to_string() })?;
        if !LISTS.iter().any(|key| map.contains_key(*key)) {
            return Err(PlanFileError::NoList);
        }
        let mut drop = DroppedSublayers::default();
        for (key, kind) in LISTS.into_iter().zip([SublayerKind::Attention, SublayerKind::Mlp]) {
            let layers = layers(map.get(key)).ok_or(PlanFileError::WrongList { key })?;
            layers.into_iter().for_each(|layer| drop.set(Sublayer { layer, kind }, true));
        }
        let rest = map.get(REST).map(|rest| rest.as_str().ok_or(PlanFileError::RestNotText)).transpose()?;
        Ok(Self { drop, rest: rest.map(str::parse).transpose()? })
    }

    /// The file's plan. Parts that the file does not mention are those of `before`.
    pub fn plan(self, before: &PruningPlan) -> PruningPlan {
        let drop = self.drop;
        PruningPlan { drop, ..self.rest.unwrap_or_else(|| before.clone()) }
    }
}

/// The layers that a list names; `None` if it has another form.
fn layers(list: Option<&Value>) -> Option<Vec<usize>> {
    let list = match list {
        None | Some(Value::Null) => return Some(vec![]),
        Some(list) => list.as_array()?,
    };
    let flags: Option<Vec<bool>> = list.iter().map(Value::as_bool).collect();
    let layers: Vec<usize> = match flags {
        Some(flags) => flags.into_iter().enumerate().filter(|(_, drops)| *drops).map(|(layer, _)| layer).collect(),
        None => list.iter().map(|layer| usize::try_from(layer.as_u64()?).ok()).collect::<Option<_>>()?,
    };
    layers.iter().all(|layer| *layer <= MAX_LAYER).then_some(layers)
}

/// The text of a plan's file.
pub fn write(plan: &PruningPlan) -> String {
    let list = |kind: SublayerKind| -> Value {
        plan.drop.dropped().filter(|sublayer| sublayer.kind == kind).map(|sublayer| sublayer.layer).collect()
    };
    let rest = PruningPlan { drop: DroppedSublayers::default(), ..plan.clone() };
    let entries = [
        (LISTS[0], list(SublayerKind::Attention)),
        (LISTS[1], list(SublayerKind::Mlp)),
        (REST, rest.to_string().into()),
    ];
    let lines = entries.map(|(key, value)| format!("  \"{key}\": {value}"));
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prune::plan::tests::any_plan;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_the_papers_programs_is_read() {
        let drop = |text: &str| PlanFile::read(text).unwrap().drop.to_string();
        // A model's whole config.json, as LLM-Drop publishes it.
        let config = r#"{"architectures": ["MistralForCausalLM"], "drop_mlp_list": null,
            "drop_attn_list": [25, 26, 24, 22], "model_type": "mistral", "num_hidden_layers": 32}"#;
        assert_eq!(drop(config), "a22,a24,a25,a26");
        assert_eq!(drop("\u{feff}{\"drop_mlp_list\": [26, 25, 26], \"drop_attn_list\": [26]}"), "m25,b26");
        assert_eq!(drop(r#"{"drop_attn_list": [false, true, false], "drop_mlp_list": [true, true, false]}"#), "m0,b1");
        assert_eq!(drop(r#"{"drop_attn_list": []}"#), "");
    }

    #[test]
    fn what_is_no_plan_says_what_one_holds() {
        for (text, says) in [
            ("", "not a JSON object"),
            ("[7]", "not a JSON object"),
            (r#"{"model_type": "llama"}"#, "neither drop_attn_list nor"),
            (r#"{"drop_attn_list": "a7"}"#, "drop_attn_list is neither"),
            (r#"{"drop_mlp_list": [true, 3]}"#, "drop_mlp_list is neither"),
            (r#"{"drop_mlp_list": [-1]}"#, "drop_mlp_list is neither"),
            (r#"{"drop_mlp_list": [10000]}"#, "from 0 to 9999"),
            (r#"{"drop_attn_list": [], "prunescope": 3}"#, "not a text"),
            (r#"{"drop_attn_list": [], "prunescope": "wanda-2"}"#, "`wanda-2` is not"),
        ] {
            let message = PlanFile::read(text).unwrap_err().to_string();
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    #[test]
    fn lists_alone_leave_the_rest_as_it_was() {
        let before: PruningPlan = "a1_repair-scale_wanda-0.5".parse().unwrap();
        let lists = PlanFile::read(r#"{"drop_mlp_list": [3]}"#).unwrap();
        assert_eq!(lists.plan(&before).to_string(), "m3_repair-scale_wanda-0.5");
        let whole = PlanFile::read(&write(&"m3".parse().unwrap())).unwrap();
        assert_eq!(whole.plan(&before).to_string(), "m3");
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_identity(plan in any_plan(), before in any_plan()) {
            let text = write(&plan);
            prop_assert_eq!(PlanFile::read(&text).unwrap().plan(&before), plan);
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,60}", list in ".{0,20}") {
            let _ = PlanFile::read(&text);
            let _ = PlanFile::read(&format!("{{\"drop_attn_list\": {list}}}"));
        }
    }
}
