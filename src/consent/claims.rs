//! Who asked for what: the visitor's own choices, as opposed to those of links.

use std::collections::{BTreeMap, BTreeSet};

use super::Asker;
use prunescope_protocol::messages::Allowance;
use prunescope_protocol::model::source::{ModelSource, is_usual_hub};
use prunescope_protocol::settings::Settings;
use url::Url;

/// What the visitor typed, picked, clicked or agreed to since a link last changed the models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Models, as written in the settings.
    models: BTreeSet<String>,
    /// Hubs that the visitor named or agreed to.
    hubs: BTreeSet<String>,
    /// Models that the visitor agreed to, by hub and name, each with its limits.
    agreed: BTreeMap<(String, String), Allowance>,
    /// Hubs that may be given an access token. Links do not remove this.
    trusted: BTreeSet<String>,
}

/// The models that settings name.
pub fn models(settings: &Settings) -> impl Iterator<Item = &String> {
    std::iter::once(&settings.models.model).chain(Some(&settings.models.other).filter(|other| !other.is_empty()))
}

/// Whether two settings name the same models.
fn same_models(a: &Settings, b: &Settings) -> bool {
    let (a, b) = (&a.models, &b.models);
    (&a.model, &a.other, a.hub()) == (&b.model, &b.other, b.hub())
}

impl Claims {
    /// Records that the visitor changed the settings.
    pub fn visitor_changed(&mut self, before: &Settings, after: &Settings) {
        if after.models.model != before.models.model {
            self.visitor_named(&after.models.model);
        }
        if after.models.other != before.models.other {
            self.visitor_named(&after.models.other);
        }
        if after.models.hub != before.models.hub {
            self.visitor_named_hub(after.models.hub());
        }
    }

    /// Records that the visitor named a model, perhaps the current one again.
    pub fn visitor_named(&mut self, model: &str) {
        self.models.insert(model.into());
    }

    /// Records that the visitor named a hub.
    pub fn visitor_named_hub(&mut self, hub: &str) {
        self.hubs.insert(hub.into());
        self.trust(hub);
    }

    /// Records that a link changed the settings: the address bar went back or forward, or the embedding page asked. Models that differ from
    /// the previous ones then belong to the link, whoever named them earlier.
    pub fn link_changed(&mut self, before: &Settings, after: &Settings) {
        if !same_models(before, after) {
            let trusted = std::mem::take(&mut self.trusted);
            *self = Self { trusted, ..Self::default() };
        }
    }

    /// Records that the visitor agreed to a question.
    ///
    /// * `allowances`: models of the settings, each with its limits.
    pub fn agree(&mut self, settings: &Settings, allowances: impl Iterator<Item = (String, Allowance)>) {
        for (model, allowance) in allowances {
            if matches!(ModelSource::parse(&model), ModelSource::Repository(_)) {
                // The question named the hub's host, so whatever the visitor types later knowingly comes from there.
                self.hubs.insert(settings.models.hub().into());
            }
            self.agreed.insert((settings.models.hub().to_string(), model), allowance);
        }
    }

    /// The limits that the visitor agreed to for a model of the settings.
    pub fn agreed(&self, settings: &Settings, model: &str) -> Option<Allowance> {
        self.agreed.get(&(settings.models.hub().to_string(), model.to_string())).copied()
    }

    /// Who wants a model of the settings.
    pub fn asker(&self, settings: &Settings, model: &str) -> Asker {
        let hub = settings.models.hub();
        if self.agreed(settings, model).is_some() {
            return Asker::Agreed;
        }
        // A repository is the visitor's choice only if its hub is, too.
        let on_hub = matches!(ModelSource::parse(model), ModelSource::Repository(_));
        if self.models.contains(model) && (!on_hub || is_usual(hub) || self.hubs.contains(hub)) {
            Asker::Visitor
        } else {
            Asker::Link
        }
    }

    /// Records that the visitor allows an access token for a hub.
    pub fn trust(&mut self, hub: &str) {
        self.trusted.insert(hub.into());
    }

    /// Whether the visitor may be asked for an access token for a hub: the usual hub, a hub that the visitor named, or a link's hub that
    /// the visitor has trusted since.
    pub fn is_trusted(&self, hub: &str) -> bool {
        is_usual(hub) || self.trusted.contains(hub)
    }
}

