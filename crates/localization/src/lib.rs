//! The words that visitors see, in their language.
//!
//! They stand in `public/texts`, a folder for each language, as messages of Fluent (<https://projectfluent.org>): texts, arguments, and choices by
//! a text or a plural. The English ones are part of
//! the program; another language is a file that the page fetches ([`speak`]). What a translation lacks is English.
//!
//! ```
//! use prunescope_localization::tr;
//! assert_eq!(tr!(header_stop), "Stop");
//! ```
//!
//! The build fails for a message that does not exist, or other arguments than it has.

#![warn(missing_docs)]

mod bundle;

use std::sync::OnceLock;

pub use bundle::{Argument, TranslationError};
use bundle::{Bundle, English};

/// The messages by their names, with `_` for `-`: each a struct whose fields are the message's arguments. Used through [`tr!`].
#[allow(missing_docs, non_camel_case_types, clippy::use_self, reason = "written by build.rs")]
pub mod messages {
    use super::Argument;
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

/// A message in the visitor's language: `tr!(name)`, or `tr!(name, argument = value, …)`.
#[macro_export]
macro_rules! tr {
    ($name:ident $(,)?) => { $crate::messages::$name.text() };
    ($name:ident, $($argument:ident = $value:expr),+ $(,)?) => {
        $crate::messages::$name { $($argument: &$value),+ }.text()
    };
}

/// A language that the page speaks.
#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// Its tag (BCP 47), which is the name of its folder in `public/texts`.
    pub tag: &'static str,
    /// Its name in itself.
    pub name: &'static str,
    /// Whether it is written from right to left.
    pub right_to_left: bool,
    /// The plural category of a number in it.
    plural: fn(f64) -> &'static str,
    /// Whether all is translated. Only such a language is chosen by the browser's languages alone.
    pub complete: bool,
}

/// English, the first of [`LANGUAGES`].
pub const ENGLISH: Language =
    Language { tag: "en", name: "English", right_to_left: false, plural: bundle::one_or_other, complete: true };

/// The languages that the page speaks.
pub const LANGUAGES: [Language; 3] = [
    ENGLISH,
    Language { tag: "de", name: "Deutsch", right_to_left: false, plural: bundle::one_or_other, complete: true },
    Language { tag: "ar", name: "العربية", right_to_left: true, plural: bundle::arabic, complete: true },
];

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.tag == other.tag
    }
}

impl Eq for Language {}

impl Language {
    /// The language with a tag.
    ///
    /// * `tag`: BCP 47; only its language counts ("de-AT").
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or(tag);
        LANGUAGES.into_iter().find(|language| language.tag.eq_ignore_ascii_case(primary))
    }

    /// The language for a visitor whose browser prefers these, the dearest first ("de-AT").
    pub fn preferred<'a>(tags: impl IntoIterator<Item = &'a str>) -> Self {
        tags.into_iter().find_map(|tag| Self::from_tag(tag).filter(|language| language.complete)).unwrap_or(ENGLISH)
    }
}

/// Where an element stands in a message: the argument to give for it. See [`around`].
pub const PLACE: &str = "\u{fffc}";

/// The language that was chosen, with its messages; English unless one is.
static CHOSEN: OnceLock<(Language, Bundle)> = OnceLock::new();

/// From now on messages are in this language. Called once, before any is shown.
///
/// * `messages`: those of the language, as Fluent writes them.
///
/// # Errors
/// [`TranslationError`]: then all stays English.
pub fn speak(language: Language, messages: &str) -> Result<(), TranslationError> {
    let bundle = Bundle::read(messages, language.plural)?;
    CHOSEN.set((language, bundle)).map_err(|_| TranslationError::ChosenBefore)
}

/// The language of the messages.
pub fn language() -> Language {
    CHOSEN.get().map_or(ENGLISH, |(language, _)| *language)
}

/// What stands before and behind the [`PLACE`] of a message.
pub fn around(text: &str) -> (String, String) {
    let (before, behind) = text.split_once(PLACE).unwrap_or((text, ""));
    (before.into(), behind.into())
}

/// The English messages.
fn english() -> &'static English {
    static MESSAGES: OnceLock<English> = OnceLock::new();
    MESSAGES.get_or_init(|| English::new(include!(concat!(env!("OUT_DIR"), "/english.rs")), ENGLISH.plural))
}

