//! The engine on the command line: prints the same JSON as the page's export.
//!
//! `cargo run --release --example report -- --model FILE --prompt "…" --chat --drop a7,a26 --tokens 32`

use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use burn::tensor::Device;
use futures::executor::block_on;
use prunescope::engine::protocol::Backend;
use prunescope::engine::session::Session;
use prunescope::experiment::Control;
use prunescope::model::file::load;
use prunescope::settings::Settings;

const USAGE: &str = "usage: report --model FILE [--prompt TEXT] [--chat] [--drop a7,m17,b3] [--tokens N] [--temp T] \
                     [--top-k K] [--top-p P] [--seed S] [--backend cpu|vulkan]";

fn main() -> ExitCode {
    match run() {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("report: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, String> {
    let mut settings = Settings { chat: false, ..Settings::default() };
    let (mut model, mut backend) = (None, "cpu".to_string());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--chat" {
            settings.chat = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
        let wrong = |_| format!("{name} cannot be {value:?}\n{USAGE}");
        match name.as_str() {
            "--model" => model = Some(value),
            "--prompt" => settings.prompt = value,
            "--drop" => settings.drop = value.parse().map_err(|error| format!("--drop: {error}"))?,
            "--tokens" => settings.tokens = value.parse().map_err(|e: std::num::ParseIntError| wrong(e.to_string()))?,
            "--top-k" => settings.top_k = value.parse().map_err(|e: std::num::ParseIntError| wrong(e.to_string()))?,
            "--seed" => settings.seed = value.parse().map_err(|e: std::num::ParseIntError| wrong(e.to_string()))?,
            "--temp" => settings.temp = value.parse().map_err(|e: std::num::ParseFloatError| wrong(e.to_string()))?,
            "--top-p" => settings.top_p = value.parse().map_err(|e: std::num::ParseFloatError| wrong(e.to_string()))?,
            "--backend" => backend = value,
            _ => return Err(format!("{name} is not an option\n{USAGE}")),
        }
    }
    let path = model.ok_or_else(|| format!("--model is missing\n{USAGE}"))?;
    let (settings, corrected) = settings.checked();
    if let Some(what) = corrected.first() {
        return Err(what.clone());
    }
    let (device, kind) = open_device(&backend)?;
    let model = load(Path::new(&path), &device).map_err(|error| error.to_string())?;
    let mut session = Session::new(model, &path, kind, milliseconds);
    let report =
        block_on(session.run(0, &settings, &Control::unstoppable(), &mut |_| {})).map_err(|e| e.to_string())?;
    serde_json::to_string_pretty(&report).map_err(|error| error.to_string())
}

fn open_device(backend: &str) -> Result<(Device, Backend), String> {
    match backend {
        "cpu" => Ok((Device::flex(), Backend::Cpu)),
        #[cfg(feature = "vulkan")]
        "vulkan" => {
            let device = Device::wgpu_options()
                .init()
                .map_err(|error| format!("no Vulkan device: {error}; use --backend cpu"))?;
            Ok((device, Backend::WebGpu))
        }
        #[cfg(not(feature = "vulkan"))]
        "vulkan" => {
            Err("this build has no Vulkan: run it with `cargo run --release --features vulkan --example report`".into())
        }
        other => Err(format!("--backend cannot be {other:?}\n{USAGE}")),
    }
}

fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0
}
