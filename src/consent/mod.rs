//! What the page may fetch without asking, decided by who wants a model, from which host, and how large it is. These decisions need no
//! browser; the page gathers the facts, shows the question and acts on the decision.
//!
//! * [`decide`]: load, or ask first.
//! * [`claims`]: what the visitor asked for, as opposed to links.
//! * [`tokens`]: which hub gets which access token.

pub mod claims;
pub mod tokens;

use std::collections::BTreeSet;

use url::{Host, Url};

use prunescope_downloads::words::{self, host};
use prunescope_localization::tr;
use prunescope_protocol::messages::{Allowance, TAB_HOLDS_BYTES};
use prunescope_protocol::model::source::{DEFAULT_HUB, ModelSource, is_usual_hub, shown};
use prunescope_protocol::settings::Settings;

pub use claims::Claims;
pub use tokens::Tokens;

/// Greatest number of bytes that a link may fetch without asking.
pub const UNASKED_BYTES: u64 = 150_000_000;
/// The same where the browser asks to save data.
pub const UNASKED_BYTES_SAVING: u64 = 10_000_000;

/// Bytes beyond the stated size that an agreement covers: file lists and indices, which the size does not count.
const MORE_THAN_SAID: u64 = 32_000_000;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// No host: the visitor's own file, or a `data:` address.
    Device,
    /// The page's own site, with its host name.
    Site(String),
    /// The default hub (huggingface.co).
    UsualHub,
    /// Another host.
    Elsewhere(String),
}

impl Place {
    /// The place of a model that settings name.
    ///
    /// * `model`: as written in the settings.
    /// * `hub`: the address of the hub that repositories are on.
    /// * `page`: the page's own address.
    pub fn of(model: &str, hub: &str, page: &Url) -> Self {
        let address = match ModelSource::parse(model) {
            ModelSource::Picked(_) => return Self::Device,
            ModelSource::Default => Some(page.clone()),
            ModelSource::Address(address) => page.join(&address).ok(),
            ModelSource::Repository(_) => Url::parse(hub).ok(),
        };
        // An invalid address is not fetched either; loading it reports the error.
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

    /// The host name, if there is a host.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Device => None,
            Self::Site(host) | Self::Elsewhere(host) => Some(host),
            Self::UsualHub => Some(DEFAULT_HUB.trim_start_matches("https://")),
        }
    }
}

/// Checks that a page can and may fetch an address.
///
/// # Errors
/// A sentence that says why not.
pub fn check(address: &Url) -> Result<(), String> {
    if !["http", "https", "blob", "data"].contains(&address.scheme()) {
        return Err(tr!(consent_scheme, scheme = address.scheme()));
    }
    if !address.username().is_empty() || address.password().is_some() {
        return Err(tr!(consent_password));
    }
    Ok(())
}

/// Whether an address is on the visitor's own computer (loopback).
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
    /// A link, or the page that embeds this one.
    Link,
    /// The visitor typed, picked or clicked it.
    Visitor,
    /// The visitor was asked about exactly this model and agreed.
    Agreed,
}

/// How much of a model still has to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it is stored on this device, or its host reported that it does not exist, which loading explains in full.
    Nothing,
    /// This many bytes.
    Bytes(u64),
    /// Unknown until its host is asked.
    Unknown,
    /// Its host redirects to another address, which a page can only learn by following it.
    Redirect,
}

/// One of the models that settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As written in the settings; empty is the default model.
    pub model: String,
    /// Where it comes from.
    pub place: Place,
    /// Who wants it.
    pub asker: Asker,
    /// How much still has to be fetched.
    pub left: Left,
}

impl Part {
    /// Whether redirects may be followed without asking: for the default model, whose location the site's owner chooses, and for hubs,
    /// which store files on other hosts.
    fn may_redirect(&self) -> bool {
        !matches!(self.place, Place::Site(_)) || self.model.is_empty()
    }

