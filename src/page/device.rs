//! Chooses between WebGPU and the CPU before the engine is loaded, since each has its own program: most of the WebGPU program's bytes
//! are its shader compiler.

use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Function, Object, Promise, Reflect};
use leptos::prelude::window;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::isolation;
use prunescope_localization::tr;
use prunescope_protocol::messages::{Backend, DeviceChoice};
use prunescope_protocol::settings::BackendChoice;

/// Longest wait for a GPU adapter, in milliseconds.
const PATIENCE_MS: u32 = 10_000;

/// The adapter that the browser offers; or `why` there is none, as the messages call it.
enum Adapter {
    None { why: &'static str },
    Software(Described),
    Real(Described),
}

/// The adapter's description.
struct Described {
    /// Vendor and architecture, as far as the browser tells.
    name: String,
    /// Greatest size of a buffer binding, in bytes.
    largest_binding: Option<u64>,
}

/// Local storage key of the models that compute faster on the CPU than on an adapter.
const SLOWER: &str = "prunescope-slower-adapters";
/// Greatest number of them that are stored.
const MOST_KEPT: usize = 50;

/// A model that computes faster on the CPU than on an adapter.
#[derive(Serialize, Deserialize)]
struct Slower {
    adapter: String,
    model: String,
    /// Both speeds, as a sentence.
    reason: String,
}

/// The models found at earlier visits; none if the browser stores nothing.
fn slower() -> Vec<Slower> {
    let kept = window().local_storage().ok().flatten().and_then(|storage| storage.get_item(SLOWER).ok().flatten());
    kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Remembers for later visits that a model computes faster on the CPU than on this browser's adapter.
pub(super) async fn remember_slower(model: String, reason: String) {
    let (Adapter::Real(limits), Ok(Some(storage))) = (adapter().await, window().local_storage()) else { return };
    let mut all = slower();
    all.retain(|known| known.adapter != limits.name || known.model != model);
    all.push(Slower { adapter: limits.name, model, reason });
    let all = &all[all.len().saturating_sub(MOST_KEPT)..];
    if let Ok(text) = serde_json::to_string(all) {
        // If this fails, the next visit measures again.
        let _ = storage.set_item(SLOWER, &text);
    }
}

/// The choice of the CPU, with its reason.
pub(super) fn cpu(reason: String) -> DeviceChoice {
    let threads = isolation::threads();
    DeviceChoice { backend: Backend::Cpu, reason, required: false, largest_binding: None, threads }
}

/// Chooses the device for a model.
///
/// The error is a sentence: WebGPU was asked for and is not available.
pub(super) async fn choose(choice: BackendChoice, model: &str) -> Result<DeviceChoice, String> {
    let threads = isolation::threads();
    let cpu = |reason: String| Ok(cpu(reason));
    if choice == BackendChoice::Cpu {
        return cpu(tr!(device_cpu_asked));
    }
    let required = choice == BackendChoice::WebGpu;
    let (reason, largest_binding) = match adapter().await {
        Adapter::None { why } if required => return Err(tr!(device_no_webgpu_but_asked, why = why)),
        Adapter::None { why } => return cpu(tr!(device_no_webgpu, why = why)),
        Adapter::Software(_) if !required => return cpu(tr!(device_webgpu_software)),
        Adapter::Software(limits) => (tr!(device_webgpu_asked_software), limits.largest_binding),
        Adapter::Real(limits) if required => (tr!(device_webgpu_asked), limits.largest_binding),
        Adapter::Real(limits) => {
            let known = slower().into_iter().find(|known| known.adapter == limits.name && known.model == model);
            if let Some(Slower { reason, .. }) = known {
                return cpu(format!("{reason} {}", tr!(device_measured_earlier)));
            }
            (tr!(device_webgpu_found), limits.largest_binding)
        }
    };
    Ok(DeviceChoice { backend: Backend::WebGpu, reason, required, largest_binding, threads })
}

/// Asks the browser for an adapter, through untyped JavaScript values: `web-sys` has WebGPU only behind an unstable flag.
async fn adapter() -> Adapter {
    let get = |of: &JsValue, key: &str| Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let gpu = get(&window().navigator(), "gpu");
    if !gpu.is_object() {
        return Adapter::None { why: "unsupported" };
    }
    let none = Adapter::None { why: "none" };
    let options = Object::new();
    let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
    let Ok(request) = get(&gpu, "requestAdapter").dyn_into::<Function>() else { return none };
    let Ok(promise) = request.call1(&gpu, &options).and_then(|value| value.dyn_into::<Promise>()) else { return none };
    let adapter = match select(JsFuture::from(promise), TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((Ok(adapter), _)) => adapter,
        Either::Left((Err(_), _)) => return none,
        Either::Right(_) => return Adapter::None { why: "silent" },
    };
    if !adapter.is_object() {
        return none;
    }
    let software = [get(&get(&adapter, "info"), "isFallbackAdapter"), get(&adapter, "isFallbackAdapter")];
    let limits = get(&adapter, "limits");
    let largest = ["maxBufferSize", "maxStorageBufferBindingSize"].map(|limit| get(&limits, limit).as_f64());
    let said = ["vendor", "architecture", "device", "description"];
    let name = said.map(|key| get(&get(&adapter, "info"), key).as_string().unwrap_or_default()).join(" ");
    let largest_binding = largest.into_iter().flatten().map(|bytes| bytes as u64).min();
    let limits = Described { name, largest_binding };
    if software.iter().any(|value| value.is_truthy()) { Adapter::Software(limits) } else { Adapter::Real(limits) }
}
