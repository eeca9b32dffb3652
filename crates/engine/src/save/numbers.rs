//! The numbers that a saved model has anew: edited matrices, and repairs folded into weights.

use burn::tensor::Tensor;

use super::SaveModelError;
use super::original::Original;
use crate::compute::{Compute, read_back};
use crate::experiment::pruned_decoder::PrunedDecoder;
use crate::model::replacement::Replacement;
use prunescope_formats::config::DecoderConfig;
use prunescope_formats::layout::{self, Format, Role, TensorMapping, matrix_of};
use prunescope_formats::saved::{GATE_BIAS, RepairPart, SavedTensor, Values, gate_value};
use prunescope_formats::tensor::{StoredMatrix, TensorInfo};
use prunescope_formats::tensor_names::{TensorTransform, hub_name};
use prunescope_protocol::model::Sublayer;
use prunescope_quant::dequantize;

const MISSING: SaveModelError = SaveModelError::Internal { what: "a part of the saved model is missing" };

/// Where the numbers come from.
pub(super) struct Numbers<'a, C: Compute> {
    pub original: &'a Original,
    /// The plan's decoder, if it is needed.
    pub pruned: Option<&'a PrunedDecoder<C>>,
    /// Its configuration, if it is known.
    pub config: Option<DecoderConfig>,
    /// The format of the saved file.
    pub target: Format,
}

impl<C: Compute> Numbers<'_, C> {
    /// The numbers of a tensor, row-major.
    ///
    /// * `count`: how many there are.
    pub(super) async fn of(
        &self,
        tensor: &SavedTensor,
        values: Values,
        count: usize,
    ) -> Result<Vec<f32>, SaveModelError> {
        let info = &self.original.tensors[tensor.original].info;
        match values {
            Values::Zero => Ok(vec![0.0; count]),
            Values::GateBias => Ok(vec![GATE_BIAS; count]),
            Values::Converted => self.converted(tensor.original),
            Values::Cooled => self.cooled(tensor.original),
            Values::Edited => self.edited(info).await,
            Values::Repair(at, part) => self.repair(at, part).await,
        }
    }

    fn config(&self) -> Result<&DecoderConfig, SaveModelError> {
        self.config.as_ref().ok_or(MISSING)
    }

    fn pruned(&self) -> Result<&PrunedDecoder<C>, SaveModelError> {
        self.pruned.ok_or(MISSING)
    }

    /// How an original is read.
    fn mapping(&self, format: Format, name: &str) -> Result<TensorMapping, SaveModelError> {
        match layout::role(self.config()?, format, name) {
            Role::Part(mapping) => Ok(mapping),
            Role::NotItsOwn | Role::Nothing => Err(MISSING),
        }
    }

    /// How an original's numbers are ordered in the saved file.
    fn target_mapping(&self, info: &TensorInfo) -> Result<TensorMapping, SaveModelError> {
        if self.target == self.original.format() {
            return self.mapping(self.target, &info.name);
        }
        let name = hub_name(self.config()?.family, &info.name).unwrap_or_default();
        self.mapping(self.target, &name)
    }

    /// An original's numbers in the order of the saved file.
    fn converted(&self, original: usize) -> Result<Vec<f32>, SaveModelError> {
        let (config, tensor) = (self.config()?, &self.original.tensors[original]);
        // A tensor of an unknown type is refused before: by `hub::check`, or as the model is loaded.
        let tensor_type = tensor.info.tensor_type.clone().map_err(|_| MISSING)?;
        let shape = tensor.info.matrix_shape().map(|length| length as usize);
        let stored = StoredMatrix { tensor_type, bytes: self.original.read(tensor)?.into(), shape };
        let parts = self.mapping(self.original.format(), &tensor.info.name)?.parts(config, stored);
        let values = |part: &layout::Part<'_>| dequantize(part.stored.tensor_type, &part.stored.bytes);
        let parts: Vec<Vec<f32>> = parts.iter().map(values).collect();
        Ok(self.target_mapping(&tensor.info)?.joined(config, &parts))
    }

    /// A vector of the head divided by the temperature.
    fn cooled(&self, original: usize) -> Result<Vec<f32>, SaveModelError> {
        let info = &self.original.tensors[original].info;
        let temperature = self.pruned()?.decoder.head_map.temperature;
        // Gemma's files hold a norm's weights less 1.
        let less = match self.mapping(self.original.format(), &info.name)?.change {
            TensorTransform::AddOne => 1.0,
            _ => 0.0,
        };
        let values = self.converted(original)?;
        Ok(values.into_iter().map(|value| (value + less) / temperature - less).collect())
    }

    /// The edited matrices that a tensor holds.
    async fn edited(&self, info: &TensorInfo) -> Result<Vec<f32>, SaveModelError> {
        let (config, mapping) = (self.config()?, self.target_mapping(info)?);
        let mut parts = vec![];
        for name in mapping.names(config) {
            let (layer, matrix) = matrix_of(&name).ok_or(MISSING)?;
            let matrix = self.pruned()?.decoder.blocks.get(layer).and_then(|block| block.matrix(matrix));
            let matrix = matrix.ok_or(MISSING)?;
            parts.push(C::values(&matrix.weights).await.map_err(SaveModelError::Device)?);
        }
        Ok(mapping.joined(config, &parts))
    }

    /// A part of what replaces a dropped sublayer.
    async fn repair(&self, at: Sublayer, part: RepairPart) -> Result<Vec<f32>, SaveModelError> {
        let pruned = self.pruned()?;
        let map = pruned.replacements.get(at).ok_or(MISSING)?;
        let (hidden, inner) = (self.config()?.hidden, self.config()?.feed_forward);
        match part {
            RepairPart::Bias => {
                // b = g(0).
                let zero = Tensor::zeros([1, hidden], &pruned.decoder.compute.device());
                read_back(map.forward(zero.clone(), zero)).await.map_err(SaveModelError::Device)
            }
            RepairPart::Up => up(map, hidden, inner).await.map_err(SaveModelError::Device),
            RepairPart::Down => down(map, hidden, inner).await.map_err(SaveModelError::Device),
        }
    }
}

