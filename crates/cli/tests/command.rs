//! Runs the built program as users do.

use std::process::{Command, Output};

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
    for (arguments, sentence) in [
        (vec!["report", "--model", "/nowhere.gguf"], "/nowhere.gguf"),
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
