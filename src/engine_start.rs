//! The start of an engine, as the page sees it: how long to wait for a worker, when to ask whether it is alive, and what to say when
//! it fails. Pure decisions, tested natively; `page::client` acts on them.

use std::fmt;

use prunescope_localization::tr;
use thiserror::Error;

/// Why an engine does not start, as a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartFailure {
    /// The host lacks one of the engine's files.
    Missing {
        /// The file's name.
        file: String,
    },
    /// The host answers with an error status.
    Refused {
        /// The file's name.
        file: String,
        /// HTTP status.
        status: u16,
    },
    /// A file did not arrive, or not completely.
    Cut {
        /// The file's name.
        file: String,
    },
    /// The browser refused the program, or it failed at once.
    Broken {
        /// The browser's message.
        why: String,
    },
    /// Nothing was heard for [`START_PATIENCE_S`]. The engine may still start later.
    Silent,
    /// There is no answer from an engine outside the browser, or it refuses this page.
    Unreachable {
        /// Its address.
        address: String,
    },
    /// The host has a newer version of the page, and no longer this version's engine.
    Updated,
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Missing { file } => tr!(engine_missing, file = file),
            Self::Refused { file, status } => tr!(engine_refused, file = file, status = status.to_string()),
            Self::Cut { file } => tr!(engine_cut, file = file),
            Self::Broken { why } => tr!(engine_broken, why = why),
            Self::Silent => tr!(engine_silent, seconds = START_PATIENCE_S),
            Self::Unreachable { address } => tr!(attached_unreachable, address = address),
            Self::Updated => tr!(engine_updated),
        })
    }
}

impl StartFailure {
    /// The failure for a file.
    ///
    /// * `status` — HTTP status of the answer; 0 if there was none, or it was cut off; 404 if an HTML page came instead.
    /// * `why` — the browser's complaint about the content; empty if the failure is of another kind.
    pub fn of(file: &str, status: u16, why: &str) -> Self {
        let file = file.to_string();
        match status {
            _ if !why.is_empty() => Self::Broken { why: why.into() },
            0 => Self::Cut { file },
            404 | 410 => Self::Missing { file },
            status => Self::Refused { file, status },
        }
    }
}

/// Longest silence of an engine that starts, in seconds. Every arriving piece of its files ends the silence.
pub const START_PATIENCE_S: u32 = 10;
/// How often a silent engine that has started is pinged, in seconds.
const PING_EVERY_S: u32 = 5;
/// Longest silence of an engine that has started, in seconds: a single step of its work may take long.
const DEAD_AFTER_S: u32 = 120;

/// Counts the seconds since a worker was last heard. When the browser suspends the page, the count stops as well.
#[derive(Debug, Default)]
pub struct Watch {
    listens: bool,
    silent_s: u32,
}

/// What to do after a second in which nothing was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Wait,
    /// Ask the engine whether it is alive.
    Ping,
    /// Report that the engine does not start.
    GiveUpStart,
    /// Report that the engine has ended.
    Dead,
}

impl Watch {
    /// Something was heard from the worker.
    pub fn hear(&mut self) {
        self.silent_s = 0;
    }

    /// The engine has said that it is ready for requests.
    pub fn listens(&mut self) {
        self.listens = true;
        self.hear();
    }

    /// Whether the engine has said that it is ready for requests.
    pub fn has_begun(&self) -> bool {
        self.listens
    }

    /// Call once a second; returns what to do.
    pub fn second(&mut self) -> Due {
        self.silent_s = self.silent_s.saturating_add(1);
        match (self.listens, self.silent_s) {
            // Reported once.
            (false, START_PATIENCE_S) => Due::GiveUpStart,
            (false, _) => Due::Wait,
            (true, DEAD_AFTER_S..) => Due::Dead,
            (true, silent) if silent % PING_EVERY_S == 0 => Due::Ping,
            (true, _) => Due::Wait,
        }
    }
}

