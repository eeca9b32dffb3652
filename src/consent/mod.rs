//! What the page may fetch without asking: who wants a model, from which host, how large it is. Decisions apart from the browser;
//! the page gathers the facts, shows the question and does what was decided.
//!
//! * [`decide`]: load, or ask first.
//! * [`claims`]: what the visitor asked for, beside what links ask for.
//! * [`tokens`]: which hub gets which access token.

pub mod claims;
pub mod tokens;

use std::collections::BTreeSet;

use url::{Host, Url};

use prunescope_downloads::words::{amount, host};
use prunescope_protocol::messages::{Allowance, TAB_HOLDS_BYTES};
use prunescope_protocol::model::source::{DEFAULT_HUB, ModelSource, is_usual_hub, shown};
use prunescope_protocol::settings::Settings;

pub use claims::Claims;
pub use tokens::Tokens;

/// Most bytes that a link may fetch unasked.
pub const UNASKED_BYTES: u64 = 150_000_000;
/// The same where the browser asks to save data.
pub const UNASKED_BYTES_SAVING: u64 = 10_000_000;

/// How many bytes more than the question said may come of what was agreed to: lists and indices, which it does not count.
const MORE_THAN_SAID: u64 = 32_000_000;

/// From where a model comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// No host: the visitor's own file, or an address that holds its own data.
    Device,
    /// The page's own site, with its host.
    Site(String),
    /// The hub that everyone uses unless told otherwise.
    UsualHub,
    /// Another host.
    Elsewhere(String),
}

impl Place {
    /// From where a model that settings name would come.
    ///
    /// * `model`: as the settings have it.
    /// * `hub`: the address of the hub that repositories are on.
    /// * `page`: the page's own address.
    pub fn of(model: &str, hub: &str, page: &Url) -> Self {
        let address = match ModelSource::parse(model) {
            ModelSource::Picked(_) => return Self::Device,
            ModelSource::Default => Some(page.clone()),
            ModelSource::Address(address) => page.join(&address).ok(),
            ModelSource::Repository(_) => Url::parse(hub).ok(),
        };
        // What is no address is not fetched either; loading it says so.
        address.map_or(Self::Device, |address| Self::at(&address, page))
    }

    fn at(address: &Url, page: &Url) -> Self {
        let Some(host) = host(address) else { return Self::Device };
        if address.origin() == page.origin() {
            Self::Site(host)
        } else if is_usual_hub(address) {
            Self::UsualHub
        } else {
            Self::Elsewhere(host)
        }
    }

    /// The host by its name, where there is one.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Device => None,
            Self::Site(host) | Self::Elsewhere(host) => Some(host),
            Self::UsualHub => Some(DEFAULT_HUB.trim_start_matches("https://")),
        }
    }
}

/// Whether a page can fetch an address, and may.
///
/// # Errors
/// A sentence that says why not.
pub fn check(address: &Url) -> Result<(), String> {
    if !["http", "https", "blob", "data"].contains(&address.scheme()) {
        let scheme = address.scheme();
        return Err(format!(
            "An address that begins with {scheme}: cannot be loaded by a page: give one that begins with https:."
        ));
    }
    if !address.username().is_empty() || address.password().is_some() {
        return Err("The model's address holds a name or password, which browsers do not send: take it out.".into());
    }
    Ok(())
}

/// Whether an address is on the visitor's own computer.
pub fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Who wants a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// A link, or the page around a frame.
    Link,
    /// The visitor typed, picked or clicked it.
    Visitor,
    /// The visitor was asked about just this and agreed.
    Agreed,
}

/// How much of a model is still to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it is kept on this device, or its host has said that there is no such model, which loading tells in full.
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// Not known before its host is asked.
    Unknown,
    /// Its host redirects to another address, which a page does not see before it follows.
    Redirect,
}

/// One model of what settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As the settings have it; empty is the default model.
    pub model: String,
    /// From where it comes.
    pub place: Place,
    /// Who wants it.
    pub asker: Asker,
    /// How much is to be fetched.
    pub left: Left,
}

