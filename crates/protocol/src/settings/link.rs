//! The text form of settings: the page address's query string. Writing and parsing settings is the identity.
//!
//! `?model=&other=&hub=&precision=&prompt=&chat=&drop=a7,a26,m17,b3&repair=scale&head=both&sparse=wanda-0.5&on=mlp`
//! `&layers=4-20&quant=awq4-g64&tokens=&temp=&top_k=&top_p=&seed=&analysis=&importance=&backend=&view=`
//! `&compare=NAME*PLAN&sweep=&sample=&search=&budget=`; `compare` may be repeated. A missing part has its default; a malformed part is ignored
//! and named in a notice. An empty query gives the example.

use std::str::FromStr;

use url::form_urlencoded;

use super::{Settings, Variant};
use crate::prune::DroppedSublayers;

/// Parameters of the page that are not settings; they are ignored here.
pub const OTHER_PARAMETERS: [&str; 10] =
    ["chapter", "embed", "engine", "hide", "lang", "lock", "show", "task", "theme", "trace"];

/// Writes settings as a query string without the question mark. Defaults are left out, except `drop`.
pub fn to_query(settings: &Settings) -> String {
    let default = Settings::default();
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut put = |key: &str, value: String, same: bool| {
        if !same {
            query.append_pair(key, &value);
        }
    };
    put("model", settings.models.model.clone(), settings.models.model == default.models.model);
    put("other", settings.models.other.clone(), settings.models.other == default.models.other);
    put("hub", settings.models.hub.clone(), settings.models.hub == default.models.hub);
    put("precision", settings.models.precision.to_string(), settings.models.precision == default.models.precision);
    put("prompt", settings.run.prompt.clone(), settings.run.prompt == default.run.prompt);
    put("chat", u8::from(settings.run.chat).to_string(), settings.run.chat == default.run.chat);
    let plan = &settings.run.plan;
    let text = |part: Option<String>| (part.is_none(), part.unwrap_or_default());
    put("drop", plan.drop.to_string(), false);
    let (same, repair) = text(plan.repair.map(|repair| repair.to_string()));
    put("repair", repair, same);
    let (same, head) = text(plan.head.map(|head| head.to_string()));
    put("head", head, same);
    let (same, sparse) = text(plan.sparse.map(|sparse| sparse.to_string()));
    put("sparse", sparse, same);
    put("on", plan.on.to_string(), plan.on == default.run.plan.on);
    let (same, layers) = text(plan.layers.map(|layers| layers.to_string()));
    put("layers", layers, same);
    let (same, quant) = text(plan.quant.map(|quant| quant.to_string()));
    put("quant", quant, same);
    put("tokens", settings.run.tokens.to_string(), settings.run.tokens == default.run.tokens);
    put("temp", settings.run.temp.to_string(), settings.run.temp == default.run.temp);
    put("top_k", settings.run.top_k.to_string(), settings.run.top_k == default.run.top_k);
    put("top_p", settings.run.top_p.to_string(), settings.run.top_p == default.run.top_p);
    put("seed", settings.run.seed.to_string(), settings.run.seed == default.run.seed);
    put("analysis", settings.run.analysis.to_string(), settings.run.analysis == default.run.analysis);
    let importance = settings.run.importance;
    put("importance", importance.to_string(), importance == default.run.importance);
    put("backend", settings.models.backend.to_string(), settings.models.backend == default.models.backend);
    put("view", settings.view.to_string(), settings.view == default.view);
    put("token", settings.token.to_string(), settings.token == default.token);
    for variant in &settings.measure.compare {
        put("compare", format!("{}*{}", variant.name, variant.plan), false);
    }
    put("sweep", settings.measure.sweep.to_string(), settings.measure.sweep == default.measure.sweep);
    put("sample", settings.measure.sample.to_string(), settings.measure.sample == default.measure.sample);
    put("search", settings.measure.search.to_string(), settings.measure.search == default.measure.search);
    put("budget", settings.measure.budget.to_string(), settings.measure.budget == default.measure.budget);
    // Commas and colons need no escape in a query, and links with them are easier to read.
    query.finish().replace("%2C", ",").replace("%3A", ":")
}

