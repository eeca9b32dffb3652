//! Chooses between WebGPU and the CPU, and says why.

use burn::tensor::Device;
use js_sys::{Function, Object, Promise, Reflect};
use prunescope::engine::protocol::{Backend, Event, Stage};
use prunescope::settings::BackendChoice;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::serve::{scope, tell, tell_failure};

/// What the browser offers.
enum Adapter {
    None { why: &'static str },
    Software,
    Real,
}

/// Opens the device that was asked for and tells which and why; none where it was asked for and cannot be had.
pub async fn open(choice: BackendChoice) -> Option<(Device, Backend)> {
    if choice == BackendChoice::Cpu {
        return Some(cpu("The link or the menu asks for the CPU."));
    }
    let forced = choice == BackendChoice::WebGpu;
    let reason = match adapter().await {
        Adapter::None { why } if forced => {
            let message =
                format!("WebGPU was asked for, but {why}: use a current browser with a GPU, or switch to the CPU");
            tell_failure(Stage::Device, message, false);
            return None;
        }
        Adapter::None { why } => return Some(cpu(&format!("No WebGPU: {why}."))),
        Adapter::Software if !forced => {
            return Some(cpu("This browser's WebGPU is only software, slower than the CPU engine."));
        }
        Adapter::Software => "WebGPU was asked for; this adapter is only software, far slower than the CPU engine.",
        Adapter::Real if forced => "WebGPU was asked for.",
        Adapter::Real => "This browser has a real WebGPU adapter.",
    };
    match Device::wgpu_options().init_with_setup_async().await {
        Ok((device, setup)) => {
            setup.device.set_device_lost_callback(|_, message| {
                tell_failure(
                    Stage::Device,
                    format!("the GPU was lost ({message}): try again, or switch to the CPU"),
                    true,
                );
            });
            tell(&Event::Device { backend: Backend::WebGpu, reason: reason.into() });
            Some((device, Backend::WebGpu))
        }
        Err(error) if forced => {
            tell_failure(Stage::Device, format!("WebGPU could not be opened ({error}): switch to the CPU"), false);
            None
        }
        Err(error) => Some(cpu(&format!("WebGPU could not be opened ({error})."))),
    }
}

fn cpu(reason: &str) -> (Device, Backend) {
    tell(&Event::Device { backend: Backend::Cpu, reason: reason.into() });
    (Device::flex(), Backend::Cpu)
}

/// Asks the browser for an adapter, through plain JavaScript values: `web-sys` has WebGPU only behind an unstable flag.
async fn adapter() -> Adapter {
    let get = |of: &JsValue, key: &str| Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let gpu = get(&scope().navigator(), "gpu");
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
    let Ok(adapter) = JsFuture::from(promise).await else { return none };
    if !adapter.is_object() {
        return none;
    }
    let software = [get(&get(&adapter, "info"), "isFallbackAdapter"), get(&adapter, "isFallbackAdapter")];
    if software.iter().any(|value| value.is_truthy()) { Adapter::Software } else { Adapter::Real }
}