/// Whether a text is the name of an engine folder: `engine-` and 16 hexadecimal digits of a checksum of its content.
pub fn is_engine_folder(name: &str) -> bool {
    name.strip_prefix("engine-")
        .is_some_and(|sum| sum.len() == 16 && sum.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')))
}

/// The engine folder that a page's HTML names, if any.
pub fn engine_folder(page: &str) -> Option<&str> {
    page.split('"').find(|part| is_engine_folder(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(watch: &mut Watch, count: u32) -> Vec<Due> {
        (0..count).map(|_| watch.second()).filter(|due| *due != Due::Wait).collect()
    }

    #[test]
    fn an_engine_that_says_nothing_is_given_up_once() {
        let mut watch = Watch::default();
        assert_eq!(seconds(&mut watch, START_PATIENCE_S - 1), []);
        assert_eq!(seconds(&mut watch, 1000), [Due::GiveUpStart]);
        // It becomes ready after all.
        watch.listens();
        assert_eq!(seconds(&mut watch, 5), [Due::Ping]);
    }

    #[test]
    fn what_comes_slowly_is_never_given_up() {
        let mut watch = Watch::default();
        for _ in 0..1000 {
            assert_eq!(seconds(&mut watch, START_PATIENCE_S - 1), []);
            watch.hear();
        }
        assert_eq!(seconds(&mut watch, START_PATIENCE_S), [Due::GiveUpStart]);
    }

    #[test]
    fn an_engine_that_listens_is_asked_and_ends_only_when_it_answers_no_more() {
        let mut watch = Watch::default();
        watch.listens();
        for _ in 0..100 {
            assert_eq!(seconds(&mut watch, 119), [Due::Ping; 23]);
            watch.hear();
        }
        seconds(&mut watch, 119);
        assert_eq!(watch.second(), Due::Dead);
    }

    #[test]
    fn only_what_the_build_writes_is_a_folder_of_engines() {
        for name in [
            "",
            "engine-",
            "ENGINE-FOLDER",
            "engine-0123456789abcde",
            "engine-0123456789abcdef0",
            "engine-0123456789ABCDEF",
        ] {
            assert!(!is_engine_folder(name), "{name}");
        }
        let page = r#"<meta name="engine" content="engine-0123456789abcdef" /><title>engine-fedcba9876543210</title>"#;
        assert_eq!(engine_folder(page), Some("engine-0123456789abcdef"));
        assert_eq!(engine_folder(include_str!("../index.html")), None, "the build fills the place");
    }

    proptest! {
        #[test]
        fn no_text_of_a_page_gives_a_path_that_leads_elsewhere(page in r#"("|engine-|[0-9a-f]{16}|[/.<>?#]|\PC){0,30}"#) {
            if let Some(folder) = engine_folder(&page) {
                prop_assert!(is_engine_folder(folder) && !folder.contains(['/', '.', '?', '#', ':']));
            }
        }
    }

    #[test]
    fn every_failure_is_one_sentence_that_says_what_to_do() {
        let file = || "worker.js".to_string();
        let failures = [
            StartFailure::Missing { file: file() },
            StartFailure::Refused { file: file(), status: 503 },
            StartFailure::Cut { file: file() },
            StartFailure::Broken { why: "LinkError: no memory".into() },
            StartFailure::Silent,
            StartFailure::Updated,
            StartFailure::Unreachable { address: "ws://127.0.0.1:8765/engine".into() },
        ];
        for failure in failures {
            let sentence = failure.to_string();
            assert!(["try again", "reload the page"].iter().any(|what| sentence.contains(what)), "{sentence}");
            assert!(!sentence.ends_with('.') && !sentence.contains(". "), "{sentence}");
        }
    }

    #[test]
    fn every_status_has_its_failure() {
        let file = || "worker.js".to_string();
        for status in 0..=999 {
            let expected = match status {
                0 => StartFailure::Cut { file: file() },
                404 | 410 => StartFailure::Missing { file: file() },
                _ => StartFailure::Refused { file: file(), status },
            };
            assert_eq!(StartFailure::of("worker.js", status, ""), expected);
            let broken = StartFailure::Broken { why: "LinkError".into() };
            assert_eq!(StartFailure::of("worker.js", status, "LinkError"), broken);
        }
    }
}
