//! The address bar: settings → query → settings is the identity.
//!
//! `?model=&prompt=&chat=&drop=a7,a26,m17,b3&tokens=&temp=&seed=&backend=&view=`, plus `top_k` and `top_p`.
//! A missing part has its default; a malformed part is named in a notice and ignored. A bare address is the example.

use std::str::FromStr;

use url::form_urlencoded;

use super::{BackendChoice, Settings, View};
use crate::prune::PruningPlan;

/// Parameters that belong to the page, not to the settings, and are left alone.
const OTHER_PARAMETERS: [&str; 1] = ["embed"];

/// Writes settings as a query string without the question mark. Defaults are left out, but for `drop`.
pub fn to_query(settings: &Settings) -> String {
    let default = Settings::default();
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut put = |key: &str, value: String, same: bool| {
        if !same {
            query.append_pair(key, &value);
        }
    };
    put("model", settings.model.clone(), settings.model == default.model);
    put("prompt", settings.prompt.clone(), settings.prompt == default.prompt);
    put("chat", u8::from(settings.chat).to_string(), settings.chat == default.chat);
    put("drop", settings.drop.to_string(), false);
    put("tokens", settings.tokens.to_string(), settings.tokens == default.tokens);
    put("temp", settings.temp.to_string(), settings.temp == default.temp);
    put("top_k", settings.top_k.to_string(), settings.top_k == default.top_k);
    put("top_p", settings.top_p.to_string(), settings.top_p == default.top_p);
    put("seed", settings.seed.to_string(), settings.seed == default.seed);
    put("backend", backend_name(settings.backend).into(), settings.backend == default.backend);
    put("view", view_name(settings.view).into(), settings.view == default.view);
    // Commas need no escape in a query, and links with them are easier to read.
    query.finish().replace("%2C", ",")
}

/// Reads a query string, with or without its question mark.
///
/// Returns the settings and a sentence for each part that was ignored or corrected.
pub fn from_query(query: &str) -> (Settings, Vec<String>) {
    let mut settings = Settings::default();
    let mut notices = vec![];
    let mut any = false;
    for (key, value) in form_urlencoded::parse(query.trim_start_matches('?').as_bytes()) {
        if OTHER_PARAMETERS.contains(&key.as_ref()) {
            continue;
        }
        any = true;
        let known = match key.as_ref() {
            "model" => set(&mut settings.model, Some(value.to_string())),
            "prompt" => set(&mut settings.prompt, Some(value.to_string())),
            "chat" => set(&mut settings.chat, truth(&value)),
            "drop" => {
                let (plan, errors) = PruningPlan::parse_lenient(&value);
                settings.drop = plan;
                notices.extend(errors.iter().map(|error| format!("In the link, {error}. It is ignored.")));
                true
            }
            "tokens" => set(&mut settings.tokens, number(&value)),
            "temp" => set(&mut settings.temp, number(&value).filter(|x: &f32| x.is_finite())),
            "top_k" => set(&mut settings.top_k, number(&value)),
            "top_p" => set(&mut settings.top_p, number(&value).filter(|x: &f32| x.is_finite())),
            "seed" => set(&mut settings.seed, number(&value)),
            "backend" => set(&mut settings.backend, BACKENDS.iter().find(|(name, _)| *name == value).map(|(_, b)| *b)),
            "view" => set(&mut settings.view, VIEWS.iter().find(|(name, _)| *name == value).map(|(_, v)| *v)),
            _ => {
                notices.push(format!("The link has an unknown part `{}`. It is ignored.", short(&key)));
                true
            }
        };
        if !known {
            notices.push(format!("In the link, `{}={}` means nothing. It is ignored.", short(&key), short(&value)));
        }
    }
    if !any {
        return (Settings::example(), notices);
    }
    let (settings, corrected) = settings.checked();
    notices.extend(corrected.into_iter().map(|what| format!("In the link, {what}.")));
    (settings, notices)
}

const BACKENDS: [(&str, BackendChoice); 3] =
    [("auto", BackendChoice::Auto), ("cpu", BackendChoice::Cpu), ("webgpu", BackendChoice::WebGpu)];
const VIEWS: [(&str, View); 3] = [("layers", View::Layers), ("steps", View::Steps), ("tokens", View::Tokens)];

/// A view's name in the link.
pub fn view_name(view: View) -> &'static str {
    VIEWS.iter().find(|(_, other)| *other == view).map_or("layers", |(name, _)| name)
}

/// A backend choice's name in the link.
pub fn backend_name(backend: BackendChoice) -> &'static str {
    BACKENDS.iter().find(|(_, other)| *other == backend).map_or("auto", |(name, _)| name)
}

/// Sets `field` where there is a value; says whether there was.
fn set<T>(field: &mut T, value: Option<T>) -> bool {
    value.map(|value| *field = value).is_some()
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sublayer;
    use proptest::prelude::*;

    #[test]
    fn a_bare_address_is_the_example() {
        assert_eq!(from_query(""), (Settings::example(), vec![]));
        assert_eq!(from_query("?embed=1"), (Settings::example(), vec![]));
        assert!(from_query("?drop=").0.drop.is_dense());
    }

    #[test]
    fn malformed_parts_are_named_and_ignored() {
        let (settings, notices) =
            from_query("?drop=a7,zz&tokens=many&temp=NaN&chat=perhaps&colour=red&seed=5&tokens=9999");
        assert_eq!(settings.drop.to_string(), "a7");
        assert_eq!((settings.tokens, settings.temp, settings.seed), (super::super::MAX_TOKENS, 0.0, 5));
        assert_eq!(notices.len(), 6, "{notices:#?}");
        for part in ["zz", "many", "NaN", "perhaps", "colour", "9999"] {
            assert!(notices.iter().any(|notice| notice.contains(part)), "{part} is not named in {notices:#?}");
        }
    }

    fn any_settings() -> impl Strategy<Value = Settings> {
        (
            ("[a-z./:]{0,12}", "\\PC{0,40}", any::<bool>(), proptest::collection::btree_set(0usize..60, 0..20)),
            (1usize..=256, 0f32..5.0, 0usize..100, 0.01f32..1.0, any::<u64>(), 0usize..3, 0usize..3),
        )
            .prop_map(|((model, prompt, chat, drop), (tokens, temp, top_k, top_p, seed, backend, view))| {
                Settings {
                    model,
                    prompt,
                    chat,
                    drop: PruningPlan::dropping(drop.into_iter().map(Sublayer::from_index)),
                    tokens,
                    temp,
                    top_k,
                    top_p,
                    seed,
                    backend: BACKENDS[backend].1,
                    view: VIEWS[view].1,
                }
            })
    }

    proptest! {
        #[test]
        fn settings_to_link_to_settings_is_the_identity(settings in any_settings()) {
            prop_assert_eq!(from_query(&to_query(&settings)), (settings, vec![]));
        }

        #[test]
        fn any_query_is_read_without_panic(query in ".{0,80}") {
            let _ = from_query(&query);
        }
    }
}
