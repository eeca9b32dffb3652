//! Runs the built program as users do.

use std::process::{Command, Output};

use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::prune::{PlanFile, PruningPlan};
use prunescope_protocol::settings::{Settings, link};
use prunescope_protocol::trace::{RecordedRun, Trace};
use serde_json::Value;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tiny.gguf");

fn prunescope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prunescope")).args(arguments).output().unwrap()
}

fn report(threads: &str) -> Value {
    let arguments =
        ["report", "--model", TINY, "--drop", "m2", "--tokens", "4", "--prompt", "The river", "--threads", threads];
    let output = prunescope(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report.as_object_mut().unwrap().remove("timings_ms").unwrap();
    report
}

#[test]
fn a_report_is_the_same_whatever_number_of_threads_computes() {
    let one = report("1");
    assert_eq!(one["settings"]["drop"], "m2");
    assert!(one["next_token"]["cos_p"].as_f64().is_some_and(|cos| cos < 1.0));
    assert_eq!(report("3"), one);
}

#[test]
fn a_measurement_prints_an_object_a_line() {
    let output = prunescope(&["measure", "compare", "--model", TINY, "--tokens", "3", "--compare", "no MLP*m2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let kinds: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(kinds, ["variant", "measured"]);
}

#[test]
fn parts_of_a_sweep_make_the_sweep() {
    let folder = std::env::temp_dir().join(format!("prunescope-shards-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let sweep = ["measure", "sweep", "--model", TINY, "--sample", "2", "--sweep", "sparsity"];
    let whole = prunescope(&sweep).stdout;
    let part = |index: usize| folder.join(format!("{index}.jsonl")).to_str().unwrap().to_owned();
    let measure = |index: usize| {
        let (shard, out) = (format!("{index}/3"), part(index));
        assert!(prunescope(&[&sweep[..], &["--shard", &shard, "--out", &out]].concat()).status.success());
    };
    (1..=3).for_each(measure);
    let merge = || prunescope(&["merge", &part(2), &part(1), &part(3)]);
    assert_eq!(merge().stdout, whole);
    // One was ended in the middle of its second point, and goes on.
    let text = std::fs::read_to_string(part(2)).unwrap();
    let second = text.match_indices("{\"type\":\"sweep_point\"").nth(1).unwrap().0;
    std::fs::write(part(2), &text[..second + 30]).unwrap();
    let said = String::from_utf8_lossy(&merge().stderr).into_owned();
    assert!(said.contains("the parts lack 5"), "{said}");
    measure(2);
    assert_eq!(merge().stdout, whole);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_plan_is_written_for_other_programs() {
    let recipe = |arguments: &[&str]| {
        let output = prunescope(&[&["recipe"], arguments, &["--layers", "4"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        String::from_utf8(output.stdout).map(|text| if output.status.success() { text } else { said }).unwrap()
    };
    let found = recipe(&["llama-quantize", "--parts", "b1,b2", "--model", "m.gguf"]);
    assert_eq!(found, "llama-quantize --prune-layers 1,2 m.gguf pruned-m.gguf COPY\n");
    assert!(recipe(&["mergekit", "--parts", "a1"]).contains("filter: o_proj"));
    assert!(recipe(&["llm-compressor", "--parts", "wanda-0.5"]).contains("WandaPruningModifier"));
    assert!(recipe(&["llm-compressor", "--parts", "b1"]).contains("llm-compressor cannot do b1"));
}

#[test]
fn the_fidelity_is_a_table_of_every_text() {
    let text = std::env::temp_dir().join(format!("prunescope-text-{}.txt", std::process::id()));
    std::fs::write(&text, "The river runs past the mill and the old stone bridge. ".repeat(30)).unwrap();
    let text = text.to_str().unwrap();
    let output = prunescope(&["fidelity", "--model", TINY, "--drop", "m2", "--repair", "bias", "--text", text]);
    let said = String::from_utf8(output.stdout).unwrap();
    let rows = said.lines().filter(|line| line.starts_with('|')).count();
    assert_eq!(rows, 2 + 2 * 2, "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(text), "{said}");
    std::fs::write(text, "a").unwrap();
    let output = prunescope(&["fidelity", "--model", TINY, "--drop", "m2", "--text", text]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("too few tokens"));
    std::fs::remove_file(text).unwrap();
}

#[test]
fn several_plans_are_compared_by_one_command() {
    let folder = std::env::temp_dir().join(format!("prunescope-plans-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let text = path("text.txt", &"The river runs past the mill and the old stone bridge. ".repeat(30));
    path(
        "merge.yaml",
        &String::from_utf8(prunescope(&["recipe", "mergekit", "--parts", "b3", "--layers", "4"]).stdout).unwrap(),
    );
    let plans = path(
        "plans.txt",
        "# A plan, a link, a recipe.\nm2_repair-bias\n\nhttps://example.com/?drop=a1&view=sweep\nmerge.yaml\n",
    );
    let fidelity = |plans: &str, more: &[&str]| {
        let output = prunescope(&[&["fidelity", "--model", TINY, "--text", &text, "--plans", plans], more].concat());
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let lines = |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let together = lines(&fidelity(&plans, &["--tasks"]).0);
    let named: Vec<_> = together.iter().map(|line| line["plan"].as_str().unwrap()).collect();
    assert_eq!(named, ["m2_repair-bias", "a1", "b3"]);
    let alone = lines(&fidelity(&plans, &["--together", "1"]).0);
    for (line, alone) in together.iter().zip(&alone) {
        assert!(
            line["memory"]["plan_bytes"].as_u64().unwrap() > 0
                && line["all"]["pruned"]["kl_mean"]["value"].as_f64().unwrap() > 0.0
        );
        assert!(agree(&line["all"], &alone["all"]), "{line} {alone}");
        let flips = line["flips"].as_array().unwrap();
        assert_eq!(flips.len(), 4, "two scores of multiple choice, two poolings");
        assert!(flips.iter().all(|of| of["pruned"]["of"].as_u64().unwrap() > 0));
        assert_eq!(flips.iter().all(|of| of["repaired"].is_object()), line["plan"] == "m2_repair-bias");
    }
    let (table, said) = fidelity(&plans, &["--table"]);
    assert_eq!(table.lines().count(), 2 + 3 + 1, "the dense model, too: {table} {said}");
    let (_, said) = fidelity(&path("wrong.txt", "m2\nnothing.yaml\n"), &[]);
    assert!(said.contains("wrong.txt, line 2: "), "{said}");
    assert!(fidelity(&plans, &["--drop", "m1"]).1.contains("--plans names the plans"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_plan_is_read_from_another_programs_recipe() {
    let folder = std::env::temp_dir().join(format!("prunescope-recipe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (given, saved) = (folder.join("recipe.yaml"), folder.join("plan.json"));
    let [given, saved] = [&given, &saved].map(|path| path.to_str().unwrap());
    for (program, plan) in [("mergekit", "b2,a3"), ("llm-compressor", "wanda-0.5_gptq4-g64_on-mlp_layers-1-2")] {
        let recipe = prunescope(&["recipe", program, "--parts", plan, "--layers", "4"]);
        std::fs::write(given, recipe.stdout).unwrap();
        assert!(
            prunescope(&["report", "--model", TINY, "--tokens", "2", "--plan", given, "--save-plan", saved])
                .status
                .success()
        );
        let read = PlanFile::read(&std::fs::read_to_string(saved).unwrap()).unwrap();
        let plan: PruningPlan = plan.parse().unwrap();
        assert_eq!(read.plan(&PruningPlan::default()), plan);
    }
    // The blocks that a merge keeps: the model's file tells which it lacks.
    let merge = prunescope(&["recipe", "mergekit", "--parts", "b3", "--layers", "4"]);
    std::fs::write(given, merge.stdout).unwrap();
    let smaller = folder.join("smaller.gguf");
    let output = prunescope(&["save", "--model", TINY, "--plan", given, "--out", smaller.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("blocks left out: 1"));
    std::fs::write(given, "merge_method: slerp\nslices: []\n").unwrap();
    let refused = prunescope(&["report", "--model", TINY, "--plan", given]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("recipe.yaml: prunescope cannot do merge_method slerp"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_plan_is_read_from_a_file_and_written_to_one() {
    let folder = std::env::temp_dir().join(format!("prunescope-plan-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (given, saved, config) = (folder.join("config.json"), folder.join("plan.json"), folder.join("other.json"));
    std::fs::write(&given, r#"{"model_type": "llama", "drop_attn_list": [1], "drop_mlp_list": [2, 3]}"#).unwrap();
    std::fs::write(&config, r#"{"model_type": "llama"}"#).unwrap();
    let [given, saved, config] = [&given, &saved, &config].map(|path| path.to_str().unwrap());
    let drop = |plan: &str, more: &[&str]| {
        let arguments = ["report", "--model", TINY, "--tokens", "2", "--plan", plan];
        let output = prunescope(&[&arguments, more].concat());
        let report: Result<Value, _> = serde_json::from_slice(&output.stdout);
        report
            .map(|report| report["settings"].clone())
            .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let first = drop(given, &["--sparse", "magnitude-0.3", "--save-plan", saved]).unwrap();
    assert_eq!((&first["drop"], &first["sparse"]), (&"a1,m2,m3".into(), &"magnitude-0.3".into()));
    let again = drop(saved, &[]).unwrap();
    assert_eq!((&again["drop"], &again["sparse"]), (&first["drop"], &first["sparse"]));
    let refused = drop(config, &[]).unwrap_err();
    assert!(refused.contains("other.json") && refused.contains("neither drop_attn_list nor"), "{refused}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_wrong_is_a_sentence_and_no_result() {
    let empty = std::env::temp_dir().join(format!("prunescope-empty-set-{}.jsonl", std::process::id()));
    std::fs::write(&empty, "no line of a set\n").unwrap();
    let empty = empty.to_str().unwrap();
    // A model whose plan can be saved, but which does not load: it names no kind of tokenizer.
    let nameless = std::env::temp_dir().join(format!("prunescope-nameless-{}.gguf", std::process::id()));
    let mut bytes = std::fs::read(TINY).unwrap();
    let key = b"tokenizer.ggml.model";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    bytes[at] = b'T';
    std::fs::write(&nameless, bytes).unwrap();
    let nameless = nameless.to_str().unwrap();
    let saving = ["save", "--model", nameless, "--sparse", "wanda-0.5", "--out", "/nowhere/x.gguf"];
    for (arguments, sentence) in [
        (vec!["report", "--model", "/nowhere.gguf"], "/nowhere.gguf"),
        // A wrong option is told before the model is read.
        (vec!["report", "--model", "/nowhere.gguf", "--calibration", "/nothing.txt"], "/nothing.txt"),
        (vec!["fidelity", "--model", "/nowhere.gguf", "--text", "/nothing.txt"], "/nothing.txt"),
        (saving.to_vec(), "tokenizer"),
        ([&saving[..], &["--calibration", "/nothing.txt"]].concat(), "/nothing.txt"),
        (vec!["measure", "choice", "--model", TINY, "--questions", empty], "has no line that can be used"),
        (vec!["measure", "retrieval", "--model", TINY, "--retrieval-set", empty], "has no line that can be used"),
        (vec!["report", "--model", TINY, "--tokens", "100000"], "tokens was 100000"),
    ] {
        let output = prunescope(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {said}");
        assert!(said.contains(sentence) && said.contains("prunescope: "), "{arguments:?}: {said}");
    }
    std::fs::remove_file(empty).unwrap();
    std::fs::remove_file(nameless).unwrap();
}

#[test]
fn a_model_is_saved_without_what_is_dropped() {
    let out = std::env::temp_dir().join(format!("prunescope-{}-saved.gguf", std::process::id()));
    let out = out.to_str().unwrap();
    let saved = prunescope(&["save", "--model", TINY, "--drop", "b1,a3", "--out", out]);
    let said = String::from_utf8_lossy(&saved.stderr).into_owned();
    assert!(
        saved.status.success() && said.contains("blocks left out: 1") && said.contains("take their place: a3"),
        "{said}"
    );
    let report = prunescope(&["report", "--model", out, "--tokens", "2"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["model"]["layers"], 3);
    std::fs::remove_file(out).unwrap();
    let refused = prunescope(&["save", "--model", TINY, "--drop", "b9", "--out", out]);
    assert!(!refused.status.success() && !std::path::Path::new(out).exists());
}

#[test]
fn a_repaired_model_is_saved_as_a_folder_that_is_a_model_again() {
    let out = std::env::temp_dir().join(format!("prunescope-{}-saved", std::process::id()));
    let path = out.to_str().unwrap();
    let plan = ["--model", TINY, "--drop", "a1,m2", "--repair", "scale", "--sparse", "wanda-0.3"];
    let saved = prunescope(&[&["save"], &plan[..], &["--weights", "f32", "--out", path]].concat());
    let said = String::from_utf8_lossy(&saved.stderr).into_owned();
    assert!(saved.status.success(), "{said}");
    assert!(said.contains("repairs folded into weights: a1,m2") && said.contains("attentions of: 1"), "{said}");
    assert!(said.contains("matrices with changed weights") && said.contains("5 blocks, "), "{said}");
    let likeliest = |arguments: &[&str], model: &str| -> Vec<Value> {
        let report: Value = serde_json::from_slice(&prunescope(arguments).stdout).unwrap();
        let next = if report["repaired"].is_null() { &report["next_token"] } else { &report["repaired"]["next_token"] };
        next["top"][model].as_array().unwrap().iter().map(|token| token["id"].clone()).collect()
    };
    let pruned = likeliest(&[&["report", "--tokens", "2"], &plan[..]].concat(), "pruned");
    assert_eq!(likeliest(&["report", "--tokens", "2", "--model", path], "dense"), pruned);
    let again = prunescope(&["save", "--model", TINY, "--drop", "b1", "--out", path]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
    std::fs::remove_dir_all(&out).unwrap();
}

#[test]
fn the_help_teaches() {
    let help = String::from_utf8(prunescope(&["report", "--help"]).stdout).unwrap();
    for option in ["--model", "--drop", "--sparse", "--threads", "a7 attention"] {
        assert!(help.contains(option), "{option}: {help}");
    }
    let help = String::from_utf8(prunescope(&["--help"]).stdout).unwrap();
    assert!(help.contains("prunescope report --model model.gguf"), "{help}");
}

/// Reads a trace that was recorded, and returns what each run's events are called.
fn recorded(path: &std::path::Path) -> (Trace, Vec<Vec<&'static str>>) {
    let trace = Trace::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    let names = trace.runs.iter().map(|run| run.events.iter().map(RunEvent::name).collect()).collect();
    (trace, names)
}

#[test]
fn a_trace_holds_the_run_its_measurements_and_the_plans_around() {
    let path = std::env::temp_dir().join(format!("prunescope-trace-{}.json", std::process::id()));
    let around = path.with_extension("around.json");
    let [out, around_out] = [&path, &around].map(|path| path.to_str().unwrap());
    let output = prunescope(&[
        "record",
        "--model",
        TINY,
        "--link",
        "there/tiny.gguf",
        "--drop",
        "m2",
        "--tokens",
        "3",
        "--measure",
        "switches,retrieval",
        "--neighbours",
        around_out,
        "--out",
        out,
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (trace, names) = recorded(&path);
    let (neighbours, names_around) = recorded(&around);
    [path, around].iter().for_each(|path| std::fs::remove_file(path).unwrap());
    assert_eq!(
        (trace.model.source.as_str(), trace.runs[0].settings.models.model.as_str()),
        ("there/tiny.gguf", "there/tiny.gguf")
    );
    let first = &names[0];
    assert_eq!(first[0], "next_token");
    for name in ["step", "fixed_trajectory", "quality", "layers", "damage", "importance", "switches", "retrieval"] {
        assert!(first.contains(&name), "{name}: {first:?}");
    }
    assert!(!first.contains(&"working") && !first.contains(&"done"));
    assert_eq!(names.len(), 1);
    // Every switch of the four blocks, at least; each with its number and its text.
    assert!(names_around.len() > 8);
    let is_short =
        |names: &Vec<&str>| names[0] == "next_token" && names.contains(&"step") && !names.contains(&"layers");
    assert!(names_around.iter().all(is_short), "{names_around:?}");
    assert!(neighbours.importance().is_some());
    let mut settings = trace.runs[0].settings.clone();
    settings.run.plan = "a1,m2".parse().unwrap();
    assert!(neighbours.find(&settings.models, &settings.run).is_some());
}

#[test]
fn the_published_schema_is_that_of_this_program() {
    let published = include_str!("../../../public/trace.schema.json");
    let output = prunescope(&["schema"]);
    assert!(String::from_utf8_lossy(&output.stdout) == published, "run `make schema`");
}

/// Whether two JSON values are the same, with floats to 1e-3 of the larger, or 1e-5.
fn agree(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-5 + 1e-3 * a.abs().max(b.abs())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| agree(value, other)))
        }
        _ => a == b,
    }
}

/// Whether a run that is recorded again has the known one's numbers and texts.
fn holds_to(known: &RecordedRun, again: &RecordedRun) {
    let plan = known.settings.run.plan.to_string();
    assert_eq!(known.settings.run, again.settings.run);
    let events = |run: &RecordedRun| -> Vec<Value> {
        let kept = run.events.iter().filter(|event| {
            matches!(event, RunEvent::NextToken { .. } | RunEvent::Quality { .. } | RunEvent::Variant { .. })
        });
        kept.map(|event| serde_json::to_value(event).unwrap()).collect()
    };
    assert_eq!(events(known).len(), events(again).len(), "{plan}");
    for (a, b) in events(known).iter().zip(&events(again)) {
        assert!(agree(a, b), "{plan}:\n{a}\n{b}");
    }
    let texts = |run: &RecordedRun| {
        let tokens = run.events.iter().filter_map(|event| {
            if let RunEvent::Step { step } = event { Some((step.dense.clone(), step.pruned.clone())) } else { None }
        });
        tokens.collect::<Vec<_>>()
    };
    assert_eq!(texts(known), texts(again), "{plan}");
}

/// The recorded runs of the site are what this program records: the example, and every twentieth of its neighbours.
#[test]
fn the_recorded_example_is_what_the_program_finds() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let model = root.join("public/models/SmolLM2-135M-Instruct.Q4_1.json");
    let (known, names) = recorded(&root.join("public/traces/example.json"));
    assert_eq!(known.runs[0].settings, Settings::example());
    assert!(names[0].contains(&"choice") && names[0].contains(&"retrieval"));
    let (neighbours, _) = recorded(&root.join("public/traces/neighbours.json"));
    assert!(neighbours.runs.len() > 60);
    let path = std::env::temp_dir().join(format!("prunescope-example-{}.json", std::process::id()));
    let record_again = |options: &[&str]| {
        let common = ["record", "--model", model.to_str().unwrap(), "--link", "", "--out", path.to_str().unwrap()];
        let output = prunescope(&[&common, options].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        recorded(&path).0
    };
    for run in known.runs.iter().chain(&neighbours.runs).step_by(20) {
        let drop = run.settings.run.plan.drop.to_string();
        let again = record_again(&["--chat", "--prompt", &run.settings.run.prompt, "--drop", &drop]);
        holds_to(run, &again.runs[0]);
    }
    // The story's runs.
    let (known, names) = recorded(&root.join("public/traces/story.json"));
    assert!(known.runs.len() >= 3 && names.iter().any(|names| names.contains(&"variant")));
    for (run, names) in known.runs.iter().zip(&names) {
        let measured = if names.contains(&"variant") { "#compare" } else { "" };
        let also = format!("{}{measured}", link::to_query(&run.settings));
        holds_to(run, &record_again(&["--tokens", "1", "--also", &also]).runs[1]);
    }
    std::fs::remove_file(&path).unwrap();
}
