//! Requests to servers: ranges, retries, and what to tell a visitor when a server refuses.

use gloo::timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStreamDefaultReader, RequestInit, Response};

use super::scope;
use crate::consent::host_of;

/// How often a request without progress is tried again, and how long to wait before each try.
const RETRY_AFTER_MS: [u32; 4] = [300, 1000, 2000, 4000];
/// Longest wait that a server may ask for, in milliseconds.
const LONGEST_WAIT_MS: u32 = 30_000;

/// Why a request did not give all bytes.
pub enum Interrupted {
    /// Worth another try, after so many milliseconds where the server says so.
    Cut {
        /// What happened.
        why: String,
        /// How long to wait.
        wait: Option<u32>,
    },
    /// Another try would end the same way.
    Final(String),
}

impl Interrupted {
    fn cut(why: impl Into<String>) -> Self {
        Self::Cut { why: why.into(), wait: None }
    }
}

/// A server, with the visitor's token for it.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Sent with every request; browsers take it away where a server sends the request on to another.
    pub token: Option<String>,
    /// The hub's name for what is asked for, where it is a hub.
    pub repository: Option<String>,
}

impl Server {
    /// Asks for a file from byte `from` on.
    async fn request(&self, address: &str, from: u64) -> Result<Response, Interrupted> {
        let init = RequestInit::new();
        if let Ok(headers) = Headers::new() {
            if from > 0 {
                let _ = headers.set("Range", &format!("bytes={from}-"));
            }
            if let Some(token) = &self.token {
                let _ = headers.set("Authorization", &format!("Bearer {token}"));
            }
            init.set_headers(&headers);
        }
        let fetched = JsFuture::from(scope().fetch_with_str_and_init(address, &init)).await;
        let response: Response = fetched.map_err(|error| Interrupted::cut(js_text(&error)))?.unchecked_into();
        let host = host_of(address);
        match (response.status(), &self.repository) {
            (200 | 206, _) => Ok(response),
            (401 | 403, Some(repository)) => Err(Interrupted::Final(if self.token.is_some() {
                format!(
                    "{host} refuses {repository} with this access token: ask for access on the repository's page, or use another token"
                )
            } else {
                format!(
                    "{host} has no open repository {repository}: check the name; if it is private or gated, give an access token for {host} under Model"
                )
            })),
            (404 | 410, Some(repository)) => Err(Interrupted::Final(format!(
                "{host} has no {} in {repository}: check the name and the revision",
                address.split('?').next().unwrap_or(address)
            ))),
            (status @ (401 | 403 | 404 | 410), None) => {
                Err(Interrupted::Final(format!("the server answers {status} for {address}; check the address")))
            }
            (416, _) => Err(Interrupted::Final(format!("{address} on the server is shorter than before; it changed"))),
            (status, _) => {
                let after = response.headers().get("Retry-After").ok().flatten();
                let wait = after.and_then(|seconds| seconds.parse::<u32>().ok()).map(|s| s.saturating_mul(1000));
                let asks = if status == 429 { " (too many requests)" } else { "" };
                Err(Interrupted::Cut { why: format!("the server answers {status}{asks} for {address}"), wait })
            }
        }
    }

    /// The whole of a small text file.
    ///
    /// * `patient` — whether to try again where the connection fails.
    ///
    /// The error is a sentence, and whether the network failed, not the server.
    pub async fn text(&self, address: &str, patient: bool) -> Result<String, (String, bool)> {
        let mut patience = Patience::default();
        loop {
            let tried = async {
                let response = self.request(address, 0).await?;
                let promise = response.text().map_err(|error| Interrupted::cut(js_text(&error)))?;
                let text = JsFuture::from(promise).await.map_err(|error| Interrupted::cut(js_text(&error)))?;
                Ok(text.as_string().unwrap_or_default())
            };
            match tried.await {
                Ok(text) => return Ok(text),
                Err(Interrupted::Final(why)) => return Err((why, false)),
                Err(Interrupted::Cut { why, wait }) => {
                    if !patient || !patience.wait(wait).await {
                        return Err((format!("{why}; check the connection, then press Try again"), true));
                    }
                }
            }
        }
    }

    /// The size of a file and what tells its version, from the answer's header.
    ///
    /// # Errors
    /// A sentence.
    pub async fn size(&self, address: &str) -> Result<(u64, String), String> {
        let response = self.request(address, 0).await.map_err(|error| match error {
            Interrupted::Cut { why, .. } => {
                format!("{why}; check the address and the connection, then press Try again")
            }
            Interrupted::Final(why) => why,
        })?;
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let length = header("Content-Length").and_then(|text| text.parse().ok());
        let version = [header("ETag"), header("Last-Modified")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        if let Some(body) = response.body() {
            // Only the header was wanted.
            let _ = JsFuture::from(body.cancel()).await;
        }
        let length = length
            .ok_or("the server does not say how long the file is; host it where Content-Length is sent".to_string())?;
        Ok((length, version))
    }

    /// Streams a file of `total` bytes from byte `from` on, going on where a connection ended; `take` gets each piece.
    ///
    /// # Errors
    /// A sentence: the server's refusal, a connection that stays away, or what `take` says.
    pub async fn stream(
        &self,
        address: &str,
        from: u64,
        total: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut got = from;
        let mut patience = Patience::default();
        while got < total {
            let before = got;
            match self.try_stream(address, total, &mut got, take).await {
                Ok(()) => {}
                Err(Interrupted::Final(why)) => return Err(why),
                Err(Interrupted::Cut { why, wait }) => {
                    if got > before {
                        patience = Patience::default();
                    }
                    if !patience.wait(wait).await {
                        return Err(format!(
                            "the download stopped at byte {got} of {total} ({why}); check the connection, then press Try again"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// One request, from byte `got` on.
    async fn try_stream(
        &self,
        address: &str,
        total: u64,
        got: &mut u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), Interrupted> {
        let response = self.request(address, *got).await?;
        // A server that does not know ranges sends the whole file again.
        let mut skip = if response.status() == 206 { 0 } else { *got };
        let body = response.body().ok_or_else(|| Interrupted::cut("the answer has no body"))?;
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        loop {
            let read = JsFuture::from(reader.read()).await.map_err(|error| Interrupted::cut(js_text(&error)))?;
            let done = Reflect::get(&read, &"done".into()).is_ok_and(|done| done.is_truthy());
            if done {
                return if *got < total { Err(Interrupted::cut("the connection closed early")) } else { Ok(()) };
            }
            let chunk: Uint8Array = Reflect::get(&read, &"value".into()).unwrap_or_default().unchecked_into();
            let bytes = chunk.to_vec();
            let skipped = (skip as usize).min(bytes.len());
            skip -= skipped as u64;
            let bytes = &bytes[skipped..];
            if *got + bytes.len() as u64 > total {
                let why =
                    format!("{address} is longer than the {total} bytes announced; the file on the server changed");
                return Err(Interrupted::Final(why));
            }
            take(bytes).map_err(Interrupted::Final)?;
            *got += bytes.len() as u64;
        }
    }
}

/// How often without progress something was tried.
#[derive(Default)]
struct Patience {
    failures: usize,
}

impl Patience {
    /// Waits before another try; whether there is one.
    async fn wait(&mut self, asked: Option<u32>) -> bool {
        let Some(wait) = RETRY_AFTER_MS.get(self.failures) else { return false };
        self.failures += 1;
        TimeoutFuture::new(asked.unwrap_or(*wait).clamp(*wait, LONGEST_WAIT_MS)).await;
        true
    }
}

/// What JavaScript says of an error.
pub fn js_text(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
