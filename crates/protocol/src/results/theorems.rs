//! The tokens with the largest share in Δz's variance, by the weights of Theorems 2 and 3.

use serde::{Deserialize, Serialize};

/// One token's share in the weighted variances of Δz.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenWeight {
    /// The token's id.
    pub id: u32,
    /// Its text.
    pub text: String,
    /// p, its probability in the dense model: its weight in Theorem 3.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub p: f32,
    /// r = p²/‖p‖²: its weight in Theorem 2.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub r: f32,
    /// Δz of this token minus the p-weighted mean, since a shift of all logits changes no probability.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub delta_z: f32,
    /// Its share of Var_p(Δz), 0 to 1.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub share_p: f32,
    /// Its share of Var_r(Δz), 0 to 1.
    #[serde(with = "super::number")]
    #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
    pub share_r: f32,
}