/// A message with its arguments in the language that was chosen, else in English.
///
/// * `at`: its place among the English messages.
fn message(at: usize, arguments: &[(&str, &dyn Argument)]) -> String {
    let english = english();
    let name = english.name(at);
    let found = CHOSEN.get().and_then(|(_, bundle)| bundle.formatted(name, arguments));
    found.or_else(|| english.formatted(at, arguments)).unwrap_or_else(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// The messages of a language, each with its arguments.
    fn messages_of(tag: &str) -> BTreeMap<String, BTreeSet<String>> {
        let folder = root().join("public/texts").join(tag);
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "ftl"));
        let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
        let mut found = BTreeMap::new();
        for text in texts {
            for entry in fluent_syntax::parser::parse(text.as_str()).unwrap().body {
                let fluent_syntax::ast::Entry::Message(message) = &entry else { continue };
                let written = format!("{message:?}");
                let arguments = written.split("VariableReference { id: Identifier { name: \"").skip(1);
                let arguments = arguments.filter_map(|rest| Some(rest.split_once('"')?.0.to_string())).collect();
                assert!(
                    found.insert(message.id.name.to_string(), arguments).is_none(),
                    "{tag}: {} twice",
                    message.id.name
                );
            }
        }
        found
    }

    #[test]
    fn a_translation_has_messages_and_arguments_of_the_english_and_a_complete_one_all_of_them() {
        let english = messages_of("en");
        for language in LANGUAGES {
            let translated = messages_of(language.tag);
            for (name, arguments) in &translated {
                let known = english.get(name).unwrap_or_else(|| panic!("{}: {name} is not English", language.tag));
                assert!(arguments.is_subset(known), "{}: {name} has {arguments:?}, in English {known:?}", language.tag);
            }
            let lacks: Vec<_> = english.keys().filter(|name| !translated.contains_key(*name)).collect();
            assert!(!language.complete || lacks.is_empty(), "{} lacks {lacks:?}", language.tag);
        }
    }

    /// Rust's sources of the crates that show messages.
    fn sources(folder: &Path) -> String {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| match path.extension() {
                Some(ending) if ending == "rs" => fs::read_to_string(path).unwrap(),
                _ if path.is_dir() => sources(&path),
                _ => String::new(),
            })
            .collect()
    }

    /// Whatever a message is asked with, it is filled in: nothing in it is beyond [`Bundle`].
    #[test]
    fn every_message_of_every_language_can_be_filled_in() {
        let english = messages_of("en");
        for language in LANGUAGES {
            let folder = root().join("public/texts").join(language.tag);
            for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if file.extension().is_none_or(|ending| ending != "ftl") {
                    continue;
                }
                let text = fs::read_to_string(&file).unwrap();
                let bundle = Bundle::read(&text, language.plural).unwrap();
                let names =
                    fluent_syntax::parser::parse_runtime(text.as_str()).unwrap().body.into_iter().map(|entry| {
                        match entry {
                            fluent_syntax::ast::Entry::Message(message) => message.id.name,
                            other => panic!("{}: {other:?} is no message", file.display()),
                        }
                    });
                for name in names {
                    let numbers: Vec<(&str, &dyn Argument)> =
                        english[name].iter().map(|it| (it.as_str(), &2usize as &dyn Argument)).collect();
                    let texts: Vec<(&str, &dyn Argument)> =
                        english[name].iter().map(|it| (it.as_str(), &"x" as &dyn Argument)).collect();
                    for arguments in [numbers, texts] {
                        assert!(bundle.formatted(name, &arguments).is_some(), "{}: {name}", file.display());
                    }
                }
            }
        }
    }

    #[test]
    fn every_message_is_used() {
        let sources = ["src", "crates/figures/src"].map(|of| sources(&root().join(of))).concat();
        let used: BTreeSet<String> = sources
            .split("tr!(")
            .skip(1)
            .map(|rest| {
                rest.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
            })
            .collect();
        let unused: Vec<_> =
            messages_of("en").into_keys().filter(|name| !used.contains(&name.replace('-', "_"))).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn a_browser_gets_its_first_language_that_is_complete() {
        let of = |tags: &[&str]| Language::preferred(tags.iter().copied()).tag;
        assert_eq!(of(&["de-AT", "en"]), "de");
        assert_eq!(of(&["fr", "en-GB", "de"]), "en");
        assert_eq!((of(&["ar-EG"]), of(&["zz"]), of(&[])), ("ar", "en", "en"));
    }

    #[test]
    fn what_stands_around_a_place_is_found() {
        assert_eq!(around("one token, after \u{fffc}."), ("one token, after ".to_string(), ".".to_string()));
        assert_eq!(around("nothing"), ("nothing".to_string(), String::new()));
    }
}
