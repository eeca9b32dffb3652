//! The command-line program: prints the same JSON as the page's export, or a measurement's results as JSON lines.

/// Evaluates an expression with the chosen backend's `Compute` value; it is compiled for each backend.
macro_rules! on_backend {
    ($backend:expr, |$compute:ident| $run:expr) => {
        match $backend {
            $crate::arguments::BackendName::Cpu => {
                let $compute = prunescope_engine::compute::Cpu;
                $run
            }
            #[cfg(any(feature = "vulkan", feature = "webgpu"))]
            $crate::arguments::BackendName::Gpu => {
                let $compute = $crate::gpu()?;
                $run
            }
            #[cfg(not(any(feature = "vulkan", feature = "webgpu")))]
            $crate::arguments::BackendName::Gpu => Err($crate::error::Error::BuiltWithoutGpu),
        }
    };
}

mod arguments;
mod error;
mod fidelity;
mod given_plan;
mod parts;
mod recipe_file;
mod record;
mod save;
mod serve;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Instant;

use clap::Parser;
use futures::executor::block_on;
use prunescope_engine::compute::Compute;
#[cfg(any(feature = "vulkan", feature = "webgpu"))]
use prunescope_engine::compute::Gpu;
use prunescope_engine::experiment::Control;
use prunescope_engine::experiment::fit_size::FitSize;
use prunescope_engine::experiment::search::SearchTokens;
use prunescope_engine::model::LoadedModel;
use prunescope_engine::model::file::load;
use prunescope_engine::session::Session;
use prunescope_engine::shard::Shard;
use prunescope_figures::figure::speed;
use prunescope_kernels::threads::{self, POOL};
use prunescope_protocol::messages::{Backend, Measurement, RunEvent};
use prunescope_protocol::prune::{PruningPlan, plan_file, recipe};
use prunescope_protocol::results::Report;
use prunescope_protocol::settings::Settings;
use prunescope_protocol::tasks::{self, KindText};
use prunescope_protocol::trace::Trace;

use arguments::{Arguments, BackendName, Command, Computation, Experiment, PruningOptions, ServeArguments};
use error::Error;
use given_plan::GivenPlan;
use parts::Results;
use serve::ServeOptions;

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prunescope: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), Error> {
    match command {
        Command::Compute(computation) => compute(computation),
        Command::Save(arguments) => save::save(arguments),
        Command::Serve(arguments) => begin_serving(arguments),
        Command::Recipe { program, plan: file, parts, layers, model } => {
            let file = file.as_deref().map(GivenPlan::read).transpose()?;
            let plan = file.map(|file| file.plan(*layers)).transpose()?.unwrap_or_else(|| parts.clone());
            print!("{}", recipe::write(&plan, *program, *layers, model)?);
            Ok(())
        }
        Command::Merge { parts } => {
            let read = |path: &PathBuf| Ok((path.clone(), read(path)?));
            print!("{}", parts::merge(&parts.iter().map(read).collect::<Result<Vec<_>, Error>>()?)?);
            Ok(())
        }
        Command::Schema => {
            println!("{}", serde_json::to_string_pretty(&Trace::schema())?);
            Ok(())
        }
    }
}

fn compute(computation: &Computation) -> Result<(), Error> {
    let (Computation::Report(experiment)
    | Computation::Fidelity { experiment, .. }
    | Computation::Bench(experiment)
    | Computation::Measure { experiment, .. }
    | Computation::Record { experiment, .. }) = computation;
    start_helpers(&experiment.pruning);
    on_backend!(experiment.pruning.backend, |compute| run_on(compute, computation))
}

/// Starts the CPU's threads, if it is to compute.
fn start_helpers(pruning: &PruningOptions) {
    if pruning.backend == BackendName::Cpu {
        threads::start_helpers(&POOL, pruning.threads());
    }
}

/// Opens the machine's GPU.
#[cfg(any(feature = "vulkan", feature = "webgpu"))]
fn gpu() -> Result<Gpu, Error> {
    let device = burn::tensor::Device::wgpu_options().init();
    Ok(Gpu::new(device.map_err(|why| Error::NoGpu { why: why.to_string() })?))
}