impl Part {
    /// Whether redirects may be followed without asking. The default model lies where who runs the site wants it; the usual hub's
    /// files lie on other hosts.
    fn may_redirect(&self) -> bool {
        !matches!(self.place, Place::Site(_)) || self.model.is_empty()
    }

    /// That it redirects, where it does.
    fn redirect(&self) -> Option<Reason> {
        self.place.host().filter(|_| self.left == Left::Redirect).map(|host| Reason::Redirect(host.into()))
    }
}

/// Why a question is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// A link chose these hosts.
    Hosts(Vec<String>),
    /// A link wants so many bytes, from so many models.
    Bytes(u64, usize),
    /// A link wants more, from a hub that did not say how much.
    UnknownBytes,
    /// A host that may be asked redirects to another address.
    Redirect(String),
    /// What comes is more than was found before.
    More,
    /// The browser asks to save data.
    SavesData,
    /// It is more than a tab can hold.
    MoreThanATabHolds,
}

/// What the visitor is asked before anything is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    parts: Vec<Part>,
    reasons: Vec<Reason>,
}

/// What to do about models that settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Load them.
    Load,
    /// Ask first.
    Ask(Question),
}

/// Whether models are loaded at once, or the visitor is asked first.
///
/// * A link asks before it fetches from a host that is neither the page's own nor the usual hub, or more than
///   [`UNASKED_BYTES`], both of its models together; where the browser asks to save data, more than [`UNASKED_BYTES_SAVING`].
/// * What the visitor wants is asked about only beyond [`TAB_HOLDS_BYTES`].
/// * What was agreed to, and what is kept on this device, is never asked about.
pub fn decide(parts: &[Part], saves_data: bool) -> Decision {
    let fetched: Vec<Part> = parts
        .iter()
        .filter(|part| part.place != Place::Device && part.left != Left::Nothing && part.asker != Asker::Agreed)
        .cloned()
        .collect();
    let linked = || fetched.iter().filter(|part| part.asker == Asker::Link);
    let mut reasons = vec![];
    let mut hosts: Vec<String> = linked()
        .filter_map(|part| if let Place::Elsewhere(host) = &part.place { Some(host.clone()) } else { None })
        .collect();
    hosts.dedup();
    if !hosts.is_empty() {
        reasons.push(Reason::Hosts(hosts));
    }
    let known = linked().filter(|part| matches!(part.left, Left::Bytes(_))).count();
    let linked_bytes = bytes(linked());
    if linked_bytes > UNASKED_BYTES {
        reasons.push(Reason::Bytes(linked_bytes, known));
    } else if saves_data && linked_bytes > UNASKED_BYTES_SAVING {
        reasons.push(Reason::SavesData);
    }
    // The page's own files may be kept for visits without network, where their size cannot be asked.
    if linked().any(|part| part.left == Left::Unknown && part.place == Place::UsualHub) {
        reasons.push(Reason::UnknownBytes);
    }
    reasons.extend(linked().find_map(Part::redirect));
    if bytes(fetched.iter()) > TAB_HOLDS_BYTES {
        reasons.push(Reason::MoreThanATabHolds);
    }
    if reasons.is_empty() { Decision::Load } else { Decision::Ask(Question { parts: fetched, reasons }) }
}

/// What may come of a model, whatever its host said before; none where that has no limit, since the visitor asked for it.
///
/// * `model`: as the settings have it.
/// * `parts`: all models of the settings, which [`decide`] lets load.
pub fn allowance(model: &str, parts: &[Part], saves_data: bool) -> Option<Allowance> {
    let linked = || parts.iter().filter(|part| part.asker == Asker::Link && part.place != Place::Device);
    let part = linked().find(|part| part.model == model)?;
    let most = if saves_data { UNASKED_BYTES_SAVING } else { UNASKED_BYTES };
    let left = most.saturating_sub(bytes(linked()));
    // Together both models get no more than one: what was found of each, and the rest by halves.
    let rest = left / linked().count() as u64;
    let bytes = match (&part.place, part.left) {
        // It is kept on this device, and what took its place on its host was not agreed to.
        (Place::Elsewhere(_), _) => 0,
        (_, Left::Bytes(bytes)) => bytes.saturating_add(rest),
        (_, Left::Nothing | Left::Unknown | Left::Redirect) => rest,
    };
    Some(Allowance { bytes, counts_resent: true, follows_redirects: part.may_redirect() })
}

