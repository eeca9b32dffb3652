//! How addresses and sizes are written in sentences.

use url::Url;

/// The host of an address with its port, where that is not the usual one.
pub fn host(address: &Url) -> Option<String> {
    let host = address.host_str()?;
    Some(address.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}

/// The host of an address that is a text; the text itself where it is no address.
pub fn host_of(address: &str) -> String {
    Url::parse(address).ok().as_ref().and_then(host).unwrap_or_else(|| address.to_string())
}

/// Bytes as people say them.
pub fn amount(bytes: u64) -> String {
    match bytes {
        ..1_000_000 => "less than 1 MB".into(),
        1_000_000..999_500_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
