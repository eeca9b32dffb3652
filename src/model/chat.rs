//! The chat template in a model's file, rendered with minijinja in a closed environment.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, context};
use thiserror::Error;

use super::gguf::Gguf;

/// Steps a template may take; a real one takes some hundreds.
const FUEL: u64 = 100_000;

/// Why a chat template did not give a prompt.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ChatError {
    /// The template does not parse.
    #[error("the model's chat template is not valid ({why}): switch the chat template off")]
    Syntax {
        /// What minijinja says.
        why: String,
    },
    /// The template fails for this conversation.
    #[error("the model's chat template refuses this prompt ({why}): change the prompt or switch the chat template off")]
    Render {
        /// What minijinja says, or the template's own `raise_exception`.
        why: String,
    },
    /// The file has none.
    #[error("this model has no chat template: switch the chat template off")]
    Missing,
}

/// A compiled chat template.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
}

const NAME: &str = "chat";

impl ChatTemplate {
    /// The template of a file, where it has one.
    ///
    /// # Errors
    /// [`ChatError::Syntax`] where it does not parse.
    pub fn from_gguf(gguf: &Gguf) -> Result<Option<Self>, ChatError> {
        gguf.text("tokenizer.chat_template").ok().map(Self::new).transpose()
    }

    /// Compiles a template.
    ///
    /// # Errors
    /// [`ChatError::Syntax`] where it does not parse.
    pub fn new(source: &str) -> Result<Self, ChatError> {
        let syntax_error = |error: minijinja::Error| ChatError::Syntax { why: error.to_string() };
        let mut environment = Environment::new();
        // As the reference implementation (Hugging Face transformers) configures Jinja.
        let mut syntax = SyntaxConfig::builder();
        environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build().map_err(syntax_error)?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_template_owned(NAME, source.to_string()).map_err(syntax_error)?;
        Ok(Self { environment })
    }

    /// The prompt of a conversation with one user message, ready for the model's answer.
    ///
    /// # Errors
    /// [`ChatError::Render`] where the template fails or runs out of fuel.
    pub fn render(&self, user: &str, bos_text: &str, eos_text: &str) -> Result<String, ChatError> {
        let failed = |error: minijinja::Error| ChatError::Render {
            why: error.detail().map_or_else(|| error.to_string(), str::to_string),
        };
        let template = self.environment.get_template(NAME).map_err(failed)?;
        template
            .render(context! {
                messages => [context! { role => "user", content => user }],
                add_generation_prompt => true,
                bos_token => bos_text,
                eos_token => eos_text,
            })
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_one_message_and_opens_the_answer() {
        let source = "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}[system]\n{% endif %}\
                      {{ '<' + m['role'] + '>' + m['content'].strip() + eos_token }}\n{% endfor %}\
                      {% if add_generation_prompt %}<assistant>{% endif %}";
        let out = ChatTemplate::new(source).unwrap().render(" hi ", "", "</s>").unwrap();
        assert_eq!(out, "[system]\n<user>hi</s>\n<assistant>");
    }

    #[test]
    fn failures_are_sentences_not_panics() {
        assert!(matches!(ChatTemplate::new("{% if %}"), Err(ChatError::Syntax { .. })));
        let raising = ChatTemplate::new("{{ raise_exception('only two roles') }}").unwrap();
        assert_eq!(raising.render("x", "", ""), Err(ChatError::Render { why: "only two roles".into() }));
        let endless =
            ChatTemplate::new("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}");
        assert!(matches!(endless.unwrap().render("x", "", ""), Err(ChatError::Render { .. })));
    }
}