fn bytes<'a>(parts: impl Iterator<Item = &'a Part>) -> u64 {
    parts.fold(0, |sum, part| if let Left::Bytes(bytes) = part.left { sum.saturating_add(bytes) } else { sum })
}

impl Question {
    /// What is asked where a host that was let load is found to have more than it said, or to redirect to another address.
    pub fn again(part: Part) -> Self {
        Self { reasons: vec![part.redirect().unwrap_or(Reason::More)], parts: vec![part] }
    }

    /// What the visitor agrees to: for each model, what may come of it.
    pub fn allowances(&self) -> impl Iterator<Item = (String, Allowance)> {
        self.parts.iter().map(|part| {
            let bytes = match part.left {
                Left::Bytes(bytes) => bytes.saturating_add(MORE_THAN_SAID),
                Left::Nothing | Left::Unknown | Left::Redirect => u64::MAX,
            };
            let follows_redirects = part.may_redirect() || part.left == Left::Redirect;
            (part.model.clone(), Allowance { bytes, counts_resent: false, follows_redirects })
        })
    }

    /// What it is about.
    pub fn title(&self) -> &'static str {
        let by_link = self.parts.iter().any(|part| part.asker == Asker::Link);
        match (by_link, self.offers_default()) {
            (true, true) => "This link asks for a model that is not on this device",
            (true, false) => "The model is not on this device",
            (false, _) => "This is a large model",
        }
    }

    /// Each model that would be fetched, from where, and how large it is.
    pub fn models(&self) -> Vec<String> {
        let of = |part: &Part| {
            let name = if part.model.is_empty() { "the default model".into() } else { shown(&part.model) };
            let host = part.place.host().unwrap_or_default();
            match part.left {
                Left::Nothing => format!("{name} from {host}"),
                Left::Bytes(bytes) => format!("{name} from {host}: {}", amount(bytes)),
                Left::Unknown if matches!(part.place, Place::Elsewhere(_)) => {
                    format!("{name} from {host}: how large it is, is not known before {host} is asked")
                }
                Left::Unknown => {
                    format!("{name} from {host}: {host} could not be asked how large it is, or did not say")
                }
                Left::Redirect => format!("{name} from {host}, which redirects to another address"),
            }
        };
        self.parts.iter().map(of).collect()
    }

    /// Why it is asked, a sentence each.
    pub fn reasons(&self) -> Vec<String> {
        let usual = Place::UsualHub;
        let usual = usual.host().unwrap_or_default();
        let of = |reason: &Reason| match reason {
            Reason::Hosts(hosts) => match &hosts[..] {
                [one] => format!("{one} is neither this site nor {usual}; nothing has been asked of it yet."),
                several => format!(
                    "{} are neither this site nor {usual}; nothing has been asked of them yet.",
                    joined(several)
                ),
            },
            Reason::Bytes(bytes, 1) => {
                format!("{} is more than a link may fetch unasked ({}).", amount(*bytes), amount(UNASKED_BYTES))
            }
            Reason::Bytes(bytes, _) => {
                let most = amount(UNASKED_BYTES);
                format!("Together that is {}, more than a link may fetch unasked ({most}).", amount(*bytes))
            }
            Reason::UnknownBytes => "It may be large.".into(),
            Reason::Redirect(host) => {
                format!(
                    "Where {host} redirects to, and how large the model is there, is not known before that is followed."
                )
            }
            Reason::More => "That is more than this link was found to need before anything was loaded.".into(),
            Reason::SavesData => "This browser asks pages to save data.".into(),
            Reason::MoreThanATabHolds => {
                format!("That is more than a tab can hold on the CPU ({}): loading may fail.", amount(TAB_HOLDS_BYTES))
            }
        };
        self.reasons.iter().map(of).collect()
    }

    /// What the button that agrees says.
    pub fn button(&self) -> String {
        let hosts: BTreeSet<&str> = self.parts.iter().filter_map(|part| part.place.host()).collect();
        let hosts: Vec<String> = hosts.into_iter().map(String::from).collect();
        let known = self.parts.iter().all(|part| matches!(part.left, Left::Bytes(_)));
        let size = if known { format!(" {}", amount(bytes(self.parts.iter()))) } else { String::new() };
        format!("Load{size} from {}", joined(&hosts))
    }

    /// Whether the default model is another choice.
    pub fn offers_default(&self) -> bool {
        self.parts.iter().any(|part| !part.model.is_empty())
    }
}

