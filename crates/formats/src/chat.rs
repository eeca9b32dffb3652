//! Chat templates, rendered with minijinja in an environment that provides the functions and filters of transformers
//! (`chat_template_utils.py`) and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{Local, NaiveDateTime};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, context};
use thiserror::Error;

use super::gguf::{Gguf, GgufError};

/// Most steps (minijinja's fuel) of a template; real ones take some hundreds.
const FUEL: u64 = 100_000;
/// Deepest nesting of values written as JSON.
const MAX_JSON_DEPTH: usize = 64;

/// Why a chat template gave no prompt.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ChatError {
    /// The template does not parse.
    #[error("the model's chat template is not valid ({why}): switch the chat template off")]
    Syntax {
        /// minijinja's message, with the line.
        why: String,
    },
    /// The template fails for this conversation.
    #[error("the model's chat template refuses this prompt ({why}): change the prompt or switch the chat template off")]
    Render {
        /// The message of minijinja or of the template's `raise_exception`, with the line.
        why: String,
    },
    /// The model has no template.
    #[error("this model has no chat template: switch the chat template off")]
    Missing,
    /// The metadata entry is not a string.
    #[error("the model's chat template cannot be read ({why}): switch the chat template off")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
}

impl From<GgufError> for ChatError {
    fn from(error: GgufError) -> Self {
        Self::Unreadable { why: error.to_string() }
    }
}

/// A compiled chat template.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
}

const NAME: &str = "chat";

/// Returns the local time.
type Clock = fn() -> NaiveDateTime;

impl ChatTemplate {
    /// Compiles the template of a GGUF file.
    ///
    /// # Errors
    /// [`ChatError::Missing`], [`ChatError::Unreadable`] or [`ChatError::Syntax`].
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, ChatError> {
        Self::new(gguf.get("tokenizer.chat_template")?.ok_or(ChatError::Missing)?)
    }

    /// Compiles a template.
    ///
    /// # Errors
    /// [`ChatError::Syntax`] if it does not parse.
    pub fn new(source: &str) -> Result<Self, ChatError> {
        Self::with_clock(source, || Local::now().naive_local())
    }

    fn with_clock(source: &str, clock: Clock) -> Result<Self, ChatError> {
        let syntax_error = |error: Error| ChatError::Syntax { why: sentence(&error) };
        let mut environment = Environment::new();
        // Jinja's settings in the reference implementation (Hugging Face transformers).
        let mut syntax = SyntaxConfig::builder();
        environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build().map_err(syntax_error)?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", move |format: &str| strftime(clock(), format));
        environment.add_filter("tojson", to_json);
        // As in Jinja, everything that Python can iterate over: strings are, `none` is not.
        environment.add_test("iterable", |value: &Value| is_kind(value, &[ValueKind::Seq, ValueKind::Iterable]));
        environment.add_test("sequence", |value: &Value| is_kind(value, &[ValueKind::Seq]));
        environment.add_template_owned(NAME, without_generation_tags(source)).map_err(syntax_error)?;
        Ok(Self { environment })
    }

