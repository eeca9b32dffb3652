//! Words and symbols that the page explains where they stand, and experiments to try. Their texts are files of the site, in
//! `public/texts`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The explained words by their key.
pub type Terms = BTreeMap<String, Term>;

/// An explained word or symbol.
#[derive(Clone, Debug, Deserialize)]
pub struct Term {
    /// Its name.
    pub name: String,
    /// What it is, in one or two sentences.
    pub says: String,
    /// Its formula as MathML; may be empty.
    pub formula: String,
    /// The chapter of the story that shows it, counted from 1.
    pub chapter: usize,
}

/// Something to try.
#[derive(Clone, Debug, Deserialize)]
pub struct Experiment {
    /// The view that it opens, by its name in a link.
    pub view: String,
    /// Its name.
    pub name: String,
    /// What to look for.
    pub look: String,
    /// The page's settings, as a link's query.
    pub link: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;
    use prunescope_localization::{ENGLISH, LANGUAGES};
    use prunescope_protocol::settings::link;
    use std::fs;
    use std::path::Path;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn text(name: &str) -> String {
        fs::read_to_string(root().join("public/texts/en").join(name)).unwrap()
    }

    /// The page's source files with their text.
    fn sources(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![fs::read_to_string(path).unwrap()] })
            .collect()
    }

    #[test]
    fn what_the_page_marks_is_explained_and_nothing_else() {
        let terms: Terms = serde_json::from_str(&text("terms.json")).unwrap();
        let story: Story = serde_json::from_str(&text("story.json")).unwrap();
        let sources = sources(&root().join("src/page")).concat();
        let marked: std::collections::BTreeSet<&str> =
            sources.split("term=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(marked, terms.keys().map(String::as_str).collect());
        for (key, term) in &terms {
            assert!((1..=story.chapters.len()).contains(&term.chapter), "{key}");
            assert!(term.says.ends_with('.') && !term.name.is_empty(), "{key}");
            assert_eq!(term.formula.starts_with("<math>"), term.formula.ends_with("</math>"), "{key}");
        }
    }

    #[test]
    fn each_view_has_an_experiment_whose_link_opens_it() {
        let experiments: Vec<Experiment> = serde_json::from_str(&text("experiments.json")).unwrap();
        assert!(experiments.len() >= 16);
        for Experiment { view, name, look, link } in &experiments {
            let (settings, notices) = link::from_query(link);
            assert_eq!((settings.view.to_string(), notices), (view.clone(), vec![]), "{name}");
            assert_eq!(link, &link::to_query(&settings), "{name}: its link is as the page writes it");
            assert!(look.ends_with('.'), "{name}");
        }
        for view in "layers steps theorems tokens choice retrieval compare sweep search weights".split(' ') {
            assert!(experiments.iter().any(|experiment| experiment.view == view), "{view}");
        }
    }

    /// The text with its keys, links, numbers and placeholders, but without its words.
    fn without_words(value: &serde_json::Value, key: &str) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), without_words(value, key))).collect()
            }
            // An answer's words, and its key.
            Value::Array(pair) if key == "options" && pair.iter().all(Value::is_string) => pair[1..].into(),
            Value::Array(values) => values.iter().map(|value| without_words(value, key)).collect(),
            Value::String(words)
                if ["title", "text", "question", "label", "told", "name", "says", "look"].contains(&key) =>
            {
                let mut placeholders: Vec<&str> =
                    words.split_inclusive('}').filter_map(|part| part.find('{').map(|at| &part[at..])).collect();
                placeholders.sort_unstable();
                placeholders.into()
            }
            value => value.clone(),
        }
    }

    #[test]
    fn translations_differ_from_the_english_texts_by_their_words_alone() {
        for language in LANGUAGES {
            for name in ["story.json", "terms.json", "experiments.json"] {
                let read = |tag: &str| -> serde_json::Value {
                    let path = root().join("public/texts").join(tag).join(name);
                    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
                };
                let (english, translated) = (read("en"), read(language.tag));
                assert_eq!(without_words(&english, ""), without_words(&translated, ""), "{}: {name}", language.tag);
                assert_eq!(english == translated, language == ENGLISH, "{}: {name} is not translated", language.tag);
            }
        }
    }
}
