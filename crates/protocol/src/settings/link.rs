//! The address bar: settings → query → settings is the identity.
//!
//! `?model=&other=&hub=&precision=&prompt=&chat=&drop=a7,a26,m17,b3&sparse=wanda-0.5&on=mlp&layers=4-20&quant=awq4-g64&tokens=&temp=&top_k=&top_p=
//! &seed=&analysis=&backend=&view=&compare=NAME*PLAN&sweep=&sample=`; `compare` may come several times.
//! A missing part has its default; a malformed part is named in a notice and ignored. A bare address is the example.

use std::str::FromStr;

use url::form_urlencoded;

use super::{BackendChoice, Precision, Settings, SweepAxis, Variant, View};
use crate::prune::DroppedSublayers;

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
    put("other", settings.other.clone(), settings.other == default.other);
    put("hub", settings.hub.clone(), settings.hub == default.hub);
    put("precision", "8".into(), settings.precision == default.precision);
    put("prompt", settings.prompt.clone(), settings.prompt == default.prompt);
    put("chat", u8::from(settings.chat).to_string(), settings.chat == default.chat);
    let plan = &settings.plan;
    let text = |part: Option<String>| (part.is_none(), part.unwrap_or_default());
    put("drop", plan.drop.to_string(), false);
    let (same, sparse) = text(plan.sparse.map(|sparse| sparse.to_string()));
    put("sparse", sparse, same);
    put("on", plan.on.to_string(), plan.on == default.plan.on);
    let (same, layers) = text(plan.layers.map(|layers| layers.to_string()));
    put("layers", layers, same);
    let (same, quant) = text(plan.quant.map(|quant| quant.to_string()));
    put("quant", quant, same);
    put("tokens", settings.tokens.to_string(), settings.tokens == default.tokens);
    put("temp", settings.temp.to_string(), settings.temp == default.temp);
    put("top_k", settings.top_k.to_string(), settings.top_k == default.top_k);
    put("top_p", settings.top_p.to_string(), settings.top_p == default.top_p);
    put("seed", settings.seed.to_string(), settings.seed == default.seed);
    put("analysis", settings.analysis.to_string(), settings.analysis == default.analysis);
    put("backend", backend_name(settings.backend).into(), settings.backend == default.backend);
    put("view", view_name(settings.view).into(), settings.view == default.view);
    for variant in &settings.compare {
        put("compare", format!("{}*{}", variant.name, variant.plan), false);
    }
    put("sweep", sweep_name(settings.sweep).into(), settings.sweep == default.sweep);
    put("sample", settings.sample.to_string(), settings.sample == default.sample);
    // Commas and colons need no escape in a query, and links with them are easier to read.
    query.finish().replace("%2C", ",").replace("%3A", ":")
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
            "other" => set(&mut settings.other, Some(value.to_string())),
            "hub" => set(&mut settings.hub, Some(value.to_string())),
            "precision" => set(
                &mut settings.precision,
                match value.as_ref() {
                    "8" => Some(Precision::Eight),
                    "stored" => Some(Precision::Stored),
                    _ => None,
                },
            ),
            "prompt" => set(&mut settings.prompt, Some(value.to_string())),
            "chat" => set(&mut settings.chat, truth(&value)),
            "drop" => {
                let (drop, errors) = DroppedSublayers::parse_lenient(&value);
                settings.plan.drop = drop;
                notices.extend(errors.iter().map(ignored));
                true
            }
            "sparse" => optional(&mut settings.plan.sparse, &value, &mut notices),
            "on" => part(&mut settings.plan.on, &value, &mut notices),
            "layers" => optional(&mut settings.plan.layers, &value, &mut notices),
            "quant" => optional(&mut settings.plan.quant, &value, &mut notices),
            "compare" => {
                let (name, plan) = value.rsplit_once('*').unwrap_or(("", &value));
                let mut read = crate::prune::PruningPlan::default();
                let before = notices.len();
                part(&mut read, plan, &mut notices);
                if notices.len() == before {
                    let name = if name.is_empty() { read.name() } else { name.to_string() };
                    settings.compare.push(Variant { name, plan: read });
                }
                true
            }
            "sweep" => set(&mut settings.sweep, SWEEPS.iter().find(|(name, _)| *name == value).map(|(_, s)| *s)),
            "sample" => set(&mut settings.sample, number(&value)),
            "analysis" => set(&mut settings.analysis, number(&value).filter(|x: &f32| x.is_finite())),
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
const VIEWS: [(&str, View); 9] = [
    ("layers", View::Layers),
    ("steps", View::Steps),
    ("theorems", View::Theorems),
    ("tokens", View::Tokens),
    ("choice", View::Choice),
    ("retrieval", View::Retrieval),
    ("compare", View::Compare),
    ("sweep", View::Sweep),
    ("weights", View::Weights),
];
const SWEEPS: [(&str, SweepAxis); 3] =
    [("layers", SweepAxis::Layers), ("sparsity", SweepAxis::Sparsity), ("bits", SweepAxis::Bits)];

