//! How a link asks the page to present itself: in a frame or not, which parts are shown, which are locked, in which colours, and under
//! which task of a teacher's. What is computed is in the settings.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use prunescope_localization::{LANGUAGES, Language, tr};
use strum::{Display, EnumIter, EnumString, IntoEnumIterator};
use url::form_urlencoded;

/// Most characters of a task.
pub const MAX_TASK: usize = 500;

/// A part of the page, by its name in links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumIter, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum PagePart {
    /// The prompt, the model and sampling.
    Prompt,
    /// From layer to word, with the similarity in each space.
    Pipeline,
    /// The switches of the layers.
    Grid,
    /// Sparsity and rounding.
    Compression,
    /// What the models write.
    Texts,
    /// The views and their charts.
    Charts,
}

impl PagePart {
    /// Its name for people.
    pub fn name(self) -> String {
        match self {
            Self::Prompt => tr!(part_prompt),
            Self::Pipeline => tr!(part_pipeline),
            Self::Grid => tr!(part_grid),
            Self::Compression => tr!(part_compression),
            Self::Texts => tr!(part_texts),
            Self::Charts => tr!(part_charts),
        }
    }
}

/// The colours of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Display, EnumIter, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum PageTheme {
    /// What the browser prefers.
    #[default]
    Auto,
    /// On light ground.
    Light,
    /// On dark ground.
    Dark,
}

/// How visitors meet a part of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumIter, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum PartState {
    /// It can be seen and used.
    Shown,
    /// It can be seen, but not used.
    Locked,
    /// It is not there.
    Hidden,
}

impl PartState {
    /// Its name for people.
    pub fn name(self) -> String {
        match self {
            Self::Shown => tr!(part_state_shown),
            Self::Locked => tr!(part_state_locked),
            Self::Hidden => tr!(part_state_hidden),
        }
    }
}

impl PageTheme {
    /// Its name for people.
    pub fn name(self) -> String {
        match self {
            Self::Auto => tr!(part_theme_auto),
            Self::Light => tr!(part_theme_light),
            Self::Dark => tr!(part_theme_dark),
        }
    }
}

/// What a link says of the page beside its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presentation {
    /// Compact, for a frame in another page.
    pub embedded: bool,
    /// The only parts that are shown; all of them if there are none.
    shown: BTreeSet<PagePart>,
    /// Parts that are not shown.
    hidden: BTreeSet<PagePart>,
    /// Parts that are shown but cannot be used.
    locked: BTreeSet<PagePart>,
    /// A sentence above the page, such as a teacher's task.
    pub task: String,
    /// The colours.
    pub theme: PageTheme,
    /// The language; without one, the browser's.
    pub language: Option<Language>,
}

impl Presentation {
    /// Reads a link's query, and tells what in it was not understood.
    pub fn from_query(query: &str) -> (Self, Vec<String>) {
        let (mut found, mut notices) = (Self::default(), vec![]);
        for (key, value) in form_urlencoded::parse(query.trim_start_matches('?').as_bytes()) {
            match key.as_ref() {
                "embed" => found.embedded = value == "1",
                "show" => found.shown = parts(&key, &value, &mut notices),
                "hide" => found.hidden = parts(&key, &value, &mut notices),
                "lock" => found.locked = parts(&key, &value, &mut notices),
                "task" => found.task = value.trim().chars().take(MAX_TASK).collect(),
                "theme" => match value.parse() {
                    Ok(theme) => found.theme = theme,
                    Err(_) => notices.push(unknown("theme", &key, &value, PageTheme::iter())),
                },
                "lang" => match Language::from_tag(&value) {
                    Some(language) => found.language = Some(language),
                    None => notices.push(unknown("language", &key, &value, LANGUAGES.iter().map(|known| known.tag))),
                },
                _ => {}
            }
        }
        (found, notices)
    }

    /// The same as the beginning of a query, with `&` at its end unless it is empty.
    pub fn to_query(&self) -> String {
        let list = |parts: &BTreeSet<PagePart>| parts.iter().map(PagePart::to_string).collect::<Vec<_>>().join(",");
        let theme = if self.theme == PageTheme::Auto { String::new() } else { self.theme.to_string() };
        let embedded = if self.embedded { "1".to_string() } else { String::new() };
        let language = self.language.map_or(String::new(), |language| language.tag.into());
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in [
            ("embed", embedded),
            ("show", list(&self.shown)),
            ("hide", list(&self.hidden)),
            ("lock", list(&self.locked)),
            ("theme", theme),
            ("lang", language),
            ("task", self.task.clone()),
        ] {
            if !value.is_empty() {
                query.append_pair(key, &value);
            }
        }
        let mut query = query.finish().replace("%2C", ",");
        if !query.is_empty() {
            query.push('&');
        }
        query
    }

    /// The same in a language.
    pub fn spoken(self, language: Option<Language>) -> Self {
        Self { language, ..self }
    }

    /// How visitors meet a part.
    pub fn state(&self, part: PagePart) -> PartState {
        if self.hidden.contains(&part) || !self.shown.is_empty() && !self.shown.contains(&part) {
            PartState::Hidden
        } else if self.locked.contains(&part) {
            PartState::Locked
        } else {
            PartState::Shown
        }
    }

