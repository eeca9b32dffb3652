//! Builds `src/kernel/fused.rs` for the browser: see there.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/kernel/fused.rs");
    println!("cargo::rerun-if-changed=src/kernel/tiles.rs");
    let in_browser = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32");
    if !in_browser || env::var_os("CARGO_FEATURE_ENGINE").is_none() {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives the folder")).join("fused.wasm");
    let status = Command::new(env::var_os("RUSTC").expect("cargo gives the compiler"))
        .args([
            "src/kernel/fused.rs",
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "--target",
            "wasm32-unknown-unknown",
        ])
        .args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "strip=symbols"])
        .args(["-C", "target-feature=+simd128,+relaxed-simd", "-C", "link-arg=--import-memory"])
        // A use of a stack of its own traps.
        .args(["-C", "link-arg=-zstack-size=0"])
        .arg("-o")
        .arg(&out)
        .status()
        .expect("the compiler runs");
    assert!(status.success(), "src/kernel/fused.rs does not compile");
    let program = std::fs::read(&out).expect("the compiler made the program");
    // They would be written into the memory that the program shares with the engine.
    assert!(!has_data(&program), "src/kernel/fused.rs needs data of its own: simplify it");
    // The engine takes its function into its own table.
    println!("cargo::rustc-link-arg-bins=--growable-table");
}

/// Whether a WebAssembly program has a data section. Source: WebAssembly core specification 2.0, "Binary format, modules".
fn has_data(program: &[u8]) -> bool {
    const DATA: u8 = 11;
    let mut at = 8;
    while at < program.len() {
        let section = program[at];
        let (mut size, mut shift) = (0, 0);
        loop {
            at += 1;
            size |= usize::from(program[at] & 127) << shift;
            shift += 7;
            if program[at] < 128 {
                break;
            }
        }
        if section == DATA {
            return true;
        }
        at += 1 + size;
    }
    false
}
