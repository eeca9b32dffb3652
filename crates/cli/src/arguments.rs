//! The command-line arguments, and their conversion to settings.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use prunescope_engine::experiment::repair::MIN_TOKENS;
use prunescope_engine::shard::Shard;
use prunescope_protocol::messages::Measurement;
use prunescope_protocol::prune::recipe::Program;
use prunescope_protocol::prune::{
    DroppedSublayers, HeadRepair, ImportanceInput, LayerRange, MatrixGroup, PruningPlan, Quantization, Repair, Sparsity,
};
use prunescope_protocol::settings::{MeasureSettings, RunSettings, Settings, SweepAxis, Variant, link};
use prunescope_quant::TensorType;
use strum::VariantArray;

use crate::error::Error;

/// Prune a small language model and measure where the signal is lost: in the hidden states, the logits, the
/// probabilities, the text.
#[derive(Debug, Parser)]
#[command(name = "prunescope", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Shown under the help.
const EXAMPLES: &str = "\
Examples:
  prunescope report --model model.gguf --prompt \"What is the capital of France?\" --chat --drop a7,a26
  prunescope report --model model.gguf --sparse wanda-0.5 --quant awq4-g64 --on mlp --tokens 32
  prunescope report --model model.gguf --plan config.json --repair scale --save-plan plan.json
  prunescope measure judge --model model.gguf --drop m17,m16 --sample 50
  prunescope fidelity --model model.gguf --drop m17,m16 --repair scale
  prunescope fidelity --model model.gguf --plans plans.txt --table --tasks
  prunescope record --model model.gguf --drop m17,m16 --chat --measure choice,retrieval --out trace.json
  prunescope save --model model.gguf --drop b13,b14 --head temperature --out smaller.gguf
  prunescope serve --model model.gguf --site dist
  prunescope recipe mergekit --parts b13,b14 --layers 30 --model HuggingFaceTB/SmolLM2-135M-Instruct
  prunescope measure sweep --model model.gguf --shard 1/4 --out part1.jsonl
  prunescope measure compare --model model.gguf --compare \"half of the weights*wanda-0.5\"

MODEL is a .gguf file, a manifest with its parts beside it, or a folder as a Hugging Face repository is.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Compute(Box<Computation>),
    /// Save the pruned and repaired model: as a GGUF file, or as a folder of safetensors that transformers reads.
    ///
    /// A block that is dropped whole is left out. A single attention or MLP becomes zero. Repairs are folded into weights where they fold (in
    /// models of the architecture llama, and the head's temperature); what does not fold is refused.
    Save(Box<SaveArguments>),
    /// Compute for pages: they attach by ?engine=ws://…, as printed.
    ///
    /// Only this machine's pages can attach, and those of --allow-origin. At another address than this machine's own a token is asked for.
    Serve(ServeArguments),
    /// Write a plan as another program's recipe: a command of llama-quantize, or YAML for mergekit or LLM Compressor.
    ///
    /// The last two name matrices as Llama and most families after it do (o_proj, down_proj).
    Recipe {
        /// The program: llama-quantize, mergekit or llm-compressor.
        program: Program,
        /// A file with the plan, as for `report`: JSON, or a recipe in YAML.
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
        /// The plan as a link writes it, its parts joined by _ (b3,b7 or wanda-0.5_gptq4-g64).
        #[arg(long, value_name = "PLAN", default_value_t, conflicts_with = "plan")]
        parts: PruningPlan,
        /// Number of the model's layers.
        #[arg(long, value_name = "N")]
        layers: usize,
        /// What the recipe calls the model.
        #[arg(long, value_name = "NAME", default_value = "model")]
        model: String,
    },
    /// Put the parts of a sweep together, as if one program had measured it.
    Merge {
        /// The files that `measure sweep --shard` wrote.
        #[arg(required = true, value_name = "FILE")]
        parts: Vec<PathBuf>,
    },
    /// Print the JSON Schema of what `record` writes.
    Schema,
}

