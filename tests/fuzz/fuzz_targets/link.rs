//! Any text as a link, a plan, a model's name, a set of questions: what is read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prunescope::model::ModelSource;
use prunescope::prune::PruningPlan;
use prunescope::settings::link::{from_query, to_query};
use prunescope::tasks;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (settings, _) = from_query(&text);
    let (again, _) = from_query(&to_query(&settings));
    assert_eq!(again, settings);
    if let Ok(plan) = text.parse::<PruningPlan>() {
        assert_eq!(plan.to_string().parse::<PruningPlan>().as_ref(), Ok(&plan));
    }
    if let ModelSource::Repository(name) = ModelSource::parse(&text) {
        let _ = (name.listing_address("https://hub.example"), name.file_address("https://hub.example", &text));
    }
    let _ = tasks::choice::parse(&text);
    let _ = tasks::retrieval::parse(&text);
    let _ = tasks::generative::parse(&text);
});
