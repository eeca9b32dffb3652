//! Parsing of HTTP response headers.

use url::Url;

use super::platform::Answer;

/// The `Content-Length` in bytes.
pub fn content_length(answer: &impl Answer) -> Option<u64> {
    answer.header("Content-Length")?.trim().parse().ok()
}

/// Whether the answer is compressed, so that `Content-Length` counts other bytes than those received. A cross-origin
/// server may hide this header.
pub fn is_encoded(answer: &impl Answer) -> bool {
    let encoding = answer.header("Content-Encoding").unwrap_or_default();
    !matches!(encoding.trim().to_ascii_lowercase().as_str(), "" | "identity")
}

/// The first byte and the file's total length (if known) of a `Content-Range` header.
pub fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let text = text.trim();
    let unit = text.get(..5).filter(|unit| unit.eq_ignore_ascii_case("bytes"));
    let (range, total) = text[unit?.len()..].trim_start().split_once('/')?;
    let (first, _) = range.trim().split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

/// The version of a file: its `ETag` and `Last-Modified`, as far as they may be read. Empty if neither is sent.
pub fn version(answer: &impl Answer) -> String {
    let tag = answer.header("ETag").map(|tag| plain_tag(&tag));
    [tag, answer.header("Last-Modified")].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// An `ETag` without quotes, the weak prefix, and the suffix that servers add to compressed answers.
fn plain_tag(tag: &str) -> String {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    let tag = ["gzip", "br", "zstd", "deflate"]
        .iter()
        .find_map(|coding| tag.strip_suffix(coding))
        .map_or(tag, |tag| tag.trim_end_matches(['-', ';', ':']));
    tag.into()
}

/// Seconds that a `Retry-After` header asks to wait; it holds a number or an HTTP date.
///
/// * `now` — Unix time in seconds.
pub fn retry_after(text: &str, now: u64) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| Some(http_date(text)?.saturating_sub(now)))
}

/// Unix time in seconds of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`. Source: RFC 9110, section 5.6.7; its two
/// obsolete formats are not read.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day: u64 = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year: u64 = parts.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if (parts.next(), parts.next(), clock.next()) != (Some("GMT"), None, None) {
        return None;
    }
    // Days from civil date, with years that begin in March (Howard Hinnant's `days_from_civil`).
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1;
    // 719468 days lie between 0000-03-01 and 1970-01-01.
    Some((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The address of the next page that a `Link` header names.
///
/// * `page` — the address of this page. The result is always on its origin: if the link names another host (a mirror
///   that forwards another hub's header), only the link's query is used.
pub fn next_page(header: &str, page: &Url) -> Option<Url> {
    let mut rest = header;
    while let Some((_, link)) = rest.split_once('<') {
        let (target, after) = link.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or(after);
        rest = &after[parameters.len()..];
        if parameters.split([';', ',']).any(is_next) {
            let target = page.join(target.trim()).ok()?;
            let mut next = page.clone();
            if (target.host_str(), target.port_or_known_default()) == (page.host_str(), page.port_or_known_default()) {
                next.set_path(target.path());
            }
            next.set_query(target.query());
            return Some(next);
        }
    }
    None
}

/// Whether a link parameter is `rel=next`; `rel` may list several relations.
fn is_next(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("rel")
            && value.trim().trim_matches('"').split_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("Bytes 0-9/*"), Some((0, None)));
        for wrong in ["bytes */10", "items 0-9/10", "bytes", "", "bytes 0-9", "bytes x-9/10", "€uros"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tags_of_the_same_version_are_the_same() {
        for tag in [r#""ab""#, r#"W/"ab""#, r#""ab-gzip""#, r#""ab;gzip""#, r#" W/"ab-br" "#, r#""ab--gzip""#] {
            assert_eq!(plain_tag(tag), "ab", "{tag}");
        }
    }

    #[test]
    fn waits_in_seconds_or_until_a_date() {
        assert_eq!(retry_after(" 7 ", 0), Some(7));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 - 12), Some(12));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 + 12), Some(0));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        for wrong in [
            "",
            "soon",
            "-1",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
        ] {
            assert_eq!(retry_after(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn the_next_page_is_on_the_same_host() {
        let page = Url::parse("https://hub.example:8443/api/models/a/b/tree/main?recursive=true").unwrap();
        let next = |header: &str| next_page(header, &page).map(String::from);
        let wanted = Some("https://hub.example:8443/api/models/a/b/tree/main?recursive=true&cursor=Z%3D".to_string());
        let query = "/api/models/a/b/tree/main?recursive=true&cursor=Z%3D";
        assert_eq!(next(&format!(r#"<https://hub.example:8443{query}>; rel="next""#)), wanted);
        assert_eq!(next(&format!("<{query}>;rel=next")), wanted, "a relative address");
        assert_eq!(
            next(&format!(r#"<http://hub.example:8443{query}>; rel="next""#)),
            wanted,
            "never less safe than before"
        );
        assert_eq!(next(&format!(r#"<https://evil.example{query}>; rel="next""#)), wanted, "never another host");
        assert_eq!(next(&format!(r#"<https://x/?a=<b>; rel="prev", <{query}>; title="a"; rel="last next""#)), wanted);
        assert_eq!(next(r#"<https://hub.example:8443/x>; rel="prev""#), None);
        assert_eq!(next("next"), None);
        assert_eq!(next("<x"), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read(text: String, now: u64) {
            let page = Url::parse("https://hub.example/x").unwrap();
            content_range(&text);
            retry_after(&text, now);
            plain_tag(&text);
            if let Some(next) = next_page(&text, &page) {
                prop_assert_eq!(next.origin(), page.origin());
            }
        }

        #[test]
        fn every_date_is_read(seconds in 0u64..253_402_300_800) {
            // The reference counts day by day.
            let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
            let (mut year, mut days) = (1970, seconds / 86_400);
            while days >= 365 + u64::from(leap(year)) {
                days -= 365 + u64::from(leap(year));
                year += 1;
            }
            let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let mut month = 0;
            while days >= lengths[month] {
                days -= lengths[month];
                month += 1;
            }
            let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
            let text = format!("Mon, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT", days + 1, names[month]);
            prop_assert_eq!(http_date(&text), Some(seconds));
        }
    }
}
