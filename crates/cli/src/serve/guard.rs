//! Who may use the engine. What is feared, and what meets it:
//!
//! * A page on the web, opened by the user in the same browser, connects to the engine on this machine: browsers name the page's origin, and
//!   only this machine's pages and the origins that were allowed are let in.
//! * The same by a name that its owner points to this machine (DNS rebinding): an engine for this machine only answers to names of it.
//! * Others in the network: the engine listens on this machine only, unless another address is given; then a token is asked for.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Why a connection is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub(super) enum Refusal {
    /// The page is from elsewhere.
    #[error("pages from {origin} may not use this engine: start it with --allow-origin {origin}")]
    Origin {
        /// The page's origin.
        origin: String,
    },
    /// The engine was called by a name that is not this machine's.
    #[error("this engine answers to localhost only, not to {host}")]
    Host {
        /// The name.
        host: String,
    },
    /// A header is there twice, or cannot be read.
    #[error("the request's Host or Origin cannot be read")]
    Headers,
    /// The token is missing or wrong.
    #[error("the token is missing or wrong: use the address that the engine printed when it started")]
    Token,
}

/// Decides who may use the engine.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// Origins that are allowed besides those of this machine.
    pub(super) origins: Vec<String>,
    /// The token; `None` if the engine listens on this machine only.
    pub(super) token: Option<String>,
}

impl Guard {
    /// Checks a connection.
    ///
    /// * `host`: the request's `Host` header.
    /// * `origin`: its `Origin` header; programs that are no browsers send none.
    /// * `token`: the token in its address.
    pub(super) fn check(&self, host: &str, origin: Option<&str>, token: Option<&str>) -> Result<(), Refusal> {
        match &self.token {
            Some(expected) if !is_equal(expected, token.unwrap_or_default()) => return Err(Refusal::Token),
            Some(_) => {}
            None if is_this_machine(without_port(host)) => {}
            None => return Err(Refusal::Host { host: host.into() }),
        }
        let Some(origin) = origin else { return Ok(()) };
        let place =
            origin.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)).map(|(_, place)| place);
        let is_ours = place.is_some_and(|place| place == host || is_this_machine(without_port(place)));
        if is_ours || self.origins.iter().any(|allowed| allowed == origin) {
            Ok(())
        } else {
            Err(Refusal::Origin { origin: origin.into() })
        }
    }
}

/// Compares in a time that does not tell where the texts differ.
fn is_equal(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// A host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

/// Whether a name is this machine's own, whatever the network says.
fn is_this_machine(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(address) => Ipv6Addr::from_str(address).is_ok_and(|address| address.is_loopback()),
        None => name.eq_ignore_ascii_case("localhost") || IpAddr::from_str(name).is_ok_and(|it| it.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Guard {
        Guard { origins: vec!["https://prunescope.example".into()], token: None }
    }

    #[test]
    fn pages_of_this_machine_and_allowed_ones_come_in() {
        for origin in [
            None,
            Some("http://127.0.0.1:8765"),
            Some("http://localhost:3000"),
            Some("http://[::1]:1"),
            Some("https://prunescope.example"),
        ] {
            for host in ["localhost:8765", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST"] {
                assert_eq!(local().check(host, origin, None), Ok(()), "{host} {origin:?}");
            }
        }
    }

    #[test]
    fn other_pages_stay_out() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example:8765",
            "https://prunescope.example.evil",
            "http://prunescope.example",
            "http://[::1].evil.example",
            "x://localhost",
            "://localhost",
        ] {
            let found = local().check("localhost:8765", Some(origin), None);
            assert_eq!(found, Err(Refusal::Origin { origin: origin.into() }));
        }
    }

    #[test]
    fn a_name_that_only_points_here_is_refused() {
        for host in ["rebound.example:8765", "localhost.example", "", "192.168.0.7:8765", "[::2]:80", "2130706433"] {
            let origin = format!("http://{host}");
            assert_eq!(local().check(host, Some(&origin), None), Err(Refusal::Host { host: host.into() }), "{host}");
        }
    }

    #[test]
    fn in_a_network_the_token_decides_and_origins_still_count() {
        let guard = Guard { origins: vec![], token: Some("secret".into()) };
        let host = "192.168.0.7:8765";
        assert_eq!(guard.check(host, None, Some("secret")), Ok(()));
        assert_eq!(guard.check(host, Some("http://192.168.0.7:8765"), Some("secret")), Ok(()));
        for token in [None, Some(""), Some("secre"), Some("secret2"), Some("Secret")] {
            assert_eq!(guard.check(host, None, token), Err(Refusal::Token));
            assert_eq!(guard.check("localhost", None, token), Err(Refusal::Token));
        }
        assert!(guard.check(host, Some("http://evil.example"), Some("secret")).is_err());
    }
}
