//! The engine on the command line: prints the same JSON as the page's export, or a measurement's results line by line.
//!
//! `cargo run --release --example report -- --model FILE --prompt "…" --chat --drop a7,a26 --tokens 32`

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use burn::tensor::Device;
use futures::executor::block_on;
use prunescope::engine::protocol::{Backend, Event, Measurement};
use prunescope::engine::session::{Session, storage};
use prunescope::experiment::Control;
use prunescope::model::file::load;
use prunescope::prune::PruningPlan;
use prunescope::settings::{Settings, link};
use prunescope::tasks;
use url::form_urlencoded;

const USAGE: &str = "usage: report --model FILE [--prompt TEXT] [--chat] [--drop a7,m17,b3] \
                     [--sparse wanda-0.5] [--quant awq4-g64] [--on attn|mlp|all] [--layers 4-20] [--calibration FILE] \
                     [--questions FILE] [--retrieval-set FILE] \
                     [--tokens N] [--temp T] [--top-k K] [--top-p P] [--seed S] [--analysis T] [--backend cpu|gpu] \
                     [--measure compare|choice|retrieval|judge|sweep] [--compare NAME*PLAN]… [--sweep layers|sparsity|bits] \
                     [--sample N]";

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
    let (mut calibration, mut measure) = (String::new(), None);
    let (mut questions, mut retrieval) = (vec![], tasks::RetrievalSet::default());
    let mut query = form_urlencoded::Serializer::new("drop=".to_string());
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
            "--drop" => settings.plan.drop = value.parse().map_err(|error| format!("--drop: {error}"))?,
            "--calibration" => {
                calibration = read_text(&value)?;
            }
            "--questions" | "--retrieval-set" => {
                let text = read_text(&value)?;
                let errors = if name == "--questions" {
                    let (read, errors) = tasks::choice::parse(&text);
                    questions = read;
                    errors
                } else {
                    let (read, errors) = tasks::retrieval::parse(&text);
                    retrieval = read;
                    errors
                };
                errors.iter().for_each(|error| eprintln!("{value}: {error}"));
                // The built-in set must not take its place.
                if name == "--questions" && questions.is_empty()
                    || name != "--questions" && retrieval.queries.is_empty()
                {
                    return Err(format!("{value} has no line that can be used"));
                }
            }
            "--measure" => {
                let what = serde_json::from_value(serde_json::json!({ "measure": value }));
                measure = Some(what.map_err(|_| format!("--measure cannot be {value:?}\n{USAGE}"))?);
            }
            // These have the form that they have in a link.
            "--sparse" | "--quant" | "--on" | "--layers" | "--analysis" | "--sweep" | "--sample" | "--compare" => {
                query.append_pair(&name[2..], &value);
            }
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
    let (linked, notices) = link::from_query(&query.finish());
    if let Some(notice) = notices.first() {
        return Err(notice.clone());
    }
    let drop = std::mem::take(&mut settings.plan.drop);
    let Settings { plan, analysis, sweep, sample, compare, .. } = linked;
    let settings = Settings { plan: PruningPlan { drop, ..plan }, analysis, sweep, sample, compare, ..settings };
    let (settings, corrected) = settings.checked();
    if let Some(what) = corrected.first() {
        return Err(what.clone());
    }
    let (device, kind) = open_device(&backend)?;
    let model = load(Path::new(&path), &device, storage(kind)).map_err(|error| error.to_string())?;
    let mut session = Session::new(model, &path, kind, milliseconds);
    session.info().notices.iter().for_each(|notice| eprintln!("{notice}"));
    session.calibrate(&calibration);
    session.use_questions(questions);
    session.use_retrieval_set(retrieval);
    if let Some(what) = measure {
        return run_measurement(&mut session, &settings, what);
    }
    let report =
        block_on(session.run(0, &settings, &Control::unstoppable(), &mut |_| {})).map_err(|e| e.to_string())?;
    report.not_finite.iter().for_each(|found| eprintln!("{found}"));
    serde_json::to_string_pretty(&report).map_err(|error| error.to_string())
}

fn read_text(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))
}

/// Prints each event of a measurement as it comes, one JSON object a line; progress goes to standard error.
fn run_measurement(session: &mut Session, settings: &Settings, what: Measurement) -> Result<String, String> {
    let mut tell = |event: Event| match &event {
        Event::Working { what, done, total, .. } => eprint!("\r{what}: {done} of {total}          "),
        event => println!("{}", serde_json::to_string(event).unwrap_or_default()),
    };
    block_on(session.measure(0, settings, what, &Control::unstoppable(), &mut tell)).map_err(|e| e.to_string())?;
    Ok(String::new())
}

fn open_device(backend: &str) -> Result<(Device, Backend), String> {
    match backend {
        "cpu" => Ok((Device::flex(), Backend::Cpu)),
        #[cfg(feature = "gpu")]
        "gpu" => {
            let device =
                Device::wgpu_options().init().map_err(|error| format!("no GPU: {error}; use --backend cpu"))?;
            Ok((device, Backend::WebGpu))
        }
        #[cfg(not(feature = "gpu"))]
        "gpu" => {
            Err("this build knows no GPU: run it with `cargo run --release --features vulkan --example report`".into())
        }
        other => Err(format!("--backend cannot be {other:?}\n{USAGE}")),
    }
}

fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0
}
