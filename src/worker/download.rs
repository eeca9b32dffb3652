//! Streams a model's bytes from the network into the loader: resumes what is cut, verifies checksums, tells progress.

use crate::engine::protocol::Event;
use crate::model::manifest::{Manifest, Part, hexadecimal};
use crate::model::{LoadedModel, ModelLoader, Storage};
use burn::tensor::Device;
use gloo::timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use sha2::{Digest, Sha256};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStreamDefaultReader, RequestInit, Response};

use super::{now, scope, tell};

/// How often a download without progress is tried again, and how long to wait before each try.
const RETRY_AFTER_MS: [u32; 4] = [300, 1000, 2000, 4000];
/// Least time between two progress events, in milliseconds.
const PROGRESS_EVERY_MS: f64 = 50.0;

/// Downloads a model from a `.gguf` file or a `.json` manifest onto a device.
///
/// The error is a sentence that names the address, what is wrong and what to do.
pub async fn model(address: &str, device: &Device, storage: Storage) -> Result<LoadedModel, String> {
    let failed = |why: String| format!("The model at {address} cannot be used: {why}.");
    let path = address.split(['?', '#']).next().unwrap_or(address);
    let parts = if path.ends_with(".json") {
        let manifest =
            Manifest::parse(&text(address).await.map_err(failed)?).map_err(|error| failed(error.to_string()))?;
        let base = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
        // The address changes with the content, so that whoever keeps a copy never has to ask for it again.
        let address = |part: &Part| {
            let sum = part.sha256.iter().map(|sum| format!("?sha256={sum}")).collect::<String>();
            format!("{base}{}{sum}", part.file)
        };
        manifest.parts.into_iter().map(|part| Part { file: address(&part), ..part }).collect()
    } else {
        vec![Part { file: address.into(), bytes: size(address).await.map_err(failed)?, sha256: None }]
    };
    let mut download = Download {
        loader: ModelLoader::new(parts.iter().map(|part| part.bytes).sum(), device, storage),
        received: 0,
        total: parts.iter().map(|part| part.bytes).sum(),
        told: 0.0,
    };
    for part in &parts {
        download.part(part).await.map_err(failed)?;
    }
    download.loader.finish().map_err(|error| failed(error.to_string()))
}

struct Download {
    loader: ModelLoader,
    received: u64,
    total: u64,
    told: f64,
}

impl Download {
    /// Streams one part into the loader, going on where a cut connection ended.
    async fn part(&mut self, part: &Part) -> Result<(), String> {
        let mut digest = Sha256::new();
        let mut got = 0;
        let mut failures = 0;
        while got < part.bytes {
            let before = got;
            match self.stream(part, &mut got, &mut digest).await {
                Ok(()) => {}
                Err(Interrupted::Final(why)) => return Err(why),
                Err(Interrupted::Cut(why)) => {
                    if got > before {
                        failures = 0;
                    }
                    let Some(wait) = RETRY_AFTER_MS.get(failures) else {
                        return Err(format!(
                            "the download stopped at byte {got} of {} ({why}); check the connection, then press Retry",
                            part.bytes
                        ));
                    };
                    failures += 1;
                    TimeoutFuture::new(*wait).await;
                }
            }
        }
        let sum = hexadecimal(&digest.finalize());
        match &part.sha256 {
            Some(wanted) if *wanted != sum => Err(format!(
                "the checksum of {} is {}… where {}… is expected, so it was damaged on the way; press Retry, or reload without the cache",
                part.file.rsplit('/').next().unwrap_or(&part.file).split('?').next().unwrap_or_default(),
                &sum[..12],
                wanted.chars().take(12).collect::<String>()
            )),
            _ => Ok(()),
        }
    }

    /// One request, from byte `got` on.
    async fn stream(&mut self, part: &Part, got: &mut u64, digest: &mut Sha256) -> Result<(), Interrupted> {
        let response = request(&part.file, *got).await?;
        // A server that does not know ranges sends the whole file again.
        let mut skip = if response.status() == 206 { 0 } else { *got };
        let body = response.body().ok_or_else(|| Interrupted::Cut("the answer has no body".into()))?;
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        loop {
            let read = JsFuture::from(reader.read()).await.map_err(|error| Interrupted::Cut(js_text(&error)))?;
            let done = Reflect::get(&read, &"done".into()).is_ok_and(|done| done.is_truthy());
            if done {
                return if *got < part.bytes {
                    Err(Interrupted::Cut("the connection closed early".into()))
                } else {
                    Ok(())
                };
            }
            let chunk: Uint8Array = Reflect::get(&read, &"value".into()).unwrap_or_default().unchecked_into();
            let bytes = chunk.to_vec();
            let skipped = (skip as usize).min(bytes.len());
            skip -= skipped as u64;
            let bytes = &bytes[skipped..];
            if *got + bytes.len() as u64 > part.bytes {
                let why = format!(
                    "{} is longer than the {} bytes announced; the file on the server changed",
                    part.file, part.bytes
                );
                return Err(Interrupted::Final(why));
            }
            digest.update(bytes);
            self.loader.push(bytes).map_err(|error| Interrupted::Final(error.to_string()))?;
            *got += bytes.len() as u64;
            self.received += bytes.len() as u64;
            if now() - self.told > PROGRESS_EVERY_MS || self.received == self.total {
                self.told = now();
                tell(&Event::Progress { received: self.received, total: self.total });
            }
        }
    }
}

/// Why a request did not give all bytes.
enum Interrupted {
    /// Worth another try.
    Cut(String),
    /// Another try would end the same way.
    Final(String),
}

/// Asks for a file from byte `from` on.
async fn request(address: &str, from: u64) -> Result<Response, Interrupted> {
    let init = RequestInit::new();
    if from > 0
        && let Ok(headers) = Headers::new()
    {
        let _ = headers.set("Range", &format!("bytes={from}-"));
        init.set_headers(&headers);
    }
    let fetched = JsFuture::from(scope().fetch_with_str_and_init(address, &init)).await;
    let response: Response = fetched.map_err(|error| Interrupted::Cut(js_text(&error)))?.unchecked_into();
    match response.status() {
        200 | 206 => Ok(response),
        status @ (401 | 403 | 404 | 410) => {
            Err(Interrupted::Final(format!("the server answers {status} for {address}; check the address")))
        }
        status => Err(Interrupted::Cut(format!("the server answers {status} for {address}"))),
    }
}

/// The whole of a small text file.
async fn text(address: &str) -> Result<String, String> {
    let plain = |error| match error {
        Interrupted::Cut(why) => format!("{why}; check the connection, then press Retry"),
        Interrupted::Final(why) => why,
    };
    let response = request(address, 0).await.map_err(plain)?;
    let promise = response.text().map_err(|error| js_text(&error))?;
    let text = JsFuture::from(promise).await.map_err(|error| js_text(&error))?;
    Ok(text.as_string().unwrap_or_default())
}

/// The size of a file, from the answer's header.
async fn size(address: &str) -> Result<u64, String> {
    let response = request(address, 0).await.map_err(|error| match error {
        Interrupted::Cut(why) => format!("{why}; check the address and the connection, then press Retry"),
        Interrupted::Final(why) => why,
    })?;
    let length = response.headers().get("Content-Length").ok().flatten().and_then(|text| text.parse().ok());
    if let Some(body) = response.body() {
        // Only the header was wanted.
        let _ = JsFuture::from(body.cancel()).await;
    }
    length.ok_or_else(|| "the server does not say how long the file is; host it where Content-Length is sent".into())
}

fn js_text(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