    /// The prompt of a conversation with one user message, ready for the model's answer.
    ///
    /// * `tokens` — special tokens by their name in templates, such as `bos_token`.
    ///
    /// # Errors
    /// [`ChatError::Render`] if the template fails or runs out of fuel.
    pub fn render(&self, user: &str, tokens: &BTreeMap<String, String>) -> Result<String, ChatError> {
        let failed = |error: Error| ChatError::Render { why: sentence(&error) };
        let template = self.environment.get_template(NAME).map_err(failed)?;
        let none = Value::from(());
        template
            .render(context! {
                messages => [context! { role => "user", content => user }],
                tools => none.clone(),
                documents => none,
                add_generation_prompt => true,
                ..Value::from_pairs(tokens.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
            })
            .map_err(failed)
    }
}

/// Whether a value is a string, a map, undefined, or of one of `kinds`.
fn is_kind(value: &Value, kinds: &[ValueKind]) -> bool {
    let kind = value.kind();
    [ValueKind::String, ValueKind::Map, ValueKind::Undefined].contains(&kind) || kinds.contains(&kind)
}

/// The error's message with the line of the template.
fn sentence(error: &Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
    error.line().map_or_else(|| what.clone(), |line| format!("{what}, in line {line}"))
}

/// Replaces the `generation` tags of a template, which transformers uses to mark training targets and which print
/// nothing, by blocks that are always rendered; so the white space around them is treated as for every tag.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        // The `%` of `{%` cannot be that of `%}`.
        let Some(end) = tag[2..].find("%}").map(|end| end + 2) else { break };
        let (tag, after) = tag.split_at(end);
        out.push_str(before);
        let inner = &tag[2..];
        let name = inner.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        let replacement = match name {
            "generation" => Some(("generation", "if true")),
            "endgeneration" => Some(("endgeneration", "endif")),
            _ => None,
        };
        match replacement {
            Some((name, by)) => out.push_str(&tag.replacen(name, by, 1)),
            None => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Formats a time as Python's `strftime` does.
fn strftime(time: NaiveDateTime, format: &str) -> Result<String, Error> {
    let wrong = || Error::new(ErrorKind::InvalidOperation, format!("strftime_now knows no format {format:?}"));
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Err(wrong());
    }
    let mut out = String::new();
    // Formats with a time zone fail, since a local time has none.
    write!(out, "{}", time.format_with_items(items.iter())).map_err(|_| wrong())?;
    Ok(out)
}

/// The filter `tojson`, with the arguments of Python's `json.dumps` that transformers passes on.
fn to_json(value: &Value, ensure_ascii: Option<bool>, indent: Option<Value>, kwargs: Kwargs) -> Result<String, Error> {
    let ensure_ascii = ensure_ascii.or(kwargs.get("ensure_ascii")?).unwrap_or(false);
    let indent: Option<Value> = indent.or(kwargs.get("indent")?);
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    let sort_keys: bool = kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    kwargs.assert_all_used()?;
    let wrong = |what: &str| Error::new(ErrorKind::InvalidOperation, format!("tojson: {what}"));
    let indent = match indent.filter(|indent| !indent.is_none() && !indent.is_undefined()) {
        None => None,
        Some(indent) => Some(match (indent.as_str(), indent.as_usize()) {
            (Some(text), _) => text.to_string(),
            (None, Some(spaces @ 0..=64)) => " ".repeat(spaces),
            _ => return Err(wrong("indent is neither a text nor a small number")),
        }),
    };
    let [item, key] = match separators.as_deref() {
        None if indent.is_some() => [",", ": "],
        None => [", ", ": "],
        Some([item, key]) => [item.as_str(), key.as_str()],
        Some(_) => return Err(wrong("separators are not two texts")),
    };
    let style = JsonStyle { ensure_ascii, indent: indent.as_deref(), item, key, sort_keys };
    let mut out = String::new();
    style.write(&mut out, value, 0)?;
    Ok(out)
}

/// The style of the JSON output.
struct JsonStyle<'a> {
    ensure_ascii: bool,
    indent: Option<&'a str>,
    /// Separator between two values.
    item: &'a str,
    /// Separator between a key and its value.
    key: &'a str,
    sort_keys: bool,
}

