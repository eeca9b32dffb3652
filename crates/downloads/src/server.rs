//! Requests to servers: reading answers, retrying, and resuming where a connection ended.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use futures::future::{Either, select};
use url::Url;

use super::error::{Difference, DownloadError};
use super::headers::{content_length, content_range, is_encoded, next_page, retry_after, version};
use super::platform::{Answer, Platform, Request};
use crate::words::host_of;
use prunescope_protocol::messages::{Allowance, Excess};

/// Waits before the retries of a request that made no progress, in milliseconds.
const RETRY_AFTER_MS: [u32; 4] = [300, 1000, 2000, 4000];
/// Longest `Retry-After` that is waited for, in seconds; a longer one is reported to the visitor.
const LONGEST_WAIT: u64 = 30;
/// Longest text file (listing, manifest, configuration) that is read, in bytes.
const LONGEST_TEXT: usize = 128 << 20;
/// Bytes of listings and texts that may be fetched even where the allowance is smaller: they tell whether a kept model
/// is still current.
const TEXTS: u64 = 32_000_000;
/// Range requests that may fail before the whole file is requested.
const RANGES_TRIED: u32 = 2;
/// Time without any data after which a request is given up, in milliseconds.
const SILENCE_MS: u32 = 30_000;
/// Failures that one such timeout counts as, since the visitor has already waited for long.
const SILENCE_COUNTS: usize = 3;
/// Bytes that a request must deliver to count as progress.
const PROGRESS: u64 = 64 << 10;

/// Why a request did not deliver all bytes.
#[derive(Debug)]
pub enum Interrupted {
    /// The connection failed or the server is busy; worth a retry.
    Cut {
        /// What happened, as part of a sentence.
        why: String,
        /// Wait that the server asks for, in milliseconds, if it sent one.
        wait: Option<u32>,
        /// Failures that it counts as: [`SILENCE_COUNTS`] for a timeout ([`SILENCE_MS`]), otherwise 1.
        counts: usize,
    },
    /// The server does not send the requested range; the whole file has to be requested.
    NoRange,
    /// A retry would fail in the same way.
    Final(DownloadError),
    /// The file differs from the one that was announced.
    Changed(DownloadError),
    /// The receiver of the bytes refused them.
    Refused,
}

/// Returned by a receiver of bytes that wants no more of them.
#[derive(Debug)]
pub struct Refused;

impl Interrupted {
    fn cut(why: impl Into<String>) -> Self {
        Self::Cut { why: why.into(), wait: None, counts: 1 }
    }

    fn changed(address: &str, how: Difference) -> Self {
        Self::Changed(DownloadError::Changed { address: address.into(), how })
    }
}

/// Awaits `work`, or returns [`Interrupted::Cut`] if it takes longer than [`SILENCE_MS`].
async fn unless_silent<P: Platform, T>(
    platform: &P,
    address: &str,
    work: impl Future<Output = T>,
) -> Result<T, Interrupted> {
    match select(pin!(work), pin!(platform.wait(SILENCE_MS))).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(_) => {
            let why = format!("nothing came from {} for {} seconds", host_of(address), SILENCE_MS / 1000);
            Err(Interrupted::Cut { why, wait: None, counts: SILENCE_COUNTS })
        }
    }
}

/// How many bytes may be fetched for one model, and how many were. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    allowance: Option<Allowance>,
    spent: Rc<Cell<u64>>,
}

impl Budget {
    /// A budget of which nothing is spent; `None` allows everything.
    pub fn new(allowance: Option<Allowance>) -> Self {
        Self { allowance, spent: Rc::default() }
    }

    /// Whether this many more bytes may be fetched.
    pub fn allows(&self, bytes: u64) -> bool {
        self.allowance.is_none_or(|allowance| self.spent.get().saturating_add(bytes) <= allowance.bytes)
    }

    /// Counts received bytes of a text.
    fn spend_text(&self, bytes: usize) -> Result<(), Interrupted> {
        let spent = self.spent.get().saturating_add(bytes as u64);
        if self.allowance.is_some_and(|allowance| spent > allowance.bytes.max(TEXTS)) {
            return Err(Interrupted::Final(DownloadError::AskFirst { excess: Excess::Unknown }));
        }
        self.spent.set(spent);
        Ok(())
    }

