//! Opens the device that the page chose and reports it.

use prunescope_engine::compute::{Compute, Cpu};
use prunescope_engine::model::loader::Limits;
use prunescope_engine::session::Session;
use prunescope_protocol::messages::{Backend, DeviceChoice, TAB_HOLDS_BYTES, WorkerEvent};
use prunescope_protocol::results::device_check::milliseconds;

use super::tell;

/// A backend that a worker program can run on.
pub trait Host: Compute {
    /// Opens the chosen device and reports it to the page. Returns `None` if that fails, after reporting the reason.
    fn open(choice: &DeviceChoice) -> impl Future<Output = Option<Self>>;

    /// The memory limits of the device.
    fn limits() -> Limits;
}

impl Host for Cpu {
    async fn open(choice: &DeviceChoice) -> Option<Self> {
        tell(&WorkerEvent::Device { backend: Backend::Cpu, reason: choice.reason.clone() });
        Some(Self)
    }

    fn limits() -> Limits {
        Limits { total: TAB_HOLDS_BYTES, ..Limits::default() }
    }
}

#[cfg(feature = "webgpu")]
impl Host for prunescope_engine::compute::Gpu {
    async fn open(choice: &DeviceChoice) -> Option<Self> {
        use prunescope_protocol::messages::Stage;

        use super::tell_failure;

        match burn::tensor::Device::wgpu_options().init_with_setup_async().await {
            Ok((device, setup)) => {
                setup.device.set_device_lost_callback(|_, message| {
                    tell_failure(
                        Stage::Device,
                        format!("the GPU was lost ({message}): try again, or switch to the CPU"),
                        true,
                    );
                });
                tell(&WorkerEvent::Device { backend: Backend::WebGpu, reason: choice.reason.clone() });
                Some(Self::new(device).with_largest_binding(choice.largest_binding.unwrap_or(u64::MAX)))
            }
            Err(error) if choice.required => {
                tell_failure(Stage::Device, format!("WebGPU could not be opened ({error}): switch to the CPU"), false);
                None
            }
            Err(error) => {
                let reason = format!("The CPU computes, because WebGPU could not be opened ({error}).");
                tell(&WorkerEvent::NotThisDevice { reason, lasting: false });
                None
            }
        }
    }

    fn limits() -> Limits {
        // Browsers do not state a GPU's memory.
        Limits::default()
    }
}

/// The reason not to use the opened device, and whether it lasts: the device computes wrong numbers, or it is slower
/// than the CPU and was not required.
pub(crate) async fn reason_against<C: Compute>(session: &mut Session<C>, required: bool) -> Option<(String, bool)> {
    match session.check_device().await {
        Err(wrong) => Some((format!("The CPU computes, because {wrong}."), false)),
        Ok(Some(check)) if check.cpu_is_faster() && !required => {
            let [gpu, cpu] = [check.gpu_ms, check.cpu_ms].map(milliseconds);
            Some((
                format!("The CPU computes, because one token takes it about {cpu}, this device's GPU about {gpu}."),
                true,
            ))
        }
        Ok(_) => None,
    }
}