/// A sweep axis's name in the link.
pub fn sweep_name(axis: SweepAxis) -> &'static str {
    SWEEPS.iter().find(|(_, other)| *other == axis).map_or("layers", |(name, _)| name)
}

/// A view's name in the link.
pub fn view_name(view: View) -> &'static str {
    VIEWS.iter().find(|(_, other)| *other == view).map_or("layers", |(name, _)| name)
}

/// A backend choice's name in the link.
pub fn backend_name(backend: BackendChoice) -> &'static str {
    BACKENDS.iter().find(|(_, other)| *other == backend).map_or("auto", |(name, _)| name)
}

fn ignored(error: &impl std::fmt::Display) -> String {
    format!("In the link, {error}. It is ignored.")
}

/// Reads a part with an error type of its own; what is wrong with it becomes a notice.
fn part<T: FromStr<Err: std::fmt::Display>>(field: &mut T, text: &str, notices: &mut Vec<String>) -> bool {
    match text.parse() {
        Ok(value) => *field = value,
        Err(error) => notices.push(ignored(&error)),
    }
    true
}

/// The same where the empty text means none.
fn optional<T: FromStr<Err: std::fmt::Display>>(field: &mut Option<T>, text: &str, notices: &mut Vec<String>) -> bool {
    *field = None;
    if text.is_empty() {
        return true;
    }
    match text.parse() {
        Ok(value) => *field = Some(value),
        Err(error) => notices.push(ignored(&error)),
    }
    true
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
    use crate::prune::plan::tests::any_plan;
    use proptest::prelude::*;

    #[test]
    fn a_bare_address_is_the_example() {
        assert_eq!(from_query(""), (Settings::example(), vec![]));
        assert_eq!(from_query("?embed=1"), (Settings::example(), vec![]));
        assert!(from_query("?drop=").0.plan.is_dense());
    }

    #[test]
    fn a_whole_plan_is_written_as_people_write_it() {
        let query = "drop=a7&sparse=sparsegpt-2:4&on=mlp&layers=4-20&quant=awq4-g64&compare=4:8*wanda-4:8";
        let (settings, notices) = from_query(query);
        assert_eq!(notices, Vec::<String>::new());
        assert_eq!(settings.plan.to_string(), "a7_sparsegpt-2:4_awq4-g64_on-mlp_layers-4-20");
        assert_eq!(to_query(&settings), query);
    }

    #[test]
    fn malformed_parts_are_named_and_ignored() {
        let (settings, notices) = from_query(
            "?drop=a7,zz&tokens=many&temp=NaN&chat=perhaps&colour=red&seed=5&tokens=9999&sparse=wanda-2&compare=x*q9",
        );
        assert_eq!(settings.plan.drop.to_string(), "a7");
        assert_eq!((settings.tokens, settings.temp, settings.seed), (super::super::MAX_TOKENS, 0.0, 5));
        assert_eq!((settings.plan.sparse, settings.compare.len()), (None, 0));
        assert_eq!(notices.len(), 8, "{notices:#?}");
        for part in ["zz", "many", "NaN", "perhaps", "colour", "9999", "wanda-2", "q9"] {
            assert!(notices.iter().any(|notice| notice.contains(part)), "{part} is not named in {notices:#?}");
        }
    }

    fn any_settings() -> impl Strategy<Value = Settings> {
        let variant = ("[a-zA-Z0-9 %*+-]{1,12}", any_plan()).prop_map(|(name, plan)| Variant { name, plan });
        (
            (
                ("[a-z./:]{0,12}", "[a-z./:]{0,12}", 0usize..4),
                "\\PC{0,40}",
                any::<bool>(),
                any_plan(),
                proptest::collection::vec(variant, 0..=4),
            ),
            (1usize..=256, 0f32..5.0, 0usize..100, 0.01f32..1.0, any::<u64>(), 0usize..3, 0usize..9),
            (prop_oneof![Just(0f32), 0.1f32..5.0], 0usize..3, 0usize..100),
        )
            .prop_map(
                |(
                    ((model, other, loading), prompt, chat, plan, compare),
                    (tokens, temp, top_k, top_p, seed, backend, view),
                    (analysis, sweep, sample),
                )| Settings {
                    model,
                    other,
                    hub: if loading % 2 == 1 { "https://hub.example/a".into() } else { String::new() },
                    precision: if loading > 1 { Precision::Eight } else { Precision::Stored },
                    prompt,
                    chat,
                    plan,
                    tokens,
                    temp,
                    top_k,
                    top_p,
                    seed,
                    analysis,
                    backend: BACKENDS[backend].1,
                    view: VIEWS[view].1,
                    compare,
                    sweep: SWEEPS[sweep].1,
                    sample,
                },
            )
    }

    proptest! {
        #[test]
        fn settings_to_link_to_settings_is_the_identity(settings in any_settings()) {
            let json = serde_json::to_string(&settings).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Settings>(&json).unwrap(), &settings);
            prop_assert_eq!(from_query(&to_query(&settings)), (settings, vec![]));
        }

        #[test]
        fn any_query_is_read_without_panic(query in ".{0,80}") {
            let _ = from_query(&query);
        }
    }
}