    /// Counts received bytes of weights.
    ///
    /// * `resent` — how many of them were received before.
    fn spend(&self, bytes: usize, resent: usize) -> Result<(), Interrupted> {
        let counts_resent = self.allowance.is_some_and(|allowance| allowance.counts_resent);
        let bytes = (bytes - if counts_resent { 0 } else { resent.min(bytes) }) as u64;
        if !self.allows(bytes) {
            return Err(Interrupted::Final(DownloadError::AskFirst { excess: Excess::Unknown }));
        }
        self.spent.set(self.spent.get().saturating_add(bytes));
        Ok(())
    }

    fn follows_redirects(&self) -> bool {
        self.allowance.is_none_or(|allowance| allowance.follows_redirects)
    }
}

/// A server with the visitor's token for it.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Access token that is sent with every request.
    pub token: Option<String>,
    /// Limit for the bytes fetched from it.
    pub budget: Budget,
    /// The repository that is requested, if the server is a hub.
    pub hub: Option<HubRepository>,
}

/// A repository on a hub.
#[derive(Clone, Debug)]
pub struct HubRepository {
    /// The hub's host.
    pub host: String,
    /// The repository's name, such as `owner/name`.
    pub repository: String,
}

/// The part of a file that is requested: from a byte to the end.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// URL of the file.
    pub address: &'a str,
    /// First byte that is wanted.
    pub from: u64,
    /// Length of the whole file, in bytes.
    pub total: u64,
    /// Version of the file that is wanted (see [`version`]), if the server announced one.
    pub version: Option<&'a str>,
    /// Whether a checksum will be verified afterwards. If not, the server's version, or that it sends none, must stay
    /// the same over all requests.
    pub checked: bool,
    /// Whether a range is requested even for the whole file: browsers then ask servers not to compress.
    pub ranged: bool,
}

/// A file's length and version according to its server's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Its version (see [`version`]); empty if the server sends none.
    pub version: String,
    /// Whether the server answered a range request (status 206).
    pub ranged: bool,
}

/// A text that could not be fetched.
#[derive(Debug)]
pub struct NoText {
    /// The reason.
    pub why: DownloadError,
    /// Whether the network or the server failed temporarily; a kept copy may be used then.
    pub offline: bool,
}

impl NoText {
    /// An error for which a kept copy must not be used.
    pub fn finally(why: DownloadError) -> Self {
        Self { why, offline: false }
    }
}

impl Server {
    /// Requests a file, from byte `from` on if that is given.
    async fn request<P: Platform>(
        &self,
        platform: &P,
        address: &str,
        from: Option<u64>,
    ) -> Result<P::Answer, Interrupted> {
        let follows = self.budget.follows_redirects();
        let request = Request { address, from, token: self.token.as_deref(), follows };
        let answer = unless_silent(platform, address, platform.request(&request)).await?.map_err(Interrupted::cut)?;
        let refused = |why| Err(Interrupted::Final(why));
        match (answer.status(), &self.hub) {
            (200 | 206, _) => Ok(answer),
            (0, _) => refused(DownloadError::AskFirst { excess: Excess::Redirect }),
            (401 | 403, Some(HubRepository { host, repository })) => {
                let (host, repository) = (host.clone(), repository.clone());
                refused(if self.token.is_some() {
                    DownloadError::TokenRefused { host, repository }
                } else {
                    DownloadError::NotOpen { host, repository }
                })
            }
            (404 | 410, Some(HubRepository { repository, .. })) => refused(DownloadError::NotOnHub {
                address: address.split('?').next().unwrap_or(address).into(),
                repository: repository.clone(),
            }),
            (status @ (401 | 403 | 404 | 410), None) => {
                refused(DownloadError::Status { status, address: address.into() })
            }
            (416, _) if from.is_some() => Err(Interrupted::NoRange),
            (status, _) => {
                let now = platform.unix_time();
                let seconds = answer.header("Retry-After").and_then(|text| retry_after(&text, now));
                if let Some(seconds) = seconds.filter(|seconds| *seconds > LONGEST_WAIT) {
                    return refused(DownloadError::Wait { status, address: address.into(), seconds });
                }
                let asks = if status == 429 { " (too many requests)" } else { "" };
                let wait = seconds.map(|seconds| seconds as u32 * 1000);
                Err(Interrupted::Cut {
                    why: format!("the server answers {status}{asks} for {address}"),
                    wait,
                    counts: 1,
                })
            }
        }
    }

