//! How addresses and sizes are written in sentences.

use url::Url;

/// The host of an address, with its port if that is not the scheme's default.
pub fn host(address: &Url) -> Option<String> {
    let host = address.host_str()?;
    Some(address.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}

/// The host of an address given as text; the text itself if it does not parse.
pub fn host_of(address: &str) -> String {
    Url::parse(address).ok().as_ref().and_then(host).unwrap_or_else(|| address.to_string())
}

/// A number of bytes in MB or GB (powers of 1000), rounded.
pub fn amount(bytes: u64) -> String {
    match bytes {
        ..1_000_000 => "less than 1 MB".into(),
        1_000_000..999_500_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