/// The up matrix of a map, `[inner, hidden]`: A₁ or the identity, and zeros below.
async fn up<C: Compute>(map: &Replacement<C>, hidden: usize, inner: usize) -> Result<Vec<f32>, String> {
    let mut out = match map {
        Replacement::LowRank { down, .. } => C::values(&down.weights).await?,
        _ => diagonal(&vec![1.0; hidden]),
    };
    out.resize(inner * hidden, 0.0);
    Ok(out)
}

/// The down matrix of a map, `[hidden, inner]`: what is multiplied with the result of [`up`], divided by the gate.
async fn down<C: Compute>(map: &Replacement<C>, hidden: usize, inner: usize) -> Result<Vec<f32>, String> {
    let values = match map {
        Replacement::LowRank { up, .. } => C::values(&up.weights).await?,
        Replacement::Full(map) => C::values(&map.weights).await?,
        Replacement::Scale(map) => diagonal(&read_back(map.factor.clone()).await?),
        Replacement::Bias(_) => vec![0.0; hidden],
    };
    let mut out = vec![0.0; hidden * inner];
    for (wide, row) in out.chunks_exact_mut(inner).zip(values.chunks_exact(values.len() / hidden)) {
        wide.iter_mut().zip(row).for_each(|(wide, value)| *wide = value / gate_value());
    }
    Ok(out)
}

/// A square matrix with these numbers on its diagonal, row-major.
fn diagonal(values: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; values.len() * values.len()];
    out.iter_mut().step_by(values.len() + 1).zip(values).for_each(|(place, value)| *place = *value);
    out
}
