//! An engine outside the browser (`prunescope serve`), which a link names by `engine=`.

use std::net::{Ipv4Addr, Ipv6Addr};

use prunescope_localization::tr;
use url::{Host, Url};

/// The address of the engine that a link names, if this page may use it: one on the visitor's machine, or on the host that the page is from.
/// Any other could belong to whoever wrote the link, and would read the visitor's prompts.
///
/// * `text`: the link's value.
/// * `page`: the page's own address.
///
/// # Errors
/// A sentence for the visitor.
pub fn address(text: &str, page: Option<&Url>) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "ws" | "wss"));
    let Some(url) = url else { return Err(tr!(attached_no_address, address = text)) };
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let host = url.host_str().unwrap_or_default();
    if is_loopback || page.is_some_and(|page| page.host_str() == Some(host)) {
        Ok(url)
    } else {
        Err(tr!(attached_elsewhere, host = host))
    }
}

/// An engine's address as it may be shown: without its token.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(page: &str, engine: &str) -> Result<String, String> {
        address(engine, Url::parse(page).ok().as_ref()).map(Into::into)
    }

    #[test]
    fn engines_of_this_machine_and_of_the_pages_host_are_used() {
        for engine in [
            "ws://127.0.0.1:8765/engine",
            "ws://localhost:1/engine",
            "ws://[::1]:8765/engine",
            "wss://localhost/engine",
        ] {
            assert_eq!(on("https://prunescope.example/", engine).as_deref(), Ok(engine));
        }
        let lan = "ws://192.168.0.7:8765/engine?token=abcdefgh";
        assert_eq!(on("http://192.168.0.7:8765/", lan).as_deref(), Ok(lan));
        assert_eq!(shown(&Url::parse(lan).unwrap()), "ws://192.168.0.7:8765/engine");
    }

    #[test]
    fn others_are_not() {
        for engine in [
            "wss://evil.example/engine",
            "ws://localhost.evil.example/engine",
            "ws://127.0.0.1.evil.example/",
            "ws://user@evil.example/",
            "ws://localhost@evil.example/",
        ] {
            let message = on("https://prunescope.example/", engine).unwrap_err();
            assert!(message.contains("evil.example"), "{message}");
        }
        for engine in ["", "http://localhost:8765/engine", "localhost:8765", "javascript:alert(1)", "ws://"] {
            assert!(on("https://prunescope.example/", engine).is_err(), "{engine}");
        }
    }
}