    /// Whether the link names the parts to show.
    pub fn names_parts(&self) -> bool {
        !self.shown.is_empty()
    }

    /// Changes how visitors meet a part.
    pub fn set(&mut self, part: PagePart, state: PartState) {
        let all = PagePart::iter().map(|other| (other, if other == part { state } else { self.state(other) }));
        let all: Vec<_> = all.collect();
        let of = |wanted: PartState| all.iter().filter(|(_, state)| *state == wanted).map(|(part, _)| *part).collect();
        (self.hidden, self.locked) = (of(PartState::Hidden), of(PartState::Locked));
        self.shown.clear();
    }

    /// The same for a frame, which shows all parts that are not hidden.
    pub fn in_frame(&self) -> Self {
        let shown = PagePart::iter().filter(|part| self.state(*part) != PartState::Hidden).collect();
        Self { embedded: true, shown, hidden: BTreeSet::new(), ..self.clone() }
    }
}

/// The parts of a list such as `grid,texts`.
fn parts(key: &str, list: &str, notices: &mut Vec<String>) -> BTreeSet<PagePart> {
    let mut found = BTreeSet::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match PagePart::from_str(name) {
            Ok(part) => {
                found.insert(part);
            }
            Err(_) => notices.push(unknown("part", key, name, PagePart::iter())),
        }
    }
    found
}

/// What is said of a name that is not known.
///
/// * `what`: what it should name: `part`, `theme` or `language`.
fn unknown<T: Display>(what: &str, key: &str, name: &str, known: impl Iterator<Item = T>) -> String {
    let known: Vec<_> = known.map(|name| name.to_string()).collect();
    let name: String = name.chars().take(40).collect();
    tr!(part_unknown, what = what, key = key, name = name, known = known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prunescope_protocol::settings::link;

    fn any_parts() -> impl Strategy<Value = BTreeSet<PagePart>> {
        proptest::sample::subsequence(PagePart::iter().collect::<Vec<_>>(), 0..=6)
            .prop_map(|parts| parts.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_link_says_all_of_it(
            embedded: bool, shown in any_parts(), hidden in any_parts(), locked in any_parts(),
            task in "([a-zA-Z&=?#%+é“ ]{0,40}[a-z])?", theme in proptest::sample::select(PageTheme::iter().collect::<Vec<_>>()),
            language in proptest::option::of(proptest::sample::select(LANGUAGES.to_vec())),
        ) {
            let task = task.trim().to_string();
            let presentation = Presentation { embedded, shown, hidden, locked, task, theme, language };
            prop_assert_eq!(Presentation::from_query(&presentation.to_query()), (presentation, vec![]));
        }

        #[test]
        fn a_part_has_the_state_that_it_was_given_and_the_others_keep_theirs(
            shown in any_parts(), hidden in any_parts(), locked in any_parts(),
            part in proptest::sample::select(PagePart::iter().collect::<Vec<_>>()),
            state in proptest::sample::select(PartState::iter().collect::<Vec<_>>()),
        ) {
            let before = Presentation { shown, hidden, locked, ..Presentation::default() };
            let mut after = before.clone();
            after.set(part, state);
            for other in PagePart::iter() {
                prop_assert_eq!(after.state(other), if other == part { state } else { before.state(other) });
            }
        }

        #[test]
        fn whatever_a_link_says_is_no_fault(query in any::<String>()) {
            let (found, _) = Presentation::from_query(&query);
            prop_assert!(found.task.chars().count() <= MAX_TASK);
        }
    }

    #[test]
    fn settings_leave_out_what_it_says() {
        let query = "embed=1&show=grid&hide=texts&lock=grid&theme=dark&task=Look";
        let (presentation, _) = Presentation::from_query(query);
        assert_eq!(presentation.to_query(), "embed=1&show=grid&hide=texts&lock=grid&theme=dark&task=Look&");
        assert_eq!(link::from_query(query), link::from_query(""));
    }

    #[test]
    fn a_frame_shows_what_the_page_does() {
        let mut presentation = Presentation::default();
        presentation.set(PagePart::Prompt, PartState::Hidden);
        presentation.set(PagePart::Compression, PartState::Locked);
        let frame = presentation.in_frame();
        assert!(frame.embedded && frame.names_parts());
        for part in PagePart::iter() {
            assert_eq!(frame.state(part), presentation.state(part));
        }
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_there_is() {
        let (found, notices) = Presentation::from_query("?show=grid,graphs&theme=blue&drop=a1");
        assert_eq!(found.state(PagePart::Grid), PartState::Shown);
        assert_eq!(found.state(PagePart::Texts), PartState::Hidden);
        assert!(
            notices[0].contains("no part “graphs”")
                && notices[0].contains("prompt, pipeline, grid, compression, texts, charts")
        );
        assert!(notices[1].contains("no theme “blue”") && notices[1].contains("auto, light, dark"));
        assert_eq!(notices.len(), 2);
    }
}
