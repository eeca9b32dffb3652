//! Reads the English messages (`public/texts/en/*.ftl`) and writes what the crate includes: each one's name and text, and one struct for
//! each message, whose fields are its arguments. So a message or an argument that does not exist is an error of the compiler.

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, Resource};
use fluent_syntax::{parser, serializer};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../public/texts/en");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "ftl"));
    files.sort();
    let (mut messages, mut texts, mut ids) = (String::new(), String::new(), BTreeSet::new());
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let source = fs::read_to_string(&file)?;
        let resource =
            parser::parse(source.as_str()).map_err(|(_, errors)| format!("{}: {}", file.display(), errors[0]))?;
        for entry in resource.body {
            let Entry::Message(mut message) = entry else { continue };
            message.comment = None;
            let id = message.id.name;
            let value = message.value.as_ref().ok_or_else(|| format!("{}: {id} has no value", file.display()))?;
            if !ids.insert(id.to_string()) {
                return Err(format!("{}: {id} is there twice", file.display()).into());
            }
            let mut arguments = BTreeSet::new();
            of_pattern(value, &mut arguments);
            write_message(&mut messages, id, ids.len() - 1, &arguments)?;
            let text = serializer::serialize(&Resource { body: vec![Entry::Message(message)] });
            writeln!(texts, "({id:?}, {text:?}),")?;
        }
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("messages.rs"), messages)?;
    fs::write(Path::new(&out).join("english.rs"), format!("&[{texts}]"))?;
    Ok(())
}

/// Writes a message's struct.
///
/// * `at`: its place among the English messages.
fn write_message(to: &mut String, id: &str, at: usize, arguments: &BTreeSet<String>) -> Result<(), Box<dyn Error>> {
    let name = id.replace('-', "_");
    let fields: String = arguments.iter().map(|it| format!("pub {it}: &'a dyn Argument, ")).collect();
    let pairs: String = arguments.iter().map(|it| format!("({it:?}, self.{it}), ")).collect();
    let (definition, lifetime) = match arguments.is_empty() {
        true => (format!("pub struct {name};"), ""),
        false => (format!("pub struct {name}<'a> {{ {fields} }}"), "<'_>"),
    };
    writeln!(
        to,
        "{definition}\nimpl {name}{lifetime} {{ pub fn text(self) -> String {{ super::message({at}, &[{pairs}]) }} }}"
    )?;
    Ok(())
}

/// Collects the arguments of a pattern.
fn of_pattern(pattern: &Pattern<&str>, arguments: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            of_expression(expression, arguments);
        }
    }
}

fn of_expression(expression: &Expression<&str>, arguments: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(inline) => of_inline(inline, arguments),
        Expression::Select { selector, variants } => {
            of_inline(selector, arguments);
            variants.iter().for_each(|variant| of_pattern(&variant.value, arguments));
        }
    }
}

fn of_inline(inline: &InlineExpression<&str>, arguments: &mut BTreeSet<String>) {
    if let InlineExpression::VariableReference { id } = inline {
        arguments.insert(id.name.to_string());
    }
}