impl JsonStyle<'_> {
    fn write(&self, out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
        let refused = |what: &str| Err(Error::new(ErrorKind::InvalidOperation, format!("tojson: {what}")));
        if depth > MAX_JSON_DEPTH {
            return refused("values nest too deep");
        }
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => {
                let text = value.to_string();
                let finite = f64::try_from(value.clone()).is_ok_and(f64::is_finite);
                out.push_str(if finite {
                    &text
                } else if text.contains("NaN") {
                    "NaN"
                } else if text.starts_with('-') {
                    "-Infinity"
                } else {
                    "Infinity"
                });
            }
            ValueKind::String => self.write_text(out, value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let values: Vec<Value> = value.try_iter()?.collect();
                self.write_all(out, ['[', ']'], depth, values.len(), |out, at| {
                    self.write(out, &values[at], depth + 1)
                })?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sort_keys {
                    keys.sort_by_key(Value::to_string);
                }
                self.write_all(out, ['{', '}'], depth, keys.len(), |out, at| {
                    self.write_text(out, &keys[at].to_string());
                    out.push_str(self.key);
                    self.write(out, &value.get_item(&keys[at])?, depth + 1)
                })?;
            }
            other => return refused(&format!("a value that is {other} has no JSON")),
        }
        Ok(())
    }

    fn write_all(
        &self,
        out: &mut String,
        [open, close]: [char; 2],
        depth: usize,
        count: usize,
        mut one: impl FnMut(&mut String, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |out: &mut String, depth: usize| {
            if let Some(indent) = self.indent {
                out.push('\n');
                (0..depth).for_each(|_| out.push_str(indent));
            }
        };
        out.push(open);
        for at in 0..count {
            if at > 0 {
                out.push_str(self.item);
            }
            line(out, depth + 1);
            one(out, at)?;
        }
        if count > 0 {
            line(out, depth);
        }
        out.push(close);
        Ok(())
    }

    fn write_text(&self, out: &mut String, text: &str) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || self.ensure_ascii && !c.is_ascii() => {
                    let mut units = [0; 2];
                    c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(eos: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("eos_token".into(), eos.into())])
    }

    fn rendered(source: &str) -> Result<String, ChatError> {
        let clock = || NaiveDateTime::parse_from_str("2026-11-06 07:08:09", "%Y-%m-%d %H:%M:%S").unwrap();
        ChatTemplate::with_clock(source, clock)?.render("é <b>", &tokens("</s>"))
    }

    #[test]
    fn renders_one_message_and_opens_the_answer() {
        let source = "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}[system]\n{% endif %}\
                      {{ '<' + m['role'] + '>' + m['content'].strip() + eos_token }}\n{% endfor %}\
                      {% if add_generation_prompt %}<assistant>{% endif %}";
        let out = ChatTemplate::new(source).unwrap().render(" hi ", &tokens("</s>")).unwrap();
        assert_eq!(out, "[system]\n<user>hi</s>\n<assistant>");
    }

    #[test]
    fn what_transformers_gives_a_template_is_there() {
        let cases = [
            ("{% if tools is not none %}tools{% endif %}{% if documents is none %}none{% endif %}", "none"),
            ("{{ strftime_now('%d %B %Y, %H:%M') }}", "06 November 2026, 07:08"),
            ("{{ strftime_now('%-d %b %y') }}", "6 Nov 26"),
            ("{{ messages[0].content | tojson }}", r#""é <b>""#),
            ("{{ 'é' | tojson(ensure_ascii=true) }}", r#""\u00e9""#),
            ("{{ {'b': [1, 2.5, none], 'a': true} | tojson }}", r#"{"b": [1, 2.5, null], "a": true}"#),
            ("{{ {'b': 1, 'a': {}} | tojson(sort_keys=true, separators=(',', ':')) }}", r#"{"a":{},"b":1}"#),
            ("{{ {'b': [1]} | tojson(indent=2) }}", "{\n  \"b\": [\n    1\n  ]\n}"),
            ("a{% generation %}b{%- endgeneration %}c", "abc"),
            ("a\n{%- generation -%} \n b \n{%- endgeneration -%}\n c", "abc"),
            ("  {% generation %}\nb\n  {% endgeneration %}\nc", "b\nc"),
            (
                "{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
                "1",
            ),
            (
                "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
                "1",
            ),
            ("{% if tools is iterable and tools | length > 0 %}tools{% endif %}{{ messages is iterable }}", "True"),
            (
                "{{ 'text' is iterable }} {{ 'text' is sequence }} {{ 3 is iterable }} {{ none is sequence }}",
                "True True False False",
            ),
            ("{{ messages[0].get('name', 'none') }}{{ missing }}", "none"),
        ];
        for (source, wanted) in cases {
            assert_eq!(rendered(source).as_deref(), Ok(wanted), "{source}");
        }
    }

    #[test]
    fn failures_are_sentences_with_the_line() {
        let error = |source: &str| rendered(source).unwrap_err().to_string();
        assert!(error("a\n{% if %}").contains("in line 2"), "{}", error("a\n{% if %}"));
        assert!(matches!(ChatTemplate::new("{% if %}"), Err(ChatError::Syntax { .. })));
        let raised = error("\n\n{{ raise_exception('only two roles') }}");
        assert!(raised.contains("refuses this prompt (only two roles, in line 3)"), "{raised}");
        assert!(error("{{ strftime_now('%Q') }}").contains("knows no format"));
        assert!(error("{{ strftime_now('%z') }}").contains("knows no format"));
        assert!(error("{{ missing | tojson }}").contains("has no JSON"));
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(matches!(rendered(endless), Err(ChatError::Render { .. })));
    }

    proptest! {
        /// Any string survives as JSON.
        #[test]
        fn texts_are_json(text: String, ensure_ascii: bool) {
            let kwargs = Kwargs::from_iter([("ensure_ascii", Value::from(ensure_ascii))]);
            let json = to_json(&Value::from(text.as_str()), None, None, kwargs).unwrap();
            prop_assert!(!ensure_ascii || json.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        /// A template without such tags is unchanged; no text panics.
        #[test]
        fn other_templates_are_left_alone(source in "([a-z {}%#-]|\\{%|%\\}|generation|é){0,40}") {
            let out = without_generation_tags(&source);
            prop_assert!(source.contains("generation") || out == source);
        }
    }
}
