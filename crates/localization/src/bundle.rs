//! The messages of one language, and how they are filled in. `fluent-syntax` reads them; the resolver of `fluent-bundle` would bring all of
//! Fluent, and rules for all languages, into the page.

use std::borrow::Cow;
use std::collections::BTreeMap;

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

/// What an argument of a message may be.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A text, by which a message may choose its words.
    Text(Cow<'a, str>),
    /// A number, by whose plural a message may choose its words.
    Number(f64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl From<$number> for Value<'_> {
            fn from(number: $number) -> Self {
                Self::Number(number as f64)
            }
        })+
    };
}

numbers!(u8, u16, u32, u64, usize, i32, f64);

/// The arguments of a message.
type Arguments<'a> = [(&'static str, Value<'a>)];

/// The messages of one language.
pub(crate) struct Bundle {
    messages: BTreeMap<String, Pattern<String>>,
    /// The plural category of a number.
    plural: fn(f64) -> &'static str,
}

impl Bundle {
    /// Reads the messages of a language.
    pub(crate) fn read(text: &str, plural: fn(f64) -> &'static str) -> Result<Self, TranslationError> {
        let resource = parser::parse_runtime(text.to_string()).map_err(|(_, errors)| {
            TranslationError::Syntax(errors.first().map(ToString::to_string).unwrap_or_default())
        })?;
        let mut messages = BTreeMap::new();
        for entry in resource.body {
            if let Entry::Message(message) = entry
                && let Some(pattern) = message.value
                && messages.insert(message.id.name.clone(), pattern).is_some()
            {
                return Err(TranslationError::Twice(message.id.name));
            }
        }
        Ok(Self { messages, plural })
    }

    /// A message with its arguments; nothing if there is none, or it asks for what is not given or not understood.
    pub(crate) fn formatted(&self, name: &str, arguments: &Arguments<'_>) -> Option<String> {
        let mut text = String::new();
        self.write(self.messages.get(name)?, arguments, &mut text)?;
        Some(text)
    }

    fn write(&self, pattern: &Pattern<String>, arguments: &Arguments<'_>, to: &mut String) -> Option<()> {
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => to.push_str(value),
                PatternElement::Placeable { expression: Expression::Inline(inline) } => {
                    write_inline(inline, arguments, to)?
                }
                PatternElement::Placeable { expression: Expression::Select { selector, variants } } => {
                    let by = of_argument(selector, arguments)?;
                    let chosen = variants.iter().find(|variant| self.is_for(variant, by));
                    let chosen = chosen.or_else(|| variants.iter().find(|variant| variant.default))?;
                    self.write(&chosen.value, arguments, to)?;
                }
            }
        }
        Some(())
    }

    /// Whether a choice's variant is for a value: its text, its number, or its plural.
    fn is_for(&self, variant: &Variant<String>, value: &Value<'_>) -> bool {
        match (&variant.key, value) {
            (VariantKey::Identifier { name }, Value::Text(text)) => name == text,
            (VariantKey::Identifier { name }, Value::Number(number)) => name == (self.plural)(*number),
            (VariantKey::NumberLiteral { value }, Value::Number(number)) => value.parse() == Ok(*number),
            (VariantKey::NumberLiteral { value }, Value::Text(text)) => value == text,
        }
    }
}

fn write_inline(inline: &InlineExpression<String>, arguments: &Arguments<'_>, to: &mut String) -> Option<()> {
    match inline {
        InlineExpression::StringLiteral { value } => to.push_str(&unescape_unicode_to_string(value)),
        inline => match of_argument(inline, arguments)? {
            Value::Text(text) => to.push_str(text),
            Value::Number(number) => to.push_str(&number.to_string()),
        },
    }
    Some(())
}

/// The value of the argument that is asked for.
fn of_argument<'a, 'b>(inline: &InlineExpression<String>, arguments: &'a Arguments<'b>) -> Option<&'a Value<'b>> {
    let InlineExpression::VariableReference { id } = inline else { return None };
    arguments.iter().find(|(name, _)| *name == id.name).map(|(_, value)| value)
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
        let one = |n: usize| bundle.formatted("one", &[("n", n.into()), ("what", "a".into())]);
        assert_eq!(
            (one(1).unwrap(), one(1200).unwrap()),
            ("one token, after a.".into(), "1200 tokens, after a.".into())
        );
        let kind = |kind: &str| bundle.formatted("kind", &[("kind", kind.into())]).unwrap();
        assert_eq!((kind("mlp"), kind("other")), ("an MLP\u{a0}off".into(), "an attention\u{a0}off".into()));
        // What is not there, lacks an argument, or is not understood.
        assert_eq!(
            (
                bundle.formatted("two", &[]),
                bundle.formatted("one", &[]),
                bundle.formatted("wrong", &[("n", 1usize.into())])
            ),
            (None, None, None)
        );
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
