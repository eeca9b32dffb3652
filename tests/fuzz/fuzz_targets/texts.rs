//! Any bytes as a tokenizer, a chat template, a hub's list of files, a manifest: an error or something usable, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prunescope::model::manifest::Manifest;
use prunescope::model::repository::{Repository, parse_listing, select};
use prunescope::model::{ChatTemplate, ModelTokenizer};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if let Ok(template) = ChatTemplate::new(&text) {
        let _ = template.render("Hi", &Default::default());
    }
    if let Ok(files) = parse_listing(&text) {
        let _ = select(&files, None);
        let _ = select(&files, Some("Q4"));
    }
    let _ = Manifest::parse(&text);
    let mut repository = Repository { config: "{}".into(), ..Repository::default() };
    repository.set("tokenizer.json", text.clone());
    repository.set("tokenizer_config.json", text);
    if let Ok(tokenizer) = ModelTokenizer::from_hub(&repository, 400) {
        if let Ok(ids) = tokenizer.encode("The river, 1984 – 日本 🙂", false) {
            let _ = tokenizer.decode(&ids);
        }
    }
});
