//! The messages of one language, and how they are filled in. `fluent-syntax` reads them; the resolver of `fluent-bundle` would bring all of
//! Fluent, and rules for all languages, into the page.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey};
use fluent_syntax::parser;
use fluent_syntax::unicode::unescape_unicode_to_string;
use thiserror::Error;

/// Why a translation cannot be used.
#[derive(Debug, Error)]
pub enum TranslationError {
    /// It is not written as Fluent asks for.
    #[error("the translation has a mistake: {0}")]
    Syntax(String),
    /// Two messages have one name.
    #[error("the translation has the message {0} twice")]
    Twice(String),
    /// The page speaks another language already.
    #[error("logic error: the language was chosen before")]
    ChosenBefore,
}

/// What an argument of a message may be: a text or a number, by which a message may also choose its words.
pub trait Argument {
    /// Writes it.
    fn write(&self, to: &mut String);

    /// The number that it is, for its plural.
    fn number(&self) -> Option<f64> {
        None
    }
}

impl Argument for str {
    fn write(&self, to: &mut String) {
        to.push_str(self);
    }
}

impl Argument for String {
    fn write(&self, to: &mut String) {
        to.push_str(self);
    }
}

impl Argument for Cow<'_, str> {
    fn write(&self, to: &mut String) {
        to.push_str(self);
    }
}

impl<T: Argument + ?Sized> Argument for &T {
    fn write(&self, to: &mut String) {
        (**self).write(to);
    }

    fn number(&self) -> Option<f64> {
        (**self).number()
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Argument for $number {
            fn write(&self, to: &mut String) {
                to.push_str(&self.to_string());
            }

            fn number(&self) -> Option<f64> {
                Some(*self as f64)
            }
        })+
    };
}

numbers!(u8, u16, u32, u64, usize, i32, f64);

/// The arguments of a message with their names.
type Arguments<'a> = [(&'a str, &'a dyn Argument)];

/// The plural category of a number in a language.
type Plural = fn(f64) -> &'static str;

/// The English messages, each of which is read when it is first shown: a page shows few of them at first, and then every millisecond counts.
pub(crate) struct English {
    /// Each one's name, and the message as Fluent writes it.
    texts: &'static [(&'static str, &'static str)],
    read: Vec<OnceLock<Option<Pattern<String>>>>,
    plural: Plural,
}

impl English {
    pub(crate) fn new(texts: &'static [(&'static str, &'static str)], plural: Plural) -> Self {
        Self { texts, read: texts.iter().map(|_| OnceLock::new()).collect(), plural }
    }

    /// The name of the message at a place.
    pub(crate) fn name(&self, at: usize) -> &'static str {
        self.texts.get(at).map_or("", |(name, _)| name)
    }

    /// The message at a place with its arguments; nothing if there is none, or it asks for what is not given or not understood.
    pub(crate) fn formatted(&self, at: usize, arguments: &Arguments<'_>) -> Option<String> {
        let pattern = self.read.get(at)?.get_or_init(|| {
            let resource = parser::parse_runtime(self.texts[at].1.to_string()).ok()?;
            resource.body.into_iter().find_map(|entry| match entry {
                Entry::Message(message) => message.value,
                _ => None,
            })
        });
        filled(pattern.as_ref()?, arguments, self.plural)
    }
}

/// The messages of a translation.
pub(crate) struct Bundle {
    messages: BTreeMap<String, Pattern<String>>,
    plural: Plural,
}

impl Bundle {
    /// Reads the messages of a language.
    pub(crate) fn read(text: &str, plural: Plural) -> Result<Self, TranslationError> {
        let resource = parser::parse_runtime(text.to_string()).map_err(|(_, errors)| {
            TranslationError::Syntax(errors.first().map(ToString::to_string).unwrap_or_default())
        })?;
        let mut messages = BTreeMap::new();
        for entry in resource.body {
            if let Entry::Message(message) = entry
                && let Some(pattern) = message.value
            {
                if messages.contains_key(&message.id.name) {
                    return Err(TranslationError::Twice(message.id.name));
                }
                messages.insert(message.id.name, pattern);
            }
        }
        Ok(Self { messages, plural })
    }

    /// A message with its arguments; nothing if there is none, or it asks for what is not given or not understood.
    pub(crate) fn formatted(&self, name: &str, arguments: &Arguments<'_>) -> Option<String> {
        filled(self.messages.get(name)?, arguments, self.plural)
    }
}

/// A pattern with its arguments; nothing if it asks for what is not given or not understood.
fn filled(pattern: &Pattern<String>, arguments: &Arguments<'_>, plural: Plural) -> Option<String> {
    let mut text = String::new();
    write(pattern, arguments, plural, &mut text)?;
    Some(text)
}