    /// Fetches a small text file; also returns the address of the next page if the answer has a `Link` header for one.
    ///
    /// * `bytes` — its length, if known: some browsers report a broken connection as the end of the file.
    /// * `patient` — whether to retry where the connection fails.
    ///
    /// # Errors
    /// [`NoText`].
    pub async fn page<P: Platform>(
        &self,
        platform: &P,
        address: &Url,
        bytes: Option<u64>,
        patient: bool,
    ) -> Result<(String, Option<Url>), NoText> {
        let mut patience = RetryBackoff::default();
        loop {
            match self.try_page(platform, address, bytes).await {
                Ok(page) => return Ok(page),
                Err(Interrupted::Cut { why, wait, counts }) => {
                    if !patient || !patience.wait(platform, wait, counts).await {
                        return Err(NoText { why: DownloadError::Unreachable { why }, offline: true });
                    }
                }
                Err(Interrupted::Final(why) | Interrupted::Changed(why)) => {
                    let offline = matches!(why, DownloadError::Wait { .. });
                    return Err(NoText { why, offline });
                }
                Err(Interrupted::NoRange | Interrupted::Refused) => {
                    let why = DownloadError::Unreachable { why: format!("{address} was not sent") };
                    return Err(NoText::finally(why));
                }
            }
        }
    }