/// Loads a model and serves it.
fn begin_serving(arguments: &ServeArguments) -> Result<(), Error> {
    threads::start_helpers(&POOL, arguments::threads(arguments.threads));
    on_backend!(arguments.backend, |compute| serve_on(compute, arguments))
}

fn serve_on<C: Compute>(compute: C, arguments: &ServeArguments) -> Result<(), Error>
where
    LoadedModel<C>: Send + Sync,
{
    let name = arguments.model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let device = match C::BACKEND {
        Backend::Cpu => {
            format!("An engine outside the browser, on {} of {}.", threads_in_words(POOL.threads()), processor())
        }
        Backend::WebGpu => "An engine outside the browser, on its machine's GPU.".into(),
    };
    let options = ServeOptions {
        host: arguments.host,
        port: arguments.port,
        site: arguments.site.clone(),
        origins: arguments.allow_origin.clone(),
        token: arguments.token.clone(),
        visitors: arguments.visitors,
    };
    let listener = serve::listen(&options)?;
    let model = load(&arguments.model, compute)?;
    serve::serve(listener, model, name, device, &options)
}

/// A number of threads.
fn threads_in_words(threads: usize) -> String {
    if threads == 1 { "one thread".into() } else { format!("{threads} threads") }
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.into(), |(_, name)| name.trim().into())
}

fn run_on<C: Compute>(compute: C, computation: &Computation) -> Result<(), Error> {
    match computation {
        Computation::Report(experiment) => {
            let (mut session, settings) = begin(compute, experiment)?;
            let found = block_on(session.run(&settings.run, &Control::unstoppable(), &mut |_| {}))?;
            found.not_finite.iter().for_each(|place| eprintln!("{place}"));
            println!("{}", serde_json::to_string_pretty(&Report { settings, found })?);
        }
        Computation::Measure { what, out, experiment } => {
            let what = Measurement::from(*what);
            if what != Measurement::Sweep && experiment.shard != Shard::default() {
                return Err(Error::NotDivided);
            }
            let (mut results, known) = match out {
                Some(path) if what == Measurement::Sweep => Results::at(path)?,
                Some(path) => (Results::new(path)?, vec![]),
                None => (Results::Printed, vec![]),
            };
            let (mut session, settings) = begin(compute, experiment)?;
            session.use_shard(experiment.shard.clone().without(known));
            let mut failed = None;
            // A result that cannot be written stops the measurement.
            let newest = Rc::new(Cell::new(0));
            let control = Control::new(newest.clone(), 0, Rc::new(|| Box::pin(async {})));
            // Progress goes to standard error, results to standard output or the file as they come.
            let mut tell = |event: RunEvent| match &event {
                RunEvent::Working { what, done, total } => tell_progress(what, *done, *total),
                event => {
                    if let Err(why) = results.tell(event) {
                        failed = Some(why);
                        newest.set(1);
                    }
                }
            };
            let done = block_on(session.measure(&settings.run, &settings.measure, what, &control, &mut tell));
            if let Some(why) = failed {
                return Err(Error::NotWritten { path: out.clone().unwrap_or_else(|| "standard output".into()), why });
            }
            done?;
        }
        Computation::Fidelity { plans, several, experiment } => {
            if plans.is_some() && experiment.pruning.names_a_plan() {
                return Err(Error::PlansTwice);
            }
            let plans = plans.as_deref().map(given_plan::read_list).transpose()?;
            let (mut session, settings) = begin(compute, experiment)?;
            match plans {
                Some(plans) => fidelity::compare_several(&mut session, &settings, plans, several)?,
                None => fidelity::compare(&mut session, &settings, several)?,
            }
        }
        Computation::Bench(experiment) => {
            let (mut session, settings) = begin(compute, experiment)?;
            let mut tell = |event: RunEvent| match event {
                RunEvent::Working { what, done, total } => tell_progress(&what, done, total),
                RunEvent::Speed { report } => {
                    eprintln!();
                    let on_cpu = report.threads > 0;
                    print!(
                        "{}{}",
                        if on_cpu { format!("{}\n\n", processor()) } else { String::new() },
                        speed::table_markdown(&report)
                    );
                }
                _ => {}
            };
            block_on(session.measure(
                &settings.run,
                &settings.measure,
                Measurement::Speed,
                &Control::unstoppable(),
                &mut tell,
            ))?;
        }
        Computation::Record { measure, neighbours, also, out, link, experiment } => {
            let (mut session, mut settings) = begin(compute, experiment)?;
            settings.models.model = link.clone().unwrap_or_else(|| experiment.model.to_string_lossy().into_owned());
            let what: Vec<Measurement> = measure.iter().copied().map(Measurement::from).collect();
            let mut trace = block_on(record::record(&mut session, &settings, &what, also))?;
            if let Some(file) = neighbours {
                let around = block_on(record::record_neighbours(&mut session, &settings, &trace))?;
                match file {
                    Some(file) => record::write(&around, file)?,
                    None => trace.runs.extend(around.runs),
                }
            }
            record::write(&trace, out)?;
        }
    }
    Ok(())
}