fn is_usual(hub: &str) -> bool {
    Url::parse(hub).is_ok_and(|hub| is_usual_hub(&hub))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prunescope_protocol::settings::{ModelChoice, Precision, RunSettings};

    fn settings(model: &str, other: &str, hub: &str) -> Settings {
        let models =
            ModelChoice { model: model.into(), other: other.into(), hub: hub.into(), ..ModelChoice::default() };
        Settings { models, ..Settings::default() }
    }

    const ENOUGH: Allowance = Allowance { bytes: 7, counts_resent: false, follows_redirects: true };

    /// Agreement to all models of the settings.
    fn all_of(settings: &Settings) -> impl Iterator<Item = (String, Allowance)> {
        models(settings).map(|model| (model.clone(), ENOUGH))
    }

    #[test]
    fn only_what_the_question_named_is_agreed_to() {
        let link = settings("a.gguf", "b.gguf", HUB);
        let mut claims = Claims::default();
        claims.agree(&link, std::iter::once(("a.gguf".to_string(), ENOUGH)));
        assert_eq!((claims.asker(&link, "a.gguf"), claims.agreed(&link, "a.gguf")), (Asker::Agreed, Some(ENOUGH)));
        assert_eq!((claims.asker(&link, "b.gguf"), claims.agreed(&link, "b.gguf")), (Asker::Link, None));
        // No repository was asked about, so the link's hub is not the visitor's.
        let typed = settings("c/d", "b.gguf", HUB);
        claims.visitor_changed(&link, &typed);
        assert_eq!(claims.asker(&typed, "c/d"), Asker::Link);
    }

    const HUB: &str = "https://hub.example";

    #[test]
    fn what_a_link_names_is_the_links() {
        let claims = Claims::default();
        for model in ["", "a/b", "https://x.example/a.gguf"] {
            assert_eq!(claims.asker(&settings(model, "", ""), model), Asker::Link);
        }
    }

    #[test]
    fn what_the_visitor_types_is_the_visitors_and_only_that() {
        let link = settings("a/b", "", "");
        let typed = settings("a/b", "c/d", "");
        let mut claims = Claims::default();
        claims.visitor_changed(&link, &typed);
        assert_eq!(claims.asker(&typed, "c/d"), Asker::Visitor);
        assert_eq!(claims.asker(&typed, "a/b"), Asker::Link);
        // Another device or precision: the models still belong to the link.
        claims.visitor_changed(
            &typed,
            &Settings { models: ModelChoice { precision: Precision::Eight, ..typed.models.clone() }, ..typed.clone() },
        );
        assert_eq!(claims.asker(&typed, "a/b"), Asker::Link);
        // The visitor confirms the name that is already in the field.
        claims.visitor_named("a/b");
        assert_eq!(claims.asker(&typed, "a/b"), Asker::Visitor);
    }

    #[test]
    fn a_repository_on_a_hub_of_a_link_is_the_links() {
        let link = settings("a/b", "", HUB);
        let typed = settings("c/d", "", HUB);
        let mut claims = Claims::default();
        claims.visitor_changed(&link, &typed);
        assert_eq!(claims.asker(&typed, "c/d"), Asker::Link);
        let address = settings("https://x.example/a.gguf", "", HUB);
        claims.visitor_changed(&typed, &address);
        assert_eq!(claims.asker(&address, &address.models.model), Asker::Visitor, "an address is on no hub");
        let hub = settings("c/d", "", "https://own.example");
        claims.visitor_changed(&typed, &hub);
        assert_eq!(claims.asker(&hub, "c/d"), Asker::Visitor, "both were typed");
        assert_eq!(claims.asker(&typed, "c/d"), Asker::Link);
    }

    #[test]
    fn agreement_is_to_just_that_and_ends_with_the_next_link() {
        let link = settings("a/b", "c/d", HUB);
        let mut claims = Claims::default();
        claims.agree(&link, all_of(&link));
        assert_eq!([claims.asker(&link, "a/b"), claims.asker(&link, "c/d")], [Asker::Agreed; 2]);
        assert_eq!(claims.asker(&settings("a/b", "", ""), "a/b"), Asker::Link, "on another hub");
        let mut typed = claims.clone();
        typed.visitor_changed(&link, &settings("e/f", "", HUB));
        assert_eq!(typed.asker(&settings("e/f", "", HUB), "e/f"), Asker::Visitor, "typed, on a hub that was agreed to");
        let plan = Settings { run: RunSettings { tokens: 5, ..link.run.clone() }, ..link.clone() };
        claims.link_changed(&link, &plan);
        assert_eq!(claims.asker(&plan, "a/b"), Asker::Agreed, "back to another plan on the same models");
        claims.link_changed(&plan, &settings("e/f", "", ""));
        claims.link_changed(&settings("e/f", "", ""), &link);
        assert_eq!(claims.asker(&link, "a/b"), Asker::Link, "back to it from another model");
    }

    #[test]
    fn a_hub_of_a_link_gets_no_token_unless_it_is_trusted() {
        let mut claims = Claims::default();
        assert!(claims.is_trusted("https://huggingface.co") && !claims.is_trusted(HUB));
        assert!(!claims.is_trusted("http://huggingface.co"), "not the usual hub: anyone can answer");
        // Loading a model from a hub does not trust it with a token.
        let link = settings("a/b", "", HUB);
        claims.agree(&link, all_of(&link));
        assert!(!claims.is_trusted(HUB));
        claims.trust(HUB);
        claims.link_changed(&settings("a/b", "", HUB), &settings("c/d", "", ""));
        assert!(claims.is_trusted(HUB));
        claims.visitor_changed(&settings("", "", ""), &settings("", "", "https://own.example"));
        assert!(claims.is_trusted("https://own.example"));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Visitor(usize),
        Link(usize),
        Agree,
    }

    proptest! {
        /// After any sequence of events, a link's model is the visitor's only if the visitor changed to it or agreed after that link.
        #[test]
        fn no_sequence_turns_a_links_model_into_the_visitors(steps in proptest::collection::vec(
            prop_oneof![(0usize..4).prop_map(Step::Visitor), (0usize..4).prop_map(Step::Link), Just(Step::Agree)], 0..12)) {
            let all = [settings("", "", ""), settings("a/b", "", ""), settings("a/b", "", HUB), settings("https://x.example/y.gguf", "", HUB)];
            let mut claims = Claims::default();
            let (mut now, mut by_link) = (all[0].clone(), true);
            for step in steps {
                match step {
                    Step::Visitor(to) => {
                        claims.visitor_changed(&now, &all[to]);
                        if !same_models(&now, &all[to]) {
                            by_link = false;
                        }
                        now = all[to].clone();
                    }
                    Step::Link(to) => {
                        claims.link_changed(&now, &all[to]);
                        if !same_models(&now, &all[to]) {
                            by_link = true;
                        }
                        now = all[to].clone();
                    }
                    Step::Agree => {
                        claims.agree(&now, all_of(&now));
                        by_link = false;
                    }
                }
                if by_link {
                    prop_assert_eq!(claims.asker(&now, &now.models.model), Asker::Link);
                }
            }
        }
    }
}