/// What leaves the visitor's tab, in sentences for the line at the bottom.
///
/// * `has_token`: whether the hub gets an access token.
/// * `embedded`: whether the page around a frame can read along.
pub fn leaves(settings: &Settings, page: &Url, has_token: bool, embedded: bool) -> String {
    let mut sentences = if embedded {
        vec!["Everything is computed in this frame; the page around it can read your prompt and the results.".into()]
    } else {
        vec![
            "Everything is computed in this tab.".to_string(),
            "The link in the address bar holds your prompt, and this site receives it when the link is opened or loaded anew.".into(),
        ]
    };
    for model in claims::models(settings) {
        let place = Place::of(model, settings.models.hub(), page);
        let on_hub = matches!(ModelSource::parse(model), ModelSource::Repository(_));
        let sentence = match (&place, place.host()) {
            (Place::Device | Place::Site(_), _) | (_, None) => continue,
            (_, Some(host)) if on_hub && has_token => {
                format!("{host} learns which model you load, with your access token.")
            }
            (_, Some(host)) => format!("{host} learns which model you load."),
        };
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.join(" ")
}

/// Texts as a list in a sentence.
fn joined(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prunescope_protocol::settings::ModelChoice;

    fn page() -> Url {
        Url::parse("https://someone.github.io/prunescope/?drop=a1").unwrap()
    }

    fn place(model: &str, hub: &str) -> Place {
        Place::of(model, hub, &page())
    }

    #[test]
    fn each_place() {
        let elsewhere = |host: &str| Place::Elsewhere(host.into());
        let site = Place::Site("someone.github.io".into());
        for (model, hub, expected) in [
            ("", DEFAULT_HUB, site.clone()),
            ("", "https://hub.example", site.clone()),
            ("models/x.gguf", DEFAULT_HUB, site.clone()),
            ("/other/x.json", "https://hub.example", site.clone()),
            ("https://someone.github.io/x.gguf", DEFAULT_HUB, site.clone()),
            ("http://someone.github.io/x.gguf", DEFAULT_HUB, elsewhere("someone.github.io")),
            ("https://someone.github.io:8443/x.gguf", DEFAULT_HUB, elsewhere("someone.github.io:8443")),
            ("//hub.example/x.gguf", DEFAULT_HUB, elsewhere("hub.example")),
            ("https://huggingface.co@hub.example/x.gguf", DEFAULT_HUB, elsewhere("hub.example")),
            ("https://huggingface.co.hub.example/x.gguf", DEFAULT_HUB, elsewhere("huggingface.co.hub.example")),
            ("https://hüb.example/x.gguf", DEFAULT_HUB, elsewhere("xn--hb-xka.example")),
            ("http://127.0.0.1:8080/x.gguf", DEFAULT_HUB, elsewhere("127.0.0.1:8080")),
            ("http://[::1]:8080/x.gguf", DEFAULT_HUB, elsewhere("[::1]:8080")),
            ("https://huggingface.co/datasets/a/b/resolve/main/x.gguf", DEFAULT_HUB, Place::UsualHub),
            ("http://huggingface.co/datasets/a/b/resolve/main/x.gguf", DEFAULT_HUB, elsewhere("huggingface.co")),
            ("owner/name", DEFAULT_HUB, Place::UsualHub),
            ("owner/name@v1:Q8_0", "https://hf.co/", Place::UsualHub),
            ("https://hf.co/owner/name", DEFAULT_HUB, Place::UsualHub),
            // A page of the usual hub is read as a repository, and that is on the hub of the settings.
            ("https://huggingface.co/owner/name", "https://hub.example", elsewhere("hub.example")),
            ("owner/name", "https://hub.example/under", elsewhere("hub.example")),
            ("owner/name", "http://huggingface.co", elsewhere("huggingface.co")),
            ("owner/name", "https://someone.github.io/hub", site.clone()),
            ("file:x.gguf", "https://hub.example", Place::Device),
            ("data:application/octet-stream,x", DEFAULT_HUB, Place::Device),
            ("https://", DEFAULT_HUB, Place::Device),
        ] {
            assert_eq!(place(model, hub), expected, "{model} on {hub}");
        }
    }

    #[test]
    fn loopback_is_this_computer_only() {
        for (address, expected) in [
            ("http://localhost:8080", true),
            ("http://models.localhost", true),
            ("http://127.0.0.1", true),
            ("http://127.9.9.9/x", true),
            ("http://[::1]:80", true),
            ("http://0x7f.1", true),
            ("http://localhost.example", false),
            ("http://127.0.0.1.example", false),
            ("http://128.0.0.1", false),
            ("http://192.168.0.1", false),
            ("http://[::2]", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(address).unwrap()), expected, "{address}");
        }
    }

    fn part(place: Place, asker: Asker, left: Left) -> Part {
        let model = if matches!(place, Place::Site(_)) { "" } else { "owner/name" };
        Part { model: model.into(), place, asker, left }
    }

    fn asked(parts: &[Part], saves_data: bool) -> Option<Question> {
        match decide(parts, saves_data) {
            Decision::Load => None,
            Decision::Ask(question) => Some(question),
        }
    }

    const MB: u64 = 1_000_000;

    fn places() -> [Place; 4] {
        [Place::Device, Place::Site("site.example".into()), Place::UsualHub, Place::Elsewhere("hub.example".into())]
    }
    const ASKERS: [Asker; 3] = [Asker::Link, Asker::Visitor, Asker::Agreed];

    /// Every place, asker and kind of size, with and without saved data: the whole table, written out once more by hand.
    #[test]
    fn one_model_in_every_case() {
        let lefts = [
            Left::Nothing,
            Left::Unknown,
            Left::Redirect,
            Left::Bytes(MB),
            Left::Bytes(98 * MB),
            Left::Bytes(151 * MB),
            Left::Bytes(9_000 * MB),
        ];
        for place in places() {
            for asker in ASKERS {
                for left in lefts {
                    for saves_data in [false, true] {
                        let expected = match (&place, asker, left, saves_data) {
                            (Place::Device, ..) | (_, Asker::Agreed, ..) | (_, _, Left::Nothing, _) => false,
                            (_, _, Left::Bytes(bytes), _) if bytes == 9_000 * MB => true,
                            (_, Asker::Visitor, ..) => false,
                            (Place::Elsewhere(_), ..) => true,
                            (Place::UsualHub, _, Left::Unknown, _) | (_, _, Left::Redirect, _) => true,
                            (Place::Site(_), _, Left::Unknown, _) => false,
                            (_, _, Left::Bytes(bytes), saves_data) => {
                                bytes == 151 * MB || (saves_data && bytes == 98 * MB)
                            }
                        };
                        let found = asked(&[part(place.clone(), asker, left)], saves_data).is_some();
                        assert_eq!(found, expected, "{place:?} {asker:?} {left:?} {saves_data}");
                    }
                }
            }
        }
    }

    #[test]
    fn both_models_of_a_link_count_together() {
        let of = |bytes| part(Place::UsualHub, Asker::Link, Left::Bytes(bytes));
        assert_eq!(asked(&[of(75 * MB), of(75 * MB)], false), None);
        let question = asked(&[of(75 * MB), of(76 * MB)], false).unwrap();
        assert_eq!(question.button(), "Load 151 MB from huggingface.co");
        assert_eq!(question.reasons(), ["Together that is 151 MB, more than a link may fetch unasked (150 MB)."]);
        // What the visitor typed beside it does not count towards what the link may fetch.
        let own = part(Place::UsualHub, Asker::Visitor, Left::Bytes(900 * MB));
        assert_eq!(asked(&[of(75 * MB), own], false), None);
    }

    #[test]
    fn the_question_tells_what_from_where_and_how_large() {
        let large = part(Place::UsualHub, Asker::Link, Left::Bytes(724 * MB));
        let question = asked(std::slice::from_ref(&large), false).unwrap();
        assert_eq!(question.models(), ["owner/name from huggingface.co: 724 MB"]);
        assert_eq!(question.button(), "Load 724 MB from huggingface.co");
        assert!(question.offers_default());
        let foreign = part(Place::Elsewhere("hub.example".into()), Asker::Link, Left::Unknown);
        let question = asked(&[large, foreign], false).unwrap();
        assert_eq!(question.button(), "Load from hub.example and huggingface.co");
        assert_eq!(
            question.models()[1],
            "owner/name from hub.example: how large it is, is not known before hub.example is asked"
        );
        assert_eq!(
            question.reasons(),
            [
                "hub.example is neither this site nor huggingface.co; nothing has been asked of it yet.",
                "724 MB is more than a link may fetch unasked (150 MB)."
            ]
        );
        let default = part(Place::Site("site.example".into()), Asker::Link, Left::Bytes(98 * MB));
        let question = asked(&[default], true).unwrap();
        assert_eq!(question.button(), "Load 98 MB from site.example");
        assert_eq!(question.reasons(), ["This browser asks pages to save data."]);
        assert!(!question.offers_default());
    }

    #[test]
    fn together_a_links_models_get_what_one_may() {
        let named = |model: &str, place, asker, left| Part { model: model.into(), place, asker, left };
        let hub = named("a/b", Place::UsualHub, Asker::Link, Left::Bytes(40 * MB));
        let site = named("x.gguf", Place::Site("site.example".into()), Asker::Link, Left::Unknown);
        let kept =
            named("https://hub.example/y.gguf", Place::Elsewhere("hub.example".into()), Asker::Link, Left::Nothing);
        let both = [hub.clone(), site.clone()];
        let of = |part: &Part, parts: &[Part], saves| {
            allowance(&part.model, parts, saves).map(|it| (it.bytes / MB, it.follows_redirects))
        };
        let one = std::slice::from_ref;
        assert_eq!(of(&hub, &both, false), Some((95, true)));
        assert_eq!(of(&site, &both, false), Some((55, false)));
        assert_eq!(of(&hub, one(&hub), false), Some((150, true)));
        assert_eq!(of(&site, one(&site), true), Some((10, false)));
        assert_eq!(of(&kept, one(&kept), false), Some((0, true)));
        let default = named("", Place::Site("site.example".into()), Asker::Link, Left::Bytes(98 * MB));
        assert_eq!(of(&default, one(&default), false), Some((150, true)));
        for asker in [Asker::Visitor, Asker::Agreed] {
            assert_eq!(of(&hub, &[Part { asker, ..hub.clone() }], true), None);
        }
        assert_eq!(of(&hub, &[], false), None);
    }

    #[test]
    fn what_was_found_while_it_was_loaded_is_asked_about_and_agreed_to() {
        let place = Place::Site("site.example".into());
        let found =
            |left| Question::again(Part { model: "x.gguf".into(), place: place.clone(), asker: Asker::Link, left });
        let agreed = |question: &Question| {
            let all: Vec<_> = question.allowances().collect();
            assert_eq!((all.len(), all[0].0.as_str()), (1, "x.gguf"));
            (all[0].1.bytes, all[0].1.follows_redirects)
        };
        let more = found(Left::Bytes(400 * MB));
        assert_eq!(more.models(), ["x.gguf from site.example: 400 MB"]);
        assert_eq!(more.reasons(), ["That is more than this link was found to need before anything was loaded."]);
        assert_eq!(more.button(), "Load 400 MB from site.example");
        assert_eq!(agreed(&more), (432 * MB, false));
        let redirect = found(Left::Redirect);
        assert_eq!(redirect.models(), ["x.gguf from site.example, which redirects to another address"]);
        assert_eq!(redirect.button(), "Load from site.example");
        assert_eq!(agreed(&redirect), (u64::MAX, true));
    }

    #[test]
    fn what_cannot_be_fetched_is_refused_without_a_question() {
        let checked = |address: &str| check(&Url::parse(address).unwrap());
        for address in
            ["https://x.example/a.gguf", "http://127.0.0.1:1/a", "data:text/plain,x", "blob:https://x.example/1"]
        {
            assert_eq!(checked(address), Ok(()));
        }
        for address in ["ftp://x.example/a", "javascript:alert(1)", "file:///a.gguf", "about:blank"] {
            assert!(checked(address).unwrap_err().ends_with("give one that begins with https:."), "{address}");
        }
        for address in ["https://me@x.example/a", "https://me:secret@x.example/a", "https://:secret@x.example/a"] {
            assert!(checked(address).unwrap_err().contains("name or password"), "{address}");
        }
    }

    #[test]
    fn what_leaves_the_tab_is_said() {
        let settings = |model: &str, other: &str, hub: &str| Settings {
            models: ModelChoice { model: model.into(), other: other.into(), hub: hub.into(), ..ModelChoice::default() },
            ..Settings::default()
        };
        let own = leaves(&settings("", "", ""), &page(), true, false);
        assert!(own.contains("The link") && !own.contains("learns") && !own.contains("token"), "{own}");
        let hub = leaves(&settings("a/b", "", ""), &page(), true, false);
        assert!(hub.ends_with("huggingface.co learns which model you load, with your access token."), "{hub}");
        let both = leaves(&settings("a/b", "c/d", "https://hub.example"), &page(), false, false);
        assert_eq!(both.matches("hub.example learns which model you load.").count(), 1, "{both}");
        let address = leaves(&settings("https://x.example/a.gguf", "file:b.gguf", ""), &page(), true, false);
        assert!(address.ends_with("x.example learns which model you load."), "{address}");
        let framed = leaves(&settings("a/b", "", ""), &page(), false, true);
        assert!(framed.contains("the page around it can read your prompt"), "{framed}");
    }

    #[test]
    fn amounts_as_people_say_them() {
        let found: Vec<String> = [0, 999_999, MB, 98 * MB, 999 * MB, 1000 * MB, 3_200 * MB].map(amount).into();
        assert_eq!(found, ["less than 1 MB", "less than 1 MB", "1 MB", "98 MB", "999 MB", "1.0 GB", "3.2 GB"]);
    }

    fn any_part() -> impl Strategy<Value = Part> {
        let left = prop_oneof![Just(Left::Nothing), Just(Left::Unknown), any::<u64>().prop_map(Left::Bytes)];
        (0usize..4, 0usize..3, left).prop_map(|(place, asker, left)| part(places()[place].clone(), ASKERS[asker], left))
    }

    proptest! {
        /// What is asked about names every host that would be fetched from, and no host is reached by a link unasked but the two
        /// usual ones.
        #[test]
        fn no_other_host_is_reached_unasked(parts in proptest::collection::vec(any_part(), 0..3), saves_data: bool) {
            let reached: Vec<&Part> = parts.iter().filter(|part| part.left != Left::Nothing).collect();
            match decide(&parts, saves_data) {
                Decision::Load => {
                    for part in &reached {
                        let by_link_elsewhere = part.asker == Asker::Link && matches!(part.place, Place::Elsewhere(_));
                        prop_assert!(!by_link_elsewhere);
                    }
                }
                Decision::Ask(question) => {
                    prop_assert!(!question.reasons().is_empty());
                    for part in reached.iter().filter(|part| part.asker != Asker::Agreed) {
                        if let Some(host) = part.place.host() {
                            prop_assert!(question.button().contains(host));
                            prop_assert!(question.models().iter().any(|model| model.contains(host)));
                        }
                    }
                }
            }
        }

        /// To agree, to keep, and to type it oneself never leads to a question that a link would not lead to.
        #[test]
        fn a_link_may_least(parts in proptest::collection::vec(any_part(), 1..3), saves_data: bool) {
            let all = |asker: Asker| {
                let parts: Vec<Part> = parts.iter().cloned().map(|part| Part { asker, ..part }).collect();
                decide(&parts, saves_data) == Decision::Load
            };
            prop_assert!(!all(Asker::Link) || all(Asker::Visitor));
            prop_assert!(all(Asker::Agreed));
        }

        #[test]
        fn any_text_comes_from_some_place(model: String, hub: String) {
            Place::of(&model, &hub, &page());
        }
    }
}