/// The options of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// The model: a .gguf file, a manifest next to its parts, or a folder with the files of a Hugging Face repository.
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// The address to listen at; 0.0.0.0 for all of this machine's.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// The port; 0 for a free one.
    #[arg(long, value_name = "N", default_value_t = 8765)]
    pub port: u16,
    /// Serve the page, too: the folder of the built site (dist).
    #[arg(long, value_name = "DIR")]
    pub site: Option<PathBuf>,
    /// Let pages of this origin attach, such as https://you.github.io; several times for several origins.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub allow_origin: Vec<String>,
    /// The token that pages must give; a random one if the address is not this machine's own.
    #[arg(long, value_name = "TEXT", value_parser = token)]
    pub token: Option<String>,
    /// Largest number of pages at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub visitors: usize,
    /// The device to compute on.
    #[arg(long, value_enum, default_value_t = BackendName::Cpu)]
    pub backend: BackendName,
    /// Number of CPU threads; all cores by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// What the engine computes.
#[derive(Debug, Subcommand)]
pub(crate) enum Computation {
    /// Compare the dense and the pruned model at a prompt and over the texts they write; print the page's JSON.
    Report(Experiment),
    /// Run a measurement and print its results, one JSON object a line.
    Measure {
        /// The measurement to run.
        what: MeasurementName,
        /// Write the results to this file instead. A sweep that was stopped goes on with the points that the file lacks; any other measurement
        /// begins the file anew.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The model, the plan and the options.
        #[command(flatten)]
        experiment: Experiment,
    },
    /// Compare the pruned and the repaired model with the dense one on texts of six kinds; print a table in Markdown.
    ///
    /// The numbers are defined as those of `llama-perplexity --kl-divergence`. `measure text-fidelity` prints them as JSON.
    Fidelity {
        /// Compare several plans: a file with one a line, written as a link does (m17,m16_repair-scale or wanda-0.5_awq4-g64), or the link of a
        /// page, or the path of a plan's file. Prints one JSON object a line and plan.
        #[arg(long, value_name = "FILE")]
        plans: Option<PathBuf>,
        /// How they are compared and printed.
        #[command(flatten)]
        several: FidelityOptions,
        /// The model, the plan and the options.
        #[command(flatten)]
        experiment: Experiment,
    },
    /// Measure how fast the dense, the pruned and the repaired model read and write, each alone; print a table in Markdown.
    Bench(Experiment),
    /// Record a run, and measurements after it, as a trace that the page shows without a model.
    Record {
        /// Measurements to record after the run, joined by commas.
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        measure: Vec<MeasurementName>,
        /// Record the texts of neighbouring plans, too: each switch flipped, and the least important sublayers dropped. With a file they
        /// become a trace of their own there.
        #[arg(long, value_name = "FILE", num_args = 0..=1)]
        neighbours: Option<Option<PathBuf>>,
        /// A further run on the same model: a link's query, and behind # its measurements ("drop=m17&tokens=8#choice,retrieval"). Several
        /// times for several runs.
        #[arg(long, value_name = "LINK")]
        also: Vec<FurtherRun>,
        /// The file to write. The page also reads it compressed by gzip.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// What the trace calls the model, as a link does; empty for the page's default model.
        #[arg(long, value_name = "NAME")]
        link: Option<String>,
        /// The model, the plan and the options.
        #[command(flatten)]
        experiment: Experiment,
    },
}

/// The options of `fidelity`.
#[derive(Args, Debug)]
pub(crate) struct FidelityOptions {
    /// Ask the multiple-choice questions and the retrieval queries, too, and count flips: answers that change between right and wrong.
    #[arg(long)]
    pub tasks: bool,
    /// Print the plans of --plans as one table in Markdown.
    #[arg(long, requires = "plans")]
    pub table: bool,
    /// How many plans of --plans read the texts together. The dense model reads them once for all of these; each plan that removes or rounds
    /// weights keeps its own copy of them meanwhile.
    #[arg(long, value_name = "N", default_value_t = 8, requires = "plans", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub together: u16,
}