    /// The reason to ask if its host redirects.
    fn redirect(&self) -> Option<Reason> {
        self.place.host().filter(|_| self.left == Left::Redirect).map(|host| Reason::Redirect(host.into()))
    }
}

/// Why a question is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// A link chose hosts other than the page's own and the usual hub: their names.
    Hosts(Vec<String>),
    /// A link wants too many bytes: bytes, and number of models.
    Bytes(u64, usize),
    /// A link wants an unknown number of bytes from the usual hub.
    UnknownBytes,
    /// The page's own site redirects to another address.
    Redirect(String),
    /// More bytes arrive than were found beforehand.
    More,
    /// The browser asks to save data.
    SavesData,
    /// The model is larger than a tab can hold.
    MoreThanATabHolds,
}

/// The question the visitor is asked before anything is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    parts: Vec<Part>,
    reasons: Vec<Reason>,
}

/// What to do about the models that settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Load them.
    Load,
    /// Ask first.
    Ask(Question),
}

/// Decides whether models are loaded at once or the visitor is asked first.
///
/// * A link asks before it fetches from a host that is neither the page's own nor the usual hub, or more than
///   [`UNASKED_BYTES`] for both of its models together; where the browser asks to save data, more than [`UNASKED_BYTES_SAVING`].
/// * What the visitor wants is asked about only beyond [`TAB_HOLDS_BYTES`].
/// * What was agreed to, and what is stored on this device, is never asked about.
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
    // For the page's own files an unknown size is no reason: without network they may come from the service worker.
    if linked().any(|part| part.left == Left::Unknown && part.place == Place::UsualHub) {
        reasons.push(Reason::UnknownBytes);
    }
    reasons.extend(linked().find_map(Part::redirect));
    if bytes(fetched.iter()) > TAB_HOLDS_BYTES {
        reasons.push(Reason::MoreThanATabHolds);
    }
    if reasons.is_empty() { Decision::Load } else { Decision::Ask(Question { parts: fetched, reasons }) }
}

