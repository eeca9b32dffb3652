//! Opens the device that the page chose, and says which it is and why.

use burn::tensor::Device;

use super::tell;
#[cfg(feature = "webgpu")]
use super::tell_failure;
#[cfg(feature = "webgpu")]
use crate::engine::protocol::Stage;
use crate::engine::protocol::{Backend, DeviceChoice, Event};

/// Opens the chosen device and tells which it is; none where it was asked for and cannot be had.
pub async fn open(choice: DeviceChoice) -> Option<(Device, Backend)> {
    match choice.backend {
        Backend::Cpu => Some(cpu(choice.reason)),
        Backend::WebGpu => webgpu(choice).await,
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
