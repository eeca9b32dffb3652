//! Opens the device that the page chose, and says which it is and why.

use burn::tensor::Device;

use super::tell;
#[cfg(feature = "webgpu")]
use super::tell_failure;
use prunescope_engine::session::Session;
#[cfg(feature = "webgpu")]
use prunescope_protocol::messages::Stage;
use prunescope_protocol::messages::{Backend, DeviceChoice, Event};
use prunescope_protocol::results::device_check::milliseconds;

/// Opens the chosen device and tells which it is; none where it was asked for and cannot be had.
pub async fn open(choice: DeviceChoice) -> Option<(Device, Backend)> {
    match choice.backend {
        Backend::Cpu => Some(cpu(choice.reason)),
        Backend::WebGpu => webgpu(choice).await,
    }
}

/// Why the device that was opened is not to be used, and whether that lasts: it computes wrong numbers, or it is slower than the
/// CPU and was not asked for.
pub async fn reason_against(session: &mut Session, required: bool) -> Option<(String, bool)> {
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

fn cpu(reason: String) -> (Device, Backend) {
    tell(&Event::Device { backend: Backend::Cpu, reason });
    (Device::flex(), Backend::Cpu)
}

#[cfg(feature = "webgpu")]
async fn webgpu(choice: DeviceChoice) -> Option<(Device, Backend)> {
    match Device::wgpu_options().init_with_setup_async().await {
        Ok((device, setup)) => {
            setup.device.set_device_lost_callback(|_, message| {
                tell_failure(
                    Stage::Device,
                    format!("the GPU was lost ({message}): try again, or switch to the CPU"),
                    true,
                );
            });
            tell(&Event::Device { backend: Backend::WebGpu, reason: choice.reason });
            Some((device, Backend::WebGpu))
        }
        Err(error) if choice.required => {
            tell_failure(Stage::Device, format!("WebGPU could not be opened ({error}): switch to the CPU"), false);
            None
        }
        Err(error) => Some(cpu(format!("WebGPU could not be opened ({error})."))),
    }
}

/// The page starts this program for the CPU only; whatever it asks for, the CPU is what there is.
#[cfg(not(feature = "webgpu"))]
async fn webgpu(_: DeviceChoice) -> Option<(Device, Backend)> {
    Some(cpu("This engine was built for the CPU only.".into()))
}