    async fn try_page<P: Platform>(
        &self,
        platform: &P,
        address: &Url,
        wanted: Option<u64>,
    ) -> Result<(String, Option<Url>), Interrupted> {
        let mut answer = self.request(platform, address.as_str(), None).await?;
        let next = answer.header("Link").and_then(|header| next_page(&header, address));
        let mut bytes = vec![];
        while let Some(more) =
            unless_silent(platform, address.as_str(), answer.next()).await?.map_err(Interrupted::cut)?
        {
            self.budget.spend_text(more.len())?;
            if bytes.len() + more.len() > LONGEST_TEXT {
                let address = address.to_string();
                return Err(Interrupted::Final(DownloadError::LongText { address, limit: LONGEST_TEXT }));
            }
            bytes.extend(more);
        }
        if wanted.is_some_and(|wanted| wanted != bytes.len() as u64) {
            return Err(Interrupted::cut(format!(
                "{address} came with {} bytes, another number than is listed",
                bytes.len()
            )));
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok((text.strip_prefix('\u{feff}').unwrap_or(&text).into(), next))
    }

    /// Fetches a small text file.
    ///
    /// * `patient` — whether to retry where the connection fails.
    ///
    /// # Errors
    /// [`NoText`].
    pub async fn text<P: Platform>(&self, platform: &P, address: &Url, patient: bool) -> Result<String, NoText> {
        self.page(platform, address, None, patient).await.map(|(text, _)| text)
    }

    /// Requests a file only to read its length and version from the headers.
    ///
    /// # Errors
    /// If the server refuses, does not answer, or sends no length.
    pub async fn announced<P: Platform>(&self, platform: &P, address: &str) -> Result<Announced, DownloadError> {
        let mut encoded = false;
        let mut why = None;
        // Cross-origin servers may hide `Content-Encoding`, so the range request, which asks for no compression, comes
        // first. The page's service worker does not cache its answer. Some servers refuse ranges, so a plain request
        // follows.
        for ranged in [true, false] {
            let from = ranged.then_some(0);
            match self.request(platform, address, from).await {
                Ok(answer) => {
                    let whole = answer.header("Content-Range").and_then(|text| content_range(&text)?.1);
                    let is_packed = is_encoded(&answer);
                    encoded |= is_packed;
                    if is_web_page(&answer) {
                        return Err(DownloadError::WebPage { address: address.into() });
                    }
                    if let Some(bytes) = whole.or(content_length(&answer)).filter(|_| !is_packed) {
                        let ranged = ranged && answer.status() == 206;
                        return Ok(Announced { bytes, version: version(&answer), ranged });
                    }
                }
                Err(Interrupted::Final(refused) | Interrupted::Changed(refused)) => return Err(refused),
                // After a timeout the visitor has waited long enough.
                Err(Interrupted::Cut { why, counts: SILENCE_COUNTS, .. }) => {
                    return Err(DownloadError::Unreachable { why });
                }
                Err(Interrupted::Cut { why: cut, .. }) => why = Some(cut),
                // An empty file has no satisfiable range.
                Err(Interrupted::NoRange | Interrupted::Refused) => {}
            }
        }
        Err(match why {
            Some(why) if !encoded => DownloadError::Unreachable { why },
            _ => DownloadError::NoLength { address: address.into(), encoded },
        })
    }

    /// Streams a file from byte `span.from` to its end, resuming where a connection ended; `take` receives each piece.
    ///
    /// # Errors
    /// Any [`Interrupted`] except [`Interrupted::Cut`] and [`Interrupted::NoRange`].
    pub async fn stream<P: Platform>(
        &self,
        platform: &P,
        span: &Span<'_>,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Refused>,
    ) -> Result<(), Interrupted> {
        let mut got = span.from;
        let mut known = span.version.map(str::to_string);
        let mut patience = RetryBackoff::default();
        // Range requests that failed without a byte. A server that does not answer ranges correctly is asked for the
        // whole file instead.
        let mut failed_ranges = 0;
        let mut ends = got == span.total;
        while !ends {
            let before = got;
            let ranged = (got > 0 || span.ranged) && failed_ranges < RANGES_TRIED;
            match self.try_stream(platform, span, ranged, &mut got, &mut known, take).await {
                Ok(()) => ends = true,
                Err(Interrupted::NoRange) => failed_ranges = RANGES_TRIED,
                Err(Interrupted::Cut { why, wait, counts }) => {
                    if got.saturating_sub(before) >= PROGRESS {
                        patience = RetryBackoff::default();
                    } else if ranged && got == before {
                        failed_ranges += 1;
                    }
                    if !patience.wait(platform, wait, counts).await {
                        let (address, total) = (span.address.into(), span.total);
                        return Err(Interrupted::Final(DownloadError::Stopped { address, got, total, why }));
                    }
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Makes one request, from byte `got` on; updates `got` and the known version.
    ///
    /// * `known` — the version of the bytes so far: the announced one, or that of the first answer of which bytes were
    ///   taken; empty if that answer had none.
    async fn try_stream<P: Platform>(
        &self,
        platform: &P,
        span: &Span<'_>,
        ranged: bool,
        got: &mut u64,
        known: &mut Option<String>,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Refused>,
    ) -> Result<(), Interrupted> {
        let &Span { address, total, checked, .. } = span;
        let mut answer = self.request(platform, address, ranged.then_some(*got)).await?;
        let now = version(&answer);
        // An answer without a version does not continue one that has a version, nor the other way round: it may come
        // from another server, such as the sign-in page of a network.
        if !checked && known.as_ref().is_some_and(|known| *known != now) {
            return Err(Interrupted::changed(address, Difference::Version));
        }
        let begin = begins_at(&answer, span, ranged.then_some(*got))?;
        let ends_at = content_length(&answer).filter(|_| !is_encoded(&answer)).map(|bytes| begin + bytes);
        // Content-Length may count compressed bytes. Unless Content-Range or a checksum confirms the length, read to
        // the end.
        let is_sure = checked || answer.header("Content-Range").and_then(|text| content_range(&text)?.1) == Some(total);
        let mut at = begin;
        loop {
            let bytes = match unless_silent(platform, address, answer.next()).await? {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(_) if at == total && is_sure => break,
                Err(why) => return Err(Interrupted::cut(why)),
            };
            let repeated = usize::try_from(*got - at.min(*got)).map_or(bytes.len(), |there| there.min(bytes.len()));
            self.budget.spend(bytes.len(), repeated)?;
            at += bytes.len() as u64;
            if at > total {
                return Err(Interrupted::changed(address, Difference::Longer { wanted: total }));
            }
            if repeated < bytes.len() {
                known.get_or_insert_with(|| now.clone());
                take(&bytes[repeated..]).map_err(|Refused| Interrupted::Refused)?;
                *got = at;
            }
        }
        if at == total && !is_sure && ends_at.is_some_and(|end| end > total) {
            Err(Interrupted::changed(address, Difference::Longer { wanted: total }))
        } else if at == total {
            Ok(())
        } else if ends_at == Some(at) {
            // The server sent everything it announced, but that is not the whole file.
            Err(Interrupted::changed(address, Difference::Shorter { found: at, wanted: total }))
        } else {
            Err(Interrupted::cut("the connection closed early"))
        }
    }
}

/// Whether an answer is an HTML page: an error page of the host, or the sign-in page of a network.
fn is_web_page(answer: &impl Answer) -> bool {
    answer.header("Content-Type").is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// The offset in the file of an answer's first byte.
fn begins_at(answer: &impl Answer, span: &Span<'_>, asked: Option<u64>) -> Result<u64, Interrupted> {
    let &Span { address, total, .. } = span;
    let Some(from) = asked.filter(|_| answer.status() == 206) else {
        // A server without range support sends the whole file. A partial answer to a plain request cannot be used.
        return if answer.status() == 206 {
            Err(Interrupted::cut("the server sends a part of the file unasked"))
        } else {
            Ok(0)
        };
    };
    if from > 0 && is_encoded(answer) {
        // A range of the compressed bytes is not a range of the file.
        return Err(Interrupted::NoRange);
    }
    match answer.header("Content-Range").map(|text| content_range(&text)) {
        Some(Some((_, Some(found)))) if found < total => {
            Err(Interrupted::changed(address, Difference::Shorter { found, wanted: total }))
        }
        Some(Some((_, Some(found)))) if found > total => {
            Err(Interrupted::changed(address, Difference::Longer { wanted: total }))
        }
        Some(Some((first, _))) if first == from => Ok(from),
        Some(_) => Err(Interrupted::NoRange),
        // The page may not read the header; compare the length instead.
        None if content_length(answer) == Some(total - from) => Ok(from),
        None => Err(Interrupted::NoRange),
    }
}

/// Counts consecutive failures without progress.
#[derive(Default)]
struct RetryBackoff {
    failures: usize,
}

impl RetryBackoff {
    /// Waits before the next retry; false if no retries are left.
    ///
    /// * `asked` — wait that the server asks for, in milliseconds.
    /// * `counts` — failures that this one counts as.
    async fn wait<P: Platform>(&mut self, platform: &P, asked: Option<u32>, counts: usize) -> bool {
        let Some(wait) = RETRY_AFTER_MS.get(self.failures) else { return false };
        self.failures += counts;
        platform.wait(asked.map_or(*wait, |asked| asked.max(*wait))).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, Written, done};
    use super::*;

    const FILE: &str = "https://other.example/x.gguf";
    const BYTES: &[u8] = b"0123456789";

    fn announced(answer: impl Fn(&Request<'_>) -> Option<Written>) -> Result<Announced, String> {
        done(Server::default().announced(&Fake::new(answer), FILE)).map_err(|why| why.to_string())
    }

    #[test]
    fn what_a_server_announces() {
        let found = |bytes, version: &str, ranged| Ok(Announced { bytes, version: version.into(), ranged });
        let range = [("Content-Range", "bytes 0-9/10"), ("Content-Length", "10"), ("ETag", "\"a\"")];
        assert_eq!(announced(|_| Some(Written::new(206, &range, BYTES))), found(10, "a", true));
        // A host that rejects range requests.
        let plain = [("Content-Length", "10"), ("Last-Modified", "yesterday")];
        let answer = |request: &Request<'_>| request.from.is_none().then(|| Written::new(200, &plain, BYTES));
        assert_eq!(announced(answer), found(10, "yesterday", false));
        // A host that compresses plain answers only.
        let packed = [("Content-Encoding", "gzip"), ("Content-Length", "7"), ("ETag", "W/\"a-gzip\"")];
        let answer = |request: &Request<'_>| match request.from {
            Some(_) => Some(Written::new(206, &range, BYTES)),
            None => Some(Written::new(200, &packed, BYTES)),
        };
        assert_eq!(announced(answer), found(10, "a", true));
        // A host that always compresses.
        let sentence = announced(|_| Some(Written::new(200, &packed, BYTES))).unwrap_err();
        assert!(sentence.contains("since it compresses what it sends"), "{sentence}");
        let sentence = announced(|_| Some(Written::new(200, &[], BYTES))).unwrap_err();
        assert!(sentence.contains("does not say how long") && !sentence.contains("since"), "{sentence}");
        let sentence = announced(|_| None).unwrap_err();
        assert!(sentence.contains("check the address and the connection"), "{sentence}");
    }

    #[test]
    fn what_is_no_file_is_not_announced() {
        let page = [("Content-Type", "Text/HTML; charset=utf-8"), ("Content-Length", "10"), ("ETag", "\"a\"")];
        let sentence = announced(|_| Some(Written::new(200, &page, BYTES))).unwrap_err();
        assert!(sentence.contains("is a web page, not a file of weights"), "{sentence}");
        // A server that redirects although the request forbids it.
        let sentence = announced(|_| Some(Written::new(0, &[], &[]))).unwrap_err();
        assert!(sentence.contains("redirects to another address"), "{sentence}");
        for follows_redirects in [true, false] {
            let platform = Fake::new(move |request: &Request<'_>| {
                assert_eq!(request.follows, follows_redirects);
                Some(Written::new(206, &[("Content-Range", "bytes 0-9/10")], BYTES))
            });
            let budget = Budget::new(Some(Allowance { bytes: 9, counts_resent: true, follows_redirects }));
            assert!(done(Server { budget, ..Server::default() }.announced(&platform, FILE)).is_ok());
        }
    }

    #[test]
    fn a_server_that_sends_next_to_nothing_is_not_asked_for_ever() {
        let platform = Fake::new(|request: &Request<'_>| {
            let from = request.from? as usize;
            let range = format!("bytes {from}-999999/1000000");
            Some(Written::new(206, &[("Content-Range", &range)], b"xyz").broken())
        });
        let span = Span { address: FILE, from: 0, total: 1_000_000, version: None, checked: true, ranged: true };
        let end = done(Server::default().stream(&platform, &span, &mut |_| Ok(())));
        let Err(Interrupted::Final(why)) = end else { panic!("{end:?}") };
        assert!(why.to_string().contains("stopped at byte 15 of 1000000"), "{why}");
    }

    /// Streams the file from byte `from` on; returns its bytes or the error, and the first byte of each request.
    fn streamed(
        from: u64,
        checked: bool,
        answer: impl Fn(&Request<'_>) -> Option<Written>,
    ) -> (Result<Vec<u8>, String>, Vec<Option<u64>>) {
        let platform = Fake::new(answer);
        let mut bytes = BYTES[..from as usize].to_vec();
        let span = Span { address: FILE, from, total: 10, version: Some("a"), checked, ranged: false };
        let server = Server::default();
        let mut take = |more: &[u8]| {
            bytes.extend(more);
            Ok(())
        };
        let end = match done(server.stream(&platform, &span, &mut take)) {
            Ok(()) => Ok(bytes),
            Err(Interrupted::Final(why)) => Err(why.to_string()),
            Err(Interrupted::Changed(why)) => Err(format!("changed: {why}")),
            Err(other) => panic!("{other:?}"),
        };
        (end, platform.asked.take().into_iter().map(|(_, from)| from).collect())
    }

    #[test]
    fn a_part_is_taken_where_it_is_the_one_that_was_asked_for() {
        let whole = Ok(BYTES.to_vec());
        let either = |part: Written| {
            move |request: &Request<'_>| {
                Some(if request.from.is_some() { part.clone() } else { Written::new(200, &[], BYTES) })
            }
        };
        let right = Written::new(206, &[("Content-Range", "bytes 4-9/10")], &BYTES[4..]);
        assert_eq!(streamed(4, true, either(right)), (whole.clone(), vec![Some(4)]));
        // Content-Range is hidden, but Content-Length is right.
        let right = Written::new(206, &[("Content-Length", "6")], &BYTES[4..]);
        assert_eq!(streamed(4, true, either(right)), (whole.clone(), vec![Some(4)]));
        for wrong in [
            Written::new(206, &[("Content-Range", "bytes 2-7/10")], &BYTES[2..8]),
            Written::new(206, &[("Content-Length", "5")], &BYTES[5..]),
            Written::new(206, &[], &BYTES[5..]),
            Written::new(206, &[("Content-Range", "nonsense")], &BYTES[4..]),
            Written::new(206, &[("Content-Range", "bytes 4-9/10"), ("Content-Encoding", "gzip")], b"??"),
            Written::new(416, &[], &[]),
        ] {
            assert_eq!(streamed(4, true, either(wrong)), (whole.clone(), vec![Some(4), None]));
        }
        // A server without range support.
        assert_eq!(streamed(4, true, |_| Some(Written::new(200, &[], BYTES))), (whole.clone(), vec![Some(4)]));
        // A server that rejects range requests.
        let deaf = |request: &Request<'_>| request.from.is_none().then(|| Written::new(200, &[], BYTES));
        assert_eq!(streamed(4, true, deaf), (whole, vec![Some(4), Some(4), None]));
    }

    #[test]
    fn what_is_not_the_file_is_named() {
        let tag = ("ETag", "\"a\"");
        let end = |answer: Written| streamed(4, false, move |_| Some(answer.clone())).0.unwrap_err();
        let sentence = end(Written::new(206, &[tag, ("Content-Range", "bytes 4-8/9")], &BYTES[4..9]));
        assert!(sentence.starts_with("changed") && sentence.contains("ends after 9 bytes where 10"), "{sentence}");
        let sentence = end(Written::new(206, &[tag, ("Content-Range", "bytes 4-10/11")], b"456789x"));
        assert!(sentence.contains("more than the 10 bytes"), "{sentence}");
        let sentence = end(Written::new(200, &[tag, ("Content-Length", "8")], &BYTES[..8]));
        assert!(sentence.contains("ends after 8 bytes where 10"), "{sentence}");
        let sentence = end(Written::new(200, &[tag, ("Content-Length", "7")], b"0123456789abc"));
        assert!(sentence.contains("compresses it on the way"), "{sentence}");
        let sentence = end(Written::new(206, &[("Content-Range", "bytes 4-9/10"), ("ETag", "\"b\"")], &BYTES[4..]));
        assert!(sentence.contains("another version"), "{sentence}");
        // With a checksum the server's version does not matter.
        let other = Written::new(206, &[("Content-Range", "bytes 4-9/10"), ("ETag", "\"b\"")], &BYTES[4..]);
        assert_eq!(streamed(4, true, move |_| Some(other.clone())).0, Ok(BYTES.to_vec()));
        let sentence = end(Written::new(206, &[("Content-Range", "bytes 4-9/10")], &BYTES[4..]));
        assert!(sentence.contains("another version"), "an answer without the version: {sentence}");
        let sentence = end(Written::new(200, &[tag], &BYTES[..4]).broken());
        assert!(sentence.contains("stopped at byte 4 of 10 (it broke)"), "{sentence}");
    }

    /// A file of which neither a checksum nor a version is announced, from a server that is replaced midway.
    #[test]
    fn a_file_is_not_composed_of_answers_with_and_without_a_version() {
        let plain = Written::new(200, &[("Content-Length", "10")], &BYTES[..1]).broken();
        let rest = Written::new(206, &[("Content-Range", "bytes 6-9/10")], &BYTES[6..]);
        // A sign-in page whose Content-Type the page may not read.
        let page = Written::new(200, &[("Content-Length", "6"), ("ETag", "\"page\"")], b"<html>").broken();
        for (from, answers) in [(0, [plain, page.clone(), rest.clone()].to_vec()), (4, [page, rest].to_vec())] {
            let left = std::cell::RefCell::new(answers.into_iter());
            let platform = Fake::new(move |_| left.borrow_mut().next());
            let span = Span { address: FILE, from, total: 10, version: None, checked: false, ranged: false };
            let end = done(Server::default().stream(&platform, &span, &mut |_| Ok(())));
            let how = match end {
                Err(Interrupted::Changed(DownloadError::Changed { how, .. })) => how,
                other => panic!("{other:?}"),
            };
            assert_eq!(how, Difference::Version);
        }
        // The version of an answer without bytes does not matter.
        let answers = [
            Written::new(200, &[("ETag", "\"page\"")], b"").broken(),
            Written::new(200, &[("Content-Length", "10")], BYTES),
        ];
        let left = std::cell::RefCell::new(answers.into_iter());
        let platform = Fake::new(move |_| left.borrow_mut().next());
        let span = Span { address: FILE, from: 0, total: 10, version: None, checked: false, ranged: false };
        assert!(done(Server::default().stream(&platform, &span, &mut |_| Ok(()))).is_ok());
    }

    #[test]
    fn a_server_is_given_the_time_that_it_asks_for_if_that_is_short() {
        let busy = |after: &'static str| move |_: &Request<'_>| Some(Written::new(429, &[("Retry-After", after)], &[]));
        let waits = |after| {
            let platform = Fake::new(busy(after));
            let span = Span { address: FILE, from: 0, total: 10, version: None, checked: false, ranged: false };
            let end = done(Server::default().stream(&platform, &span, &mut |_| Ok(())));
            let Err(Interrupted::Final(why)) = end else { panic!("{end:?}") };
            (platform.waited.take(), why.to_string())
        };
        assert_eq!(waits("5").0, [5000; 4]);
        assert_eq!(waits("Sun, 06 Nov 1994 08:49:47 GMT").0, [10_000; 4], "until a date");
        assert_eq!(waits("soon").0, RETRY_AFTER_MS);
        let (waited, sentence) = waits("Sun, 06 Nov 1994 09:00:00 GMT");
        assert_eq!(waited, [0; 0]);
        assert!(sentence.contains("429") && sentence.contains("wait 11 minutes"), "{sentence}");
    }

    #[test]
    fn who_refuses_is_named() {
        let hub = HubRepository { host: "hub.example".into(), repository: "a/b".into() };
        let sentence = |status, token: Option<&str>| {
            let server = Server { token: token.map(str::to_string), hub: Some(hub.clone()), ..Server::default() };
            let url = Url::parse("https://hub.example/x?y").unwrap();
            let text = done(server.text(&Fake::new(|_| Some(Written::new(status, &[], &[]))), &url, true));
            text.unwrap_err().why.to_string()
        };
        assert!(sentence(401, None).contains("the hub hub.example has no open repository a/b"));
        assert!(sentence(403, Some("t")).contains("the hub hub.example refuses a/b with this access token"));
        assert!(sentence(404, None).contains("no https://hub.example/x in a/b"));
    }

    #[test]
    fn a_text_is_taken_whole_or_not_at_all() {
        let url = Url::parse(FILE).unwrap();
        let page = |wanted, answer: Written| {
            done(Server::default().page(&Fake::new(move |_| Some(answer.clone())), &url, wanted, false))
        };
        assert_eq!(page(None, Written::new(200, &[], "\u{feff}text".as_bytes())).unwrap().0, "text");
        assert_eq!(page(Some(4), Written::new(200, &[], b"text")).unwrap().0, "text");
        assert!(page(Some(5), Written::new(200, &[], b"text")).unwrap_err().offline);
        assert!(page(None, Written::new(200, &[], b"te").broken()).unwrap_err().offline);
    }
}