/// Starts a session with the model and the task sets that the arguments name; returns it with the settings.
fn begin<C: Compute>(compute: C, experiment: &Experiment) -> Result<(Session<C>, Settings), Error> {
    let given = experiment.pruning.plan.as_deref().map(GivenPlan::read).transpose()?;
    // A wrong option or file is told before the model is read; which layers a recipe drops, the model tells.
    experiment.settings(PruningPlan::default())?;
    let questions = experiment.questions.as_deref().map(|path| set(path, tasks::choice::parse, Vec::is_empty));
    let retrieval = experiment.retrieval_set.as_deref();
    let retrieval = retrieval.map(|path| set(path, tasks::retrieval::parse, |set| set.queries.is_empty()));
    let (questions, retrieval) = (questions.transpose()?, retrieval.transpose()?);
    let calibration = calibration(&experiment.pruning)?;
    let text = |path: &PathBuf| Ok(KindText::new(&path.to_string_lossy(), &read(path)?));
    let texts = experiment.text.iter().map(text).collect::<Result<_, Error>>()?;
    let model = load(&experiment.model, compute.clone())?;
    let mut session = Session::new(model, &experiment.model.to_string_lossy(), milliseconds);
    if let Some(path) = &experiment.other {
        session.compare_with(load(path, compute)?, &path.to_string_lossy())?;
    }
    let plan = given.map(|given| given.plan(session.info().config.layers)).transpose()?;
    let settings = experiment.settings(plan.unwrap_or_default())?;
    if let Some(path) = &experiment.save_plan {
        let text = plan_file::write(&settings.run.plan);
        fs::write(path, text).map_err(|why| Error::NotWritten { path: path.clone(), why })?;
    }
    session.info().notices.iter().for_each(|notice| eprintln!("{notice}"));
    prepare(&mut session, &calibration, &experiment.pruning);
    session.search_on(SearchTokens { judged: experiment.search_tokens.unwrap_or_default(), held_out: 0 });
    session.use_questions(questions.unwrap_or_default());
    session.use_retrieval_set(retrieval.unwrap_or_default());
    session.use_texts(texts);
    Ok((session, settings))
}

/// Reads the calibration text; empty if none is given, which stands for the built-in one.
fn calibration(pruning: &PruningOptions) -> Result<String, Error> {
    Ok(pruning.calibration.as_deref().map(read).transpose()?.unwrap_or_default())
}

/// Gives a session the calibration text and the size of the fits.
fn prepare<C: Compute>(session: &mut Session<C>, calibration: &str, pruning: &PruningOptions) {
    session.calibrate(calibration);
    session.fit_repairs_on(FitSize { tokens: pruning.fit_tokens, answers: pruning.fit_answers });
}

/// Tells on standard error how far a computation is, in place of what was told last; results go to standard output.
fn tell_progress(what: &str, done: usize, total: usize) {
    eprint!("\r{what}: {done} of {total}          ");
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|why| Error::Unreadable { path: path.into(), why })
}

/// Reads a set of tasks from a file. Reports lines that cannot be used; a set without usable lines is an error, so that
/// the built-in set does not silently replace it.
fn set<T, E: std::fmt::Display>(
    path: &Path,
    parse: impl Fn(&str) -> (T, Vec<E>),
    is_empty: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    let (set, errors) = parse(&read(path)?);
    errors.iter().for_each(|error| eprintln!("{}: {error}", path.display()));
    if is_empty(&set) { Err(Error::EmptySet { path: path.into() }) } else { Ok(set) }
}

/// Milliseconds since the first call.
fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0
}