/// A further run that a trace records.
#[derive(Clone, Debug)]
pub(crate) struct FurtherRun {
    /// Its settings.
    pub settings: Settings,
    /// The measurements after it.
    pub measure: Vec<Measurement>,
}

impl FromStr for FurtherRun {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (query, names) = text.split_once('#').unwrap_or((text, ""));
        let (settings, notices) = link::from_query(query);
        if !notices.is_empty() {
            return Err(notices.join(" "));
        }
        let names = names.split(',').filter(|name| !name.is_empty());
        let measure = names.map(|name| MeasurementName::from_str(name, false).map(Measurement::from));
        Ok(Self { settings, measure: measure.collect::<Result<_, _>>()? })
    }
}

/// The name of a measurement.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum MeasurementName {
    /// Write the text of each plan of --compare.
    Compare,
    /// Let both models answer multiple-choice questions.
    Choice,
    /// Let both models retrieve passages.
    Retrieval,
    /// Let both models do a sample of every task set, and say what the plan is good for.
    Judge,
    /// Measure what flipping each switch would do at the prompt.
    Switches,
    /// Measure how far the pruned and the repaired model are from the dense one on a text that no fit has seen.
    Fidelity,
    /// The same on texts of several kinds, with what quantizers report: percentiles of KL, the change of the right token's probability, perplexities.
    TextFidelity,
    /// Measure how fast the dense, the pruned and the repaired model read and write, each alone, and what cache and matrices take.
    Speed,
    /// Let the dense model write its own answers to everyday questions, on which larger repairs are fitted.
    OwnAnswers,
    /// Measure whether the full map would repair the plan better than its smaller repair.
    FullRepair,
    /// Do a sample of every task set at every point of --sweep.
    Sweep,
    /// Find the sublayers to drop by several methods, up to --budget of those of --search.
    Search,
}

impl From<MeasurementName> for Measurement {
    fn from(name: MeasurementName) -> Self {
        match name {
            MeasurementName::Compare => Self::Compare,
            MeasurementName::Choice => Self::Choice,
            MeasurementName::Retrieval => Self::Retrieval,
            MeasurementName::Judge => Self::Judge,
            MeasurementName::Fidelity => Self::Fidelity,
            MeasurementName::TextFidelity => Self::TextFidelity,
            MeasurementName::Speed => Self::Speed,
            MeasurementName::Switches => Self::Switches,
            MeasurementName::OwnAnswers => Self::OwnAnswers,
            MeasurementName::FullRepair => Self::FullRepair,
            MeasurementName::Sweep => Self::Sweep,
            MeasurementName::Search => Self::Search,
        }
    }
}

/// The device to compute on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// The CPU, with the number of threads given by --threads.
    Cpu,
    /// A GPU, if the program was built with `--features vulkan`.
    Gpu,
}

/// The options of `save`.
#[derive(Args, Debug)]
pub(crate) struct SaveArguments {
    /// The model: a .gguf file, a manifest next to its parts, or a folder with the files of a Hugging Face repository.
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// The plan, and what it is made with.
    #[command(flatten)]
    pub pruning: PruningOptions,
    /// The type of matrices whose weights change, and of all numbers where a GGUF file becomes safetensors; everything else is copied as it is.
    #[arg(long, value_enum, default_value_t = WeightsName::F16)]
    pub weights: WeightsName,
    /// What to write: a file that ends in .gguf, or a new folder for safetensors.
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
}

/// The type of weights that are written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WeightsName {
    /// 16-bit floats.
    F16,
    /// 32-bit floats.
    F32,
}

impl From<WeightsName> for TensorType {
    fn from(name: WeightsName) -> Self {
        match name {
            WeightsName::F16 => Self::F16,
            WeightsName::F32 => Self::F32,
        }
    }
}

