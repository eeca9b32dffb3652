//! The table "What it looks like on the default model": cosines to ±0.01, KL to ±2 % or ±0.01, the texts' first words.

use std::fs;

use futures::executor::block_on;
use prunescope_engine::compute::Compute;
use prunescope_engine::experiment::Control;
use prunescope_engine::session::Session;
use prunescope_protocol::settings::RunSettings;
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    drop: String,
    cos_h: f32,
    cos_z: f32,
    cos_p: f32,
    kl: f32,
    text: String,
}

fn every_row<C: Compute>(mut session: Session<C>) {
    let text = fs::read_to_string(crate::common::root().join("tests/fixtures/paper_table.json")).unwrap();
    let rows: Vec<Row> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let settings = RunSettings { plan: row.drop.parse().unwrap(), tokens: 16, ..RunSettings::default() };
        let report = block_on(session.run(&settings, &Control::unstoppable(), &mut |_| {})).unwrap();
        assert_eq!(report.prompt_ids.len(), 37);
        assert_eq!(report.prompt_ids[..5], [1, 9690, 198, 2683, 359]);
        let found = report.next_token.metrics;
        for (name, found, wanted) in
            [("h", found.cos_h, row.cos_h), ("z", found.cos_z, row.cos_z), ("p", found.cos_p, row.cos_p)]
        {
            assert!((found - wanted).abs() <= 0.01, "without {:?}: cos {name} is {found}, not {wanted}", row.drop);
        }
        let off = (found.kl_dense_pruned - row.kl).abs();
        assert!(
            off <= (0.02 * row.kl).max(0.01),
            "without {:?}: KL is {}, not {}",
            row.drop,
            found.kl_dense_pruned,
            row.kl
        );
        let written = &report.generation.pruned.text;
        assert!(written.starts_with(&row.text), "without {:?}: {written:?}, not {:?}", row.drop, row.text);
        let differs = report.generation.first_divergence.is_some();
        assert_eq!(differs, !row.drop.is_empty(), "without {:?}", row.drop);
    }
}

#[test]
fn every_row_on_the_cpu() {
    every_row(crate::common::session(&crate::common::default_model()));
}

/// On the machine's GPU; for a software one use `scripts/with-software-gpu.sh`.
#[cfg(feature = "gpu")]
mod on_a_gpu {
    use super::*;

    #[test]
    fn every_row_of_the_default_model() {
        every_row(crate::common::gpu_session(&crate::common::default_model()));
    }
}