/// Limits on what may be fetched for a model, whatever its host said before; none (no limit) if the visitor asked for it.
///
/// * `model`: as written in the settings.
/// * `parts`: all models of the settings, which [`decide`] decided to load.
pub fn allowance(model: &str, parts: &[Part], saves_data: bool) -> Option<Allowance> {
    let linked = || parts.iter().filter(|part| part.asker == Asker::Link && part.place != Place::Device);
    let part = linked().find(|part| part.model == model)?;
    let most = if saves_data { UNASKED_BYTES_SAVING } else { UNASKED_BYTES };
    let left = most.saturating_sub(bytes(linked()));
    // Two models together get no more than one would: each gets its known size and half of the remainder.
    let rest = left / linked().count() as u64;
    let bytes = match (&part.place, part.left) {
        // It is stored on this device. If its host now has something else, that was not agreed to.
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
    /// The question when a model that was allowed to load turns out larger than stated, or redirects to another address.
    pub fn again(part: Part) -> Self {
        Self { reasons: vec![part.redirect().unwrap_or(Reason::More)], parts: vec![part] }
    }

    /// What the visitor agrees to: each model with its limits.
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

    /// The question's title.
    pub fn title(&self) -> String {
        let by_link = self.parts.iter().any(|part| part.asker == Asker::Link);
        match (by_link, self.offers_default()) {
            (true, true) => tr!(consent_title_link),
            (true, false) => tr!(consent_title_default),
            (false, _) => tr!(consent_title_large),
        }
    }

    /// A line for each model that would be fetched: name, host and size.
    pub fn models(&self) -> Vec<String> {
        let of = |part: &Part| {
            let name = if part.model.is_empty() { tr!(consent_default_model).into() } else { shown(&part.model) };
            let host = part.place.host().unwrap_or_default();
            match part.left {
                Left::Nothing => tr!(consent_model, model = name, host = host),
                Left::Bytes(bytes) => tr!(consent_model_size, model = name, host = host, size = amount(bytes)),
                Left::Unknown if matches!(part.place, Place::Elsewhere(_)) => {
                    tr!(consent_model_not_asked, model = name, host = host)
                }
                Left::Unknown => tr!(consent_model_not_said, model = name, host = host),
                Left::Redirect => tr!(consent_model_redirect, model = name, host = host),
            }
        };
        self.parts.iter().map(of).collect()
    }

    /// The reasons for asking, one sentence each.
    pub fn reasons(&self) -> Vec<String> {
        let usual = Place::UsualHub;
        let usual = usual.host().unwrap_or_default();
        let of = |reason: &Reason| match reason {
            Reason::Hosts(hosts) => tr!(consent_hosts, count = hosts.len(), hosts = joined(hosts), usual = usual),
            Reason::Bytes(bytes, count) => {
                tr!(consent_bytes, count = *count, size = amount(*bytes), most = amount(UNASKED_BYTES))
            }
            Reason::UnknownBytes => tr!(consent_bytes_unknown),
            Reason::Redirect(host) => tr!(consent_redirect, host = host.as_str()),
            Reason::More => tr!(consent_more),
            Reason::SavesData => tr!(consent_saves_data),
            Reason::MoreThanATabHolds => tr!(consent_more_than_a_tab_holds, most = amount(TAB_HOLDS_BYTES)),
        };
        self.reasons.iter().map(of).collect()
    }

    /// The label of the button that agrees.
    pub fn button(&self) -> String {
        let hosts: BTreeSet<&str> = self.parts.iter().filter_map(|part| part.place.host()).collect();
        let hosts: Vec<String> = hosts.into_iter().map(String::from).collect();
        let hosts = joined(&hosts);
        if self.parts.iter().all(|part| matches!(part.left, Left::Bytes(_))) {
            tr!(consent_load_size, size = amount(bytes(self.parts.iter())), hosts = hosts)
        } else {
            tr!(consent_load, hosts = hosts)
        }
    }

    /// Whether the default model is offered instead.
    pub fn offers_default(&self) -> bool {
        self.parts.iter().any(|part| !part.model.is_empty())
    }
}

/// Sentences for the status line at the bottom about what leaves the visitor's tab.
///
/// * `has_token`: whether the hub receives an access token.
/// * `embedded`: whether another page embeds this one and can read it.
pub fn leaves(settings: &Settings, page: &Url, has_token: bool, embedded: bool) -> String {
    let mut sentences = if embedded {
        vec![tr!(consent_computed_in_frame)]
    } else {
        vec![tr!(consent_computed_in_tab), tr!(consent_link_holds_prompt)]
    };
    for model in claims::models(settings) {
        let place = Place::of(model, settings.models.hub(), page);
        let on_hub = matches!(ModelSource::parse(model), ModelSource::Repository(_));
        let sentence = match (&place, place.host()) {
            (Place::Device | Place::Site(_), _) | (_, None) => continue,
            (_, Some(host)) if on_hub && has_token => tr!(consent_host_learns_with_token, host = host),
            (_, Some(host)) => tr!(consent_host_learns, host = host),
        };
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.join(" ")
}

/// The same as [`words::amount`], in the visitor's language.
fn amount(bytes: u64) -> String {
    if bytes < 1_000_000 { tr!(consent_less_than_a_megabyte) } else { words::amount(bytes) }
}

/// Joins texts into a list.
fn joined(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => tr!(consent_and, first = first.join(", "), last = last.as_str()),
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
            // An address of a page on the usual hub is parsed as a repository, which is fetched from the hub of the settings.
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

    /// Every place, asker and kind of size, with and without data saving: the whole table, written out again by hand.
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
        // A model that the visitor typed does not count towards the link's limit.
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
        /// The question names every host that would be fetched from, and without a question a link reaches no host but the page's own and
        /// the usual hub.
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

        /// Consent, or typing the model oneself, never leads to a question that a link would not lead to.
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
