//! Access tokens: each belongs to one hub, and is sent only over https or to this computer.

use std::collections::BTreeMap;

use thiserror::Error;
use url::Url;

use prunescope_downloads::words::host_of;
use prunescope_localization::tr;

use super::is_loopback;

/// Error: a hub that may not be given a token. Shown as a sentence.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}", no_token(.host))]
pub struct NoToken {
    /// Its host.
    host: String,
}

fn no_token(host: &str) -> String {
    tr!(consent_no_token, host = host)
}

/// The key under which a hub's token is stored: its address, normalised by the URL standard. A token is for one hub only, not for
/// others on the same host, which may serve several people's hubs.
///
/// # Errors
/// [`NoToken`] for a hub to which a token would be sent unencrypted.
pub fn key(hub: &str) -> Result<String, NoToken> {
    let refused = || NoToken { host: host_of(hub) };
    let address = Url::parse(hub).map_err(|_| refused())?;
    let is_private = address.scheme() == "https" || (address.scheme() == "http" && is_loopback(&address));
    if is_private { Ok(address.as_str().trim_end_matches('/').into()) } else { Err(refused()) }
}

/// The visitor's tokens by hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens(BTreeMap<String, String>);

impl Tokens {
    /// Parses the output of [`Self::stored`]; anything else gives no tokens.
    pub fn from_stored(text: &str) -> Self {
        let read: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
        Self(read.into_iter().filter(|(hub, token)| key(hub).as_ref() == Ok(hub) && !token.is_empty()).collect())
    }

    /// The tokens as text to store; none if there are none.
    pub fn stored(&self) -> Option<String> {
        if self.0.is_empty() { None } else { serde_json::to_string(&self.0).ok() }
    }

    /// The token for a hub.
    pub fn of(&self, hub: &str) -> Option<&String> {
        self.0.get(&key(hub).ok()?)
    }

    /// Sets the token of a hub. An empty token removes it; a hub that may not have one is ignored.
    pub fn set(&mut self, hub: &str, token: &str) {
        let Ok(key) = key(hub) else { return };
        match token.trim() {
            "" => self.0.remove(&key),
            token => self.0.insert(key, token.into()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn over_https_or_to_this_computer_only() {
        for hub in ["https://huggingface.co", "https://hub.example/under", "http://127.0.0.1:80", "http://localhost:9"]
        {
            assert!(key(hub).is_ok(), "{hub}");
        }
        for hub in ["http://hub.example", "http://huggingface.co", "http://192.168.0.2", "http://localhost.example"] {
            let why = key(hub).unwrap_err().to_string();
            assert!(why.contains(&host_of(hub)) && why.contains("https"), "{why}");
            let mut tokens = Tokens::default();
            tokens.set(hub, "hf_x");
            assert_eq!((tokens.of(hub), tokens.stored()), (None, None));
        }
        // Stored tokens are checked as well.
        assert_eq!(Tokens::from_stored(r#"{"http://hub.example":"hf_x"}"#), Tokens::default());
    }

    #[test]
    fn each_hub_has_its_own() {
        let mut tokens = Tokens::default();
        tokens.set("https://huggingface.co", " hf_usual\n");
        tokens.set("https://hub.example/a b", "hf_other");
        assert_eq!(tokens.of("https://huggingface.co/").map(String::as_str), Some("hf_usual"));
        assert_eq!(tokens.of("https://hub.example/a%20b").map(String::as_str), Some("hf_other"));
        for hub in [
            "https://hub.example",
            "https://hub.example/a",
            "https://hub.example:444/a b",
            "https://huggingface.co.hub.example",
        ] {
            assert_eq!(tokens.of(hub), None, "{hub}");
        }
        tokens.set("https://huggingface.co", "");
        assert_eq!(tokens.of("https://huggingface.co"), None);
        assert!(tokens.of("https://hub.example/a b").is_some());
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_again(given in proptest::collection::vec(("[a-z]{1,5}(/[a-z \"\\\\{:]{0,4})?", "\\PC{0,9}"), 0..4)) {
            let mut tokens = Tokens::default();
            for (rest, token) in &given {
                tokens.set(&format!("https://{rest}"), token);
            }
            let again = tokens.stored().map_or_else(Tokens::default, |text| Tokens::from_stored(&text));
            prop_assert_eq!(again, tokens);
        }

        #[test]
        fn any_stored_text_is_read(text: String) {
            Tokens::from_stored(&text);
        }
    }
}
