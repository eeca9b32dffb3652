//! Chooses between WebGPU and the CPU before the engine is loaded: each has its own program, and most of the bytes of one is
//! what compiles shaders.

use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Function, Object, Promise, Reflect};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::isolation;
use crate::engine::protocol::{Backend, DeviceChoice};
use crate::settings::BackendChoice;

/// Longest wait for an adapter, in milliseconds.
const PATIENCE_MS: u32 = 10_000;

/// What the browser offers.
enum Adapter {
    None {
        why: &'static str,
    },
    /// With the longest buffer that it binds, in bytes.
    Software(Option<u64>),
    /// The same.
    Real(Option<u64>),
}

/// Where to compute.
///
/// The error is a sentence, where WebGPU was asked for and there is none.
pub async fn choose(choice: BackendChoice) -> Result<DeviceChoice, String> {
    let threads = isolation::threads();
    let cpu = |reason: String| {
        Ok(DeviceChoice { backend: Backend::Cpu, reason, required: false, largest_binding: None, threads })
    };
    if choice == BackendChoice::Cpu {
        return cpu("The link or the menu asks for the CPU.".into());
    }
    let required = choice == BackendChoice::WebGpu;
    let (reason, largest_binding) = match adapter().await {
        Adapter::None { why } if required => {
            return Err(format!(
                "WebGPU was asked for, but {why}: use a current browser with a GPU, or switch to the CPU."
            ));
        }
        Adapter::None { why } => return cpu(format!("No WebGPU: {why}.")),
        Adapter::Software(_) if !required => {
            return cpu("This browser's WebGPU is only software, slower than the CPU engine.".into());
        }
        Adapter::Software(largest) => {
            ("WebGPU was asked for; this adapter is only software, far slower than the CPU engine.", largest)
        }
        Adapter::Real(largest) if required => ("WebGPU was asked for.", largest),
        Adapter::Real(largest) => ("This browser has a real WebGPU adapter.", largest),
    };
    Ok(DeviceChoice { backend: Backend::WebGpu, reason: reason.into(), required, largest_binding, threads: 1 })
}

/// Asks the browser for an adapter, through plain JavaScript values: `web-sys` has WebGPU only behind an unstable flag.
async fn adapter() -> Adapter {
    let get = |of: &JsValue, key: &str| Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let gpu = get(&window().navigator(), "gpu");
    if !gpu.is_object() {
        return Adapter::None {
            why: "this browser has no WebGPU, or the page is not served over https or from localhost",
        };
    }
    let none = Adapter::None { why: "this browser finds no graphics adapter" };
    let options = Object::new();
    let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
    let Ok(request) = get(&gpu, "requestAdapter").dyn_into::<Function>() else { return none };
    let Ok(promise) = request.call1(&gpu, &options).and_then(|value| value.dyn_into::<Promise>()) else { return none };
    let adapter = match select(JsFuture::from(promise), TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((Ok(adapter), _)) => adapter,
        Either::Left((Err(_), _)) => return none,
        Either::Right(_) => {
            return Adapter::None { why: "this browser does not answer when asked for a graphics adapter" };
        }
    };
    if !adapter.is_object() {
        return none;
    }
    let software = [get(&get(&adapter, "info"), "isFallbackAdapter"), get(&adapter, "isFallbackAdapter")];
    let limits = get(&adapter, "limits");
    let largest = ["maxBufferSize", "maxStorageBufferBindingSize"].map(|limit| get(&limits, limit).as_f64());
    let largest = largest.into_iter().flatten().map(|bytes| bytes as u64).min();
    if software.iter().any(|value| value.is_truthy()) { Adapter::Software(largest) } else { Adapter::Real(largest) }
}