/// A plan, the texts that it is made with, and the device that computes.
#[derive(Args, Debug)]
pub(crate) struct PruningOptions {
    /// A file with the plan: JSON with drop_attn_list and drop_mlp_list, such as a model's config.json; or a recipe in YAML, of mergekit
    /// (passthrough) or LLM Compressor. The options below replace its parts.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Sublayers to drop: a7 attention, m17 MLP, b3 a whole block.
    #[arg(long, value_name = "LIST")]
    drop: Option<DroppedSublayers>,
    /// What replaces each dropped sublayer: bias, scale, full, or a rank (rank32).
    #[arg(long, value_name = "FORM")]
    repair: Option<Repair>,
    /// What is repaired at the head, whatever is pruned: temperature, bias or both.
    #[arg(long, value_name = "PART")]
    head: Option<HeadRepair>,
    /// Number of calibration tokens that a repair is fitted on; a third as many after them are kept out to check it.
    #[arg(long, value_name = "N", value_parser = fit_tokens)]
    pub fit_tokens: Option<usize>,
    /// Number of the dense model's own answers that a repair is fitted on, up to 32; a quarter of them is kept out.
    #[arg(long, value_name = "N")]
    pub fit_answers: Option<usize>,
    /// Weights to remove: magnitude, wanda or sparsegpt, with a share (wanda-0.5), a share that is uneven over the layers
    /// (wanda-0.5-owl) or a pattern (wanda-2:4).
    #[arg(long, value_name = "METHOD")]
    sparse: Option<Sparsity>,
    /// Rounding of weights: rtn, awq or gptq, with bits and group size (awq4-g64).
    #[arg(long, value_name = "METHOD")]
    quant: Option<Quantization>,
    /// Matrices that --sparse and --quant apply to: attn, mlp or all (the default).
    #[arg(long, value_name = "GROUP")]
    on: Option<MatrixGroup>,
    /// Layers that --sparse and --quant apply to, such as 4-20; all by default.
    #[arg(long, value_name = "RANGE")]
    layers: Option<LayerRange>,
    /// Calibration text for the methods that need one, instead of the built-in text.
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// The device to compute on.
    #[arg(long, value_enum, default_value_t = BackendName::Cpu)]
    pub backend: BackendName,
    /// Number of CPU threads; all cores by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

impl PruningOptions {
    /// The plan.
    ///
    /// * `file`: the plan of [`Self::plan`]'s file; the dense plan if there is none.
    pub(crate) fn plan(&self, file: PruningPlan) -> PruningPlan {
        PruningPlan {
            drop: self.drop.clone().unwrap_or(file.drop),
            repair: self.repair.or(file.repair),
            head: self.head.or(file.head),
            sparse: self.sparse.or(file.sparse),
            quant: self.quant.or(file.quant),
            on: self.on.unwrap_or(file.on),
            layers: self.layers.or(file.layers),
        }
    }

    /// Whether any part of a plan is given.
    pub(crate) fn names_a_plan(&self) -> bool {
        let weights = self.sparse.is_some() || self.quant.is_some() || self.on.is_some() || self.layers.is_some();
        weights || self.plan.is_some() || self.drop.is_some() || self.repair.is_some() || self.head.is_some()
    }

