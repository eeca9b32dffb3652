//! mergekit's `passthrough` of one model's blocks: what no slice keeps is dropped
//! (<https://github.com/arcee-ai/mergekit/blob/main/docs/merge_methods.md>).

use std::ops::Range;

use prunescope_protocol::model::Sublayer;
use prunescope_protocol::prune::{DroppedSublayers, PruningPlan};
use serde_json::{Value, json};

use super::{Keys, RecipeFileError, cannot, same};

/// The blocks that a recipe keeps.
#[derive(Debug)]
pub(crate) struct KeptBlocks(Vec<Slice>);

/// A stretch of blocks.
#[derive(Debug)]
struct Slice {
    layers: Range<usize>,
    /// The attention adds nothing, and the MLP.
    silent: [bool; 2],
}

impl KeptBlocks {
    pub(super) fn read(mut keys: Keys) -> Result<Self, RecipeFileError> {
        match keys.take("merge_method") {
            Some(Value::String(method)) if method == "passthrough" => {}
            Some(Value::String(method)) => return cannot(format!("merge_method {method}"), PASSTHROUGH),
            _ => return cannot("a merge without merge_method", PASSTHROUGH),
        }
        // In which format weights are written is no part of a plan.
        keys.ignore(&["dtype", "out_dtype"]);
        let (mut slices, mut models) = (Vec::<Slice>::new(), Vec::<String>::new());
        for slice in keys.list("slices") {
            let (model, slice) = read_slice(slice)?;
            if let Some(other) = models.iter().find(|other| **other != model) {
                return cannot(format!("the models {other} and {model}"), "name one model in all slices");
            }
            if let Some(before) = slices.last().filter(|before| before.layers.end > slice.layers.start) {
                let [after, before] = [&slice.layers, &before.layers].map(|of| format!("{} to {}", of.start, of.end));
                return cannot(format!("layers {after} after {before}"), "keep each layer once, in the model's order");
            }
            models.push(model);
            slices.push(slice);
        }
        keys.end()?;
        if slices.is_empty() { cannot("a merge without slices", "name the layers to keep") } else { Ok(Self(slices)) }
    }

    pub(super) fn plan(&self, layers: usize) -> Result<PruningPlan, RecipeFileError> {
        if let Some(beyond) = self.0.iter().find(|slice| slice.layers.end > layers) {
            return cannot(format!("layers up to {}", beyond.layers.end), "the model has fewer");
        }
        let drops = |layer: usize| {
            let slice = self.0.iter().find(|slice| slice.layers.contains(&layer));
            let [attention, mlp] = slice.map_or([true; 2], |slice| slice.silent);
            let sublayers = [(attention, Sublayer::attention(layer)), (mlp, Sublayer::mlp(layer))];
            sublayers.into_iter().filter(|(drops, _)| *drops).map(|(_, sublayer)| sublayer)
        };
        Ok(PruningPlan::dropping(DroppedSublayers::of((0..layers).flat_map(drops))))
    }
}

const PASSTHROUGH: &str = "only passthrough leaves the weights of one model as they are";

/// A slice with the name of its model.
fn read_slice(slice: Value) -> Result<(String, Slice), RecipeFileError> {
    let mut keys = Keys::of("a slice's", slice)?;
    let sources = <[Value; 1]>::try_from(keys.list("sources"));
    keys.end()?;
    let Ok([source]) = sources else {
        return cannot("a slice of none or several sources", "give each slice one source");
    };
    let mut keys = Keys::of("a source's", source)?;
    let Some(Value::String(model)) = keys.take("model") else {
        return cannot("a source without a model's name", "name the model");
    };
    let bounds: Vec<_> =
        keys.list("layer_range").iter().map(|bound| bound.as_u64().map(|bound| bound as usize)).collect();
    let layers = match bounds[..] {
        [Some(first), Some(end)] if first < end => first..end,
        _ => {
            return cannot(
                "a source without a layer_range of two numbers",
                "give the first layer, and the one after the last",
            );
        }
    };
    let silent = keys.take("parameters").map_or(Ok([false; 2]), silent);
    keys.end()?;
    Ok((model, Slice { layers, silent: silent? }))
}

/// Which sublayers a source's parameters silence. mergekit takes the first entry that fits a matrix; one without a filter fits every one.
fn silent(parameters: Value) -> Result<[bool; 2], RecipeFileError> {
    let mut keys = Keys::of("a source's parameters'", parameters)?;
    let scales = keys.list("scale");
    keys.end()?;
    let (mut silent, mut fits_all) = ([false; 2], false);
    for scale in scales {
        let said = scale.to_string();
        if fits_all {
            return cannot(
                format!("the scale {said} after one without a filter"),
                "mergekit takes the first that fits: write the one without a filter last",
            );
        }
        let refused = || cannot(format!("the scale {said}"), "scale o_proj or down_proj by 0, and nothing else");
        let Ok(mut keys) = Keys::of("a scale's", scale) else { return refused() };
        let (filter, value) = (keys.take("filter"), keys.take("value").unwrap_or_default());
        keys.end()?;
        match filter.as_ref().map(|filter| filter.as_str()) {
            Some(Some("o_proj")) if same(&value, &json!(0)) => silent[0] = true,
            Some(Some("down_proj")) if same(&value, &json!(0)) => silent[1] = true,
            None if same(&value, &json!(1)) => fits_all = true,
            _ => return refused(),
        }
    }
    Ok(silent)
}