/// Parses a query string, with or without its question mark.
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
            "model" => set(&mut settings.models.model, Some(value.to_string())),
            "other" => set(&mut settings.models.other, Some(value.to_string())),
            "hub" => set(&mut settings.models.hub, Some(value.to_string())),
            "precision" => set(&mut settings.models.precision, value.parse().ok()),
            "prompt" => set(&mut settings.run.prompt, Some(value.to_string())),
            "chat" => set(&mut settings.run.chat, truth(&value)),
            "drop" => {
                let (drop, errors) = DroppedSublayers::parse_lenient(&value);
                settings.run.plan.drop = drop;
                notices.extend(errors.iter().map(ignored));
                true
            }
            "repair" => optional(&mut settings.run.plan.repair, &value, &mut notices),
            "head" => optional(&mut settings.run.plan.head, &value, &mut notices),
            "sparse" => optional(&mut settings.run.plan.sparse, &value, &mut notices),
            "on" => part(&mut settings.run.plan.on, &value, &mut notices),
            "layers" => optional(&mut settings.run.plan.layers, &value, &mut notices),
            "quant" => optional(&mut settings.run.plan.quant, &value, &mut notices),
            "compare" => {
                let (name, plan) = value.rsplit_once('*').unwrap_or(("", &value));
                let mut read = crate::prune::PruningPlan::default();
                let before = notices.len();
                part(&mut read, plan, &mut notices);
                if notices.len() == before {
                    let name = if name.is_empty() { read.name() } else { name.to_string() };
                    settings.measure.compare.push(Variant { name, plan: read });
                }
                true
            }
            "sweep" => set(&mut settings.measure.sweep, value.parse().ok()),
            "sample" => set(&mut settings.measure.sample, number(&value)),
            "search" => part(&mut settings.measure.search, &value, &mut notices),
            "budget" => set(&mut settings.measure.budget, number(&value)),
            "analysis" => set(&mut settings.run.analysis, number(&value).filter(|x: &f32| x.is_finite())),
            "tokens" => set(&mut settings.run.tokens, number(&value)),
            "temp" => set(&mut settings.run.temp, number(&value).filter(|x: &f32| x.is_finite())),
            "top_k" => set(&mut settings.run.top_k, number(&value)),
            "top_p" => set(&mut settings.run.top_p, number(&value).filter(|x: &f32| x.is_finite())),
            "seed" => set(&mut settings.run.seed, number(&value)),
            "importance" => set(&mut settings.run.importance, value.parse().ok()),
            "backend" => set(&mut settings.models.backend, value.parse().ok()),
            "view" => set(&mut settings.view, value.parse().ok()),
            "token" => set(&mut settings.token, number(&value)),
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

fn ignored(error: &impl std::fmt::Display) -> String {
    format!("In the link, {error}. It is ignored.")
}

/// Parses a part; an error becomes a notice.
fn part<T: FromStr<Err: std::fmt::Display>>(field: &mut T, text: &str, notices: &mut Vec<String>) -> bool {
    match text.parse() {
        Ok(value) => *field = value,
        Err(error) => notices.push(ignored(&error)),
    }
    true
}

/// Parses an optional part; the empty text is `None`.
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

/// Sets `field` if there is a value; returns whether there was one.
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
    use crate::prune::{ImportanceInput, MatrixGroup};
    use crate::settings::{
        BackendChoice, MAX_BUDGET, MeasureSettings, ModelChoice, Precision, RunSettings, SweepAxis, View,
    };
    use proptest::prelude::*;
    use strum::VariantArray;

    #[test]
    fn a_bare_address_is_the_example() {
        assert_eq!(from_query(""), (Settings::example(), vec![]));
        for query in ["?embed=1", "?trace=x.json", "?chapter=2"] {
            assert_eq!(from_query(query), (Settings::example(), vec![]));
        }
        assert!(from_query("?drop=").0.run.plan.is_dense());
    }

    #[test]
    fn a_whole_plan_is_written_as_people_write_it() {
        let query = "drop=a7&sparse=sparsegpt-2:4&on=mlp&layers=4-20&quant=awq4-g64&compare=4:8*wanda-4:8";
        let (settings, notices) = from_query(query);
        assert_eq!(notices, Vec::<String>::new());
        assert_eq!(settings.run.plan.to_string(), "a7_sparsegpt-2:4_awq4-g64_on-mlp_layers-4-20");
        assert_eq!(to_query(&settings), query);
        let query = "drop=&sparse=wanda-0.5-owl&quant=gptq3-g64&compare=OWL*sparsegpt-0.6-owl_layers-4-20";
        let (settings, notices) = from_query(query);
        assert_eq!((to_query(&settings).as_str(), notices), (query, vec![]));
    }

    #[test]
    fn malformed_parts_are_named_and_ignored() {
        let (settings, notices) = from_query(
            "?drop=a7,zz&tokens=many&temp=NaN&chat=perhaps&colour=red&seed=5&tokens=9999&sparse=wanda-2&compare=x*q9",
        );
        assert_eq!(settings.run.plan.drop.to_string(), "a7");
        assert_eq!((settings.run.tokens, settings.run.temp, settings.run.seed), (super::super::MAX_TOKENS, 0.0, 5));
        assert_eq!((settings.run.plan.sparse, settings.measure.compare.len()), (None, 0));
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
            (1usize..=256, 0f32..5.0, 0usize..100, 0.01f32..1.0, any::<u64>(), 0usize..3, 0usize..10, 0usize..=256),
            (prop_oneof![Just(0f32), 0.1f32..5.0], 0usize..2, 0usize..3, 0usize..100, 0usize..3, 1..=MAX_BUDGET),
        )
            .prop_map(
                |(
                    ((model, other, loading), prompt, chat, plan, compare),
                    (tokens, temp, top_k, top_p, seed, backend, view, token),
                    (analysis, importance, sweep, sample, search, budget),
                )| Settings {
                    models: ModelChoice {
                        model,
                        other,
                        hub: if loading % 2 == 1 { "https://hub.example/a".into() } else { String::new() },
                        precision: Precision::VARIANTS[loading / 2],
                        backend: BackendChoice::VARIANTS[backend],
                    },
                    run: RunSettings {
                        prompt,
                        chat,
                        plan,
                        tokens,
                        temp,
                        top_k,
                        top_p,
                        seed,
                        analysis,
                        importance: ImportanceInput::VARIANTS[importance],
                    },
                    measure: MeasureSettings {
                        compare,
                        sweep: SweepAxis::VARIANTS[sweep],
                        sample,
                        search: MatrixGroup::ALL[search].0,
                        budget,
                    },
                    view: View::VARIANTS[view],
                    token,
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