fn write(pattern: &Pattern<String>, arguments: &Arguments<'_>, plural: Plural, to: &mut String) -> Option<()> {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => to.push_str(value),
            PatternElement::Placeable { expression: Expression::Inline(inline) } => {
                write_inline(inline, arguments, to)?
            }
            PatternElement::Placeable { expression: Expression::Select { selector, variants } } => {
                let by = of_argument(selector, arguments)?;
                let chosen = variants.iter().find(|variant| is_for(variant, by, plural));
                let chosen = chosen.or_else(|| variants.iter().find(|variant| variant.default))?;
                write(&chosen.value, arguments, plural, to)?;
            }
        }
    }
    Some(())
}

/// Whether a choice's variant is for a value: its text, its number, or its plural.
fn is_for(variant: &Variant<String>, value: &dyn Argument, plural: Plural) -> bool {
    match (&variant.key, value.number()) {
        (VariantKey::Identifier { name }, Some(number)) => name == plural(number),
        (VariantKey::Identifier { name: key } | VariantKey::NumberLiteral { value: key }, _) => {
            let mut text = String::new();
            value.write(&mut text);
            *key == text
        }
    }
}

fn write_inline(inline: &InlineExpression<String>, arguments: &Arguments<'_>, to: &mut String) -> Option<()> {
    match inline {
        InlineExpression::StringLiteral { value } => to.push_str(&unescape_unicode_to_string(value)),
        inline => of_argument(inline, arguments)?.write(to),
    }
    Some(())
}

/// The value of the argument that is asked for.
fn of_argument<'a>(inline: &InlineExpression<String>, arguments: &Arguments<'a>) -> Option<&'a dyn Argument> {
    let InlineExpression::VariableReference { id } = inline else { return None };
    arguments.iter().find(|(name, _)| *name == id.name).map(|(_, value)| *value)
}

/// Plurals of English and German (CLDR), for whole numbers.
pub(crate) fn one_or_other(number: f64) -> &'static str {
    if number == 1.0 { "one" } else { "other" }
}

/// Plurals of Arabic (CLDR), for whole numbers.
pub(crate) fn arabic(number: f64) -> &'static str {
    match (number as u64, number as u64 % 100) {
        _ if number.fract() != 0.0 => "other",
        (0, _) => "zero",
        (1, _) => "one",
        (2, _) => "two",
        (_, 3..=10) => "few",
        (_, 11..=99) => "many",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_filled_in_and_chooses_by_plural_and_by_text() {
        let text = "one = { $n ->\n    [one] one token\n   *[other] { $n } tokens\n }, after { $what }.\n\
            kind = { $kind ->\n    [mlp] an MLP\n   *[attention] an attention\n }{\"\\u00A0\"}off\nwrong = { NUMBER($n) }\n";
        let bundle = Bundle::read(text, one_or_other).unwrap();
        let one = |n: usize| bundle.formatted("one", &[("n", &n), ("what", &"a")]);
        assert_eq!(
            (one(1).unwrap(), one(1200).unwrap()),
            ("one token, after a.".into(), "1200 tokens, after a.".into())
        );
        let kind = |kind: &str| bundle.formatted("kind", &[("kind", &kind)]).unwrap();
        assert_eq!((kind("mlp"), kind("other")), ("an MLP\u{a0}off".into(), "an attention\u{a0}off".into()));
        // What is not there, lacks an argument, or is not understood.
        assert_eq!(
            (bundle.formatted("two", &[]), bundle.formatted("one", &[]), bundle.formatted("wrong", &[("n", &1usize)])),
            (None, None, None)
        );
    }

    #[test]
    fn english_is_read_when_it_is_shown() {
        let english = English::new(&[("a", "a = one\n"), ("b", "b = { $n } two\n"), ("c", "= broken")], one_or_other);
        let of = |at| english.formatted(at, &[("n", &2usize)]);
        assert_eq!((of(1), of(1), of(0)), (Some("2 two".into()), Some("2 two".into()), Some("one".into())));
        assert_eq!((of(2), of(3), english.name(2), english.name(3)), (None, None, "c", ""));
    }

    #[test]
    fn damaged_and_double_messages_are_refused() {
        assert!(matches!(Bundle::read("= broken", one_or_other), Err(TranslationError::Syntax(_))));
        assert!(
            matches!(Bundle::read("a = 1\na = 2\n", one_or_other), Err(TranslationError::Twice(name)) if name == "a")
        );
    }

    #[test]
    fn arabic_has_six_plurals() {
        let found = [0.0, 1.0, 2.0, 3.0, 11.0, 100.0, 103.0, 2.5].map(arabic);
        assert_eq!(found, ["zero", "one", "two", "few", "many", "other", "few", "other"]);
    }
}
