//! The quantities of the paper that compare a dense with a pruned model at one position.

use serde::{Deserialize, Serialize};

/// Calls a macro with the documentation and name of every metric; the only list of them.
#[macro_export]
macro_rules! for_each_metric {
    ($then:ident) => {
        $then! {
            /// cos(h, h̃).
            cos_h,
            /// cos(z, z̃).
            cos_z,
            /// cos(p, p̃).
            cos_p,
            /// KL(p ‖ p̃), dense against pruned.
            kl_dense_pruned,
            /// KL(p̃ ‖ p), pruned against dense.
            kl_pruned_dense,
            /// Theorem 1's estimate of 1 − cos(h, h̃).
            theorem1_h,
            /// Theorem 1's estimate of 1 − cos(z, z̃).
            theorem1_z,
            /// Theorem 1's estimate of 1 − cos(p, p̃).
            theorem1_p,
            /// Theorem 2's estimate of 1 − cos(p, p̃).
            theorem2,
            /// Theorem 3's estimate of KL(p ‖ p̃).
            theorem3,
            /// α of Δh∥ = α h: ⟨Δh, h⟩/‖h‖²; below 0 the part along h shrinks.
            alpha_h,
            /// ‖Δh∥‖/‖h‖ = |α|.
            parallel_h,
            /// ‖Δh⊥‖/‖h‖.
            orthogonal_h,
            /// ‖Δh⊥‖/‖Δh∥‖; 0 where Δh is 0.
            ratio_h,
            /// α of Δz∥ = α z: ⟨Δz, z⟩/‖z‖².
            alpha_z,
            /// ‖Δz∥‖/‖z‖ = |α|.
            parallel_z,
            /// ‖Δz⊥‖/‖z‖.
            orthogonal_z,
            /// ‖Δz⊥‖/‖Δz∥‖; 0 where Δz is 0.
            ratio_z,
            /// Var(Δz), all tokens alike.
            variance_uniform,
            /// Var_p(Δz).
            variance_p,
            /// Var_r(Δz), r = p²/‖p‖².
            variance_r,
            /// Var(Δz) over the 5 likeliest tokens of p, p renormalised.
            variance_top5,
            /// Var(Δz) over the 10 likeliest tokens of p, p renormalised.
            variance_top10,
            /// mean |Δz|.
            delta_l1,
            /// √mean(Δz²).
            delta_l2,
            /// mean |Δz| over the 5 likeliest tokens of p.
            delta_l1_top5,
            /// √mean(Δz²) over the 5 likeliest tokens of p.
            delta_l2_top5,
        }
    };
}
macro_rules! define_metrics {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Every quantity of the paper that compares a dense with a pruned model at one position.
        ///
        /// Probabilities are softmax(z / T) with the temperature T of the analysis; divergences are in nats.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct Metrics {
            $(
                $(#[$doc])*
                #[serde(with = "super::number")]
                #[cfg_attr(feature = "schema", schemars(with = "super::number::Number"))]
                pub $name: f32,
            )+
        }

        impl Metrics {
            /// The metrics' names, in the order of [`Metrics::values`].
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// All values, in the order of [`Metrics::NAMES`].
            pub fn values(&self) -> Vec<f32> {
                vec![$(self.$name),+]
            }

            /// The inverse of [`Metrics::values`]; missing values are NaN.
            pub fn from_values(values: &[f32]) -> Self {
                let mut values = values.iter().copied();
                Self { $($name: values.next().unwrap_or(f32::NAN)),+ }
            }
        }
    };
}

for_each_metric!(define_metrics);