    /// Number of CPU threads.
    pub(crate) fn threads(&self) -> usize {
        threads(self.threads)
    }
}

/// A model, a plan, and the options of a run.
#[derive(Args, Debug)]
pub(crate) struct Experiment {
    /// The model: a .gguf file, a manifest next to its parts, or a folder with the files of a Hugging Face repository.
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// A second model of the same shape and tokens, such as a quantization of the first: the plan applies to it, and the first is the
    /// dense model.
    #[arg(long, value_name = "PATH")]
    pub other: Option<PathBuf>,
    /// The prompt for both models.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Format the prompt with the model's chat template.
    #[arg(long)]
    chat: bool,
    /// The plan, and what it is made with.
    #[command(flatten)]
    pub pruning: PruningOptions,
    /// Write the plan to this file, in the same form as --plan reads it.
    #[arg(long, value_name = "FILE")]
    pub save_plan: Option<PathBuf>,
    /// Multiple-choice questions as JSON lines, instead of the built-in set.
    #[arg(long, value_name = "FILE")]
    pub questions: Option<PathBuf>,
    /// Passages and queries as JSON lines, instead of the built-in set.
    #[arg(long, value_name = "FILE")]
    pub retrieval_set: Option<PathBuf>,
    /// A text to compare the models on, instead of the built-in ones; several times for several texts.
    #[arg(long, value_name = "FILE")]
    pub text: Vec<PathBuf>,
    /// Number of tokens that each model writes.
    #[arg(long, value_name = "N")]
    tokens: Option<usize>,
    /// Sampling temperature; 0 always takes the likeliest token.
    #[arg(long, value_name = "T")]
    temp: Option<f32>,
    /// Sample from the K likeliest tokens only; 0 is all.
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Sample only from the likeliest tokens that together reach this probability; 1 is all.
    #[arg(long, value_name = "P")]
    top_p: Option<f32>,
    /// Seed of the random numbers for sampling.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Temperature of the analysis; 0 is the sampling temperature, or 1 if that is 0.
    #[arg(long, value_name = "T")]
    analysis: Option<f32>,
    /// What importance compares: residual (x with x + f(x)) or normed (N(x) with f(N(x)), after the norm N).
    #[arg(long, default_value_t, value_parser = names::<ImportanceInput>())]
    importance: ImportanceInput,
    /// A plan to compare, as NAME*PLAN, with the plan's parts joined by _ (a7_wanda-0.5_on-mlp); up to four times.
    #[arg(long, value_name = "NAME*PLAN", value_parser = variant)]
    compare: Vec<Variant>,
    /// Measure a part of the sweep only: I/N, such as 1/4 for the first of four programs; `merge` puts the parts together.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    pub shard: Shard,
    /// What the sweep varies.
    #[arg(long, default_value_t, value_parser = names::<SweepAxis>())]
    sweep: SweepAxis,
    /// Number of items of each task set for judge and sweep; 0 is all.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// The kinds of sublayers that a search may drop: attn, mlp or all.
    #[arg(long, value_name = "GROUP", default_value = "all")]
    search: MatrixGroup,
    /// How many sublayers a search drops at most.
    #[arg(long, value_name = "N")]
    budget: Option<usize>,
    /// Number of calibration tokens on which a search judges candidates.
    #[arg(long, value_name = "N")]
    pub search_tokens: Option<usize>,
}

impl Experiment {
    /// The settings. A value outside its limits is an error here instead of a notice.
    ///
    /// * `file`: the plan of the options' file; the dense plan if there is none.
    pub(crate) fn settings(&self, file: PruningPlan) -> Result<Settings, Error> {
        let plan = self.pruning.plan(file);
        let default = Settings::default();
        let (run, measure) = (default.run, default.measure);
        let settings = Settings {
            run: RunSettings {
                prompt: self.prompt.clone().unwrap_or(run.prompt),
                chat: self.chat,
                plan,
                tokens: self.tokens.unwrap_or(run.tokens),
                temp: self.temp.unwrap_or(run.temp),
                top_k: self.top_k.unwrap_or(run.top_k),
                top_p: self.top_p.unwrap_or(run.top_p),
                seed: self.seed.unwrap_or(run.seed),
                analysis: self.analysis.unwrap_or(run.analysis),
                importance: self.importance,
            },
            measure: MeasureSettings {
                compare: self.compare.clone(),
                sweep: self.sweep,
                sample: self.sample.unwrap_or(measure.sample),
                search: self.search,
                budget: self.budget.unwrap_or(measure.budget),
            },
            models: default.models,
            view: default.view,
            token: default.token,
        };
        let (settings, corrected) = settings.checked();
        match corrected.into_iter().next() {
            Some(sentence) => Err(Error::Option(sentence)),
            None => Ok(settings),
        }
    }
}

/// The number of CPU threads; all cores if none is given.
pub(crate) fn threads(given: Option<u16>) -> usize {
    given.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// Parses an origin as browsers write it.
fn origin(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|why| format!("{why}"))?;
    match url.origin() {
        origin @ url::Origin::Tuple(..) if url.path() == "/" && url.query().is_none() => {
            Ok(origin.ascii_serialization())
        }
        _ => Err("give scheme, host and port only, such as https://you.github.io".into()),
    }
}

/// Parses a token, which stands in addresses.
fn token(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain && text.len() >= 8 { Ok(text.into()) } else { Err("give at least 8 letters and digits".into()) }
}

/// Parser for the names of a choice.
fn names<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + FromStr<Err = strum::ParseError> + Clone + Send + Sync + 'static,
    &'static str: From<&'static T>,
{
    PossibleValuesParser::new(T::VARIANTS.iter().map(<&'static str>::from)).try_map(|name| name.parse::<T>())
}

/// Parses the number of tokens that a repair is fitted on.
fn fit_tokens(text: &str) -> Result<usize, String> {
    let tokens: usize = text.parse().map_err(|error| format!("{error}"))?;
    if tokens < MIN_TOKENS { Err(format!("give at least {MIN_TOKENS}")) } else { Ok(tokens) }
}

/// Parses a named plan, written `NAME*PLAN`.
fn variant(text: &str) -> Result<Variant, String> {
    let (name, plan) = text.rsplit_once('*').ok_or("it has no *: write NAME*PLAN")?;
    Ok(Variant { name: name.into(), plan: plan.parse().map_err(|error| format!("{error}"))? })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn settings(arguments: &str) -> Result<Settings, Error> {
        let arguments = format!("prunescope report --model x.gguf {arguments}");
        let Command::Compute(computation) = Arguments::try_parse_from(arguments.split_whitespace()).unwrap().command
        else {
            panic!("the engine was asked for");
        };
        let Computation::Report(experiment) = *computation else { panic!("a report was asked for") };
        experiment.settings("a1,m2_wanda-0.3".parse().unwrap())
    }

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_not_given_is_as_on_the_page() {
        let run = RunSettings { chat: false, plan: "a1,m2_wanda-0.3".parse().unwrap(), ..RunSettings::default() };
        let expected = Settings { run, ..Settings::default() };
        assert_eq!(settings("").unwrap(), expected);
    }

    #[test]
    fn options_replace_parts_of_the_file() {
        let plan = |arguments| settings(arguments).unwrap().run.plan.to_string();
        assert_eq!(plan("--repair scale"), "a1,m2_repair-scale_wanda-0.3");
        assert_eq!(plan("--drop a7 --on mlp"), "a7_wanda-0.3_on-mlp");
        assert_eq!(plan("--sparse magnitude-2:4"), "a1,m2_magnitude-2:4");
    }

    #[test]
    fn parts_are_written_as_in_a_link() {
        let found = settings(
            "--drop a7,m17 --sparse wanda-0.5 --quant awq4-g64 --on mlp --layers 4-20 --compare two*wanda-2:4_on-mlp",
        );
        let found = found.unwrap();
        assert_eq!(found.run.plan.to_string(), "a7,m17_wanda-0.5_awq4-g64_on-mlp_layers-4-20");
        assert_eq!(
            (found.measure.compare[0].name.as_str(), found.measure.compare[0].plan.to_string()),
            ("two", "wanda-2:4_on-mlp".into())
        );
    }

    #[test]
    fn a_value_outside_its_limits_is_an_error() {
        assert_eq!(settings("--importance normed").unwrap().run.importance, ImportanceInput::Normed);
        assert!(settings("--tokens 100000").unwrap_err().to_string().contains("tokens was 100000"));
        assert!(settings("--budget 99").unwrap_err().to_string().contains("budget was 99"));
        for wrong in [
            "--drop x",
            "--sparse half",
            "--search heads",
            "--compare nothing",
            "--threads 0",
            "--fit-tokens 1",
            "--backend tpu",
            "--importance x",
        ] {
            let arguments = format!("prunescope report --model x.gguf {wrong}");
            assert!(Arguments::try_parse_from(arguments.split_whitespace()).is_err(), "{wrong}");
        }
    }
}
