//! Builds, for the browser, what the rest of the engine cannot contain: `../kernels/src/fused.rs` and `../kernels/src/shared_memory.rs`,
//! see there; and says how the engine's programs are linked.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the linker makes of memory that threads share. Rust's own library for this target does not know of threads, which the
/// linker is not to check: only the kernels run on several.
const SHARED: [&str; 4] = ["--shared-memory", "--import-memory", "--max-memory=4294967296", "--no-check-features"];
/// What wasm-bindgen's start needs of such a program, and a helper.
const EXPORTED: [&str; 7] =
    ["__stack_pointer", "__tls_base", "__tls_size", "__tls_align", "__wasm_init_tls", "engine_join", "engine_help"];

fn main() {
    for source in ["few", "fused", "fused_few", "tiles", "shared_memory"] {
        println!("cargo::rerun-if-changed=../kernels/src/{source}.rs");
    }
    let in_browser = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32");
    if !in_browser {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives the folder"));
    fused(&out.join("fused.wasm"), &["--import-memory"]);
    fused(&out.join("fused_shared.wasm"), &SHARED);
    let object = out.join("shared_memory.o");
    // Instructions of threads and thread-local memory are not stable in Rust; in this one object they are all there is.
    compile("shared_memory", "lib", "+atomics,+bulk-memory", &["--emit=obj"], &object, true);
    println!("cargo::rustc-link-arg-bins={}", object.display());
    // The engine takes a function of the fused program into its own table.
    println!("cargo::rustc-link-arg-bins=--growable-table");
    for argument in SHARED {
        println!("cargo::rustc-link-arg-bin=worker={argument}");
    }
    for name in EXPORTED {
        println!("cargo::rustc-link-arg-bin=worker=--export={name}");
    }
}

/// Builds `../kernels/src/fused.rs`.
fn fused(to: &Path, link: &[&str]) {
    // A use of a stack of its own traps.
    let link: Vec<String> =
        link.iter().chain(&["-zstack-size=0"]).map(|argument| format!("-Clink-arg={argument}")).collect();
    // Places in loops stay as they are written: a browser adds constants to them at no cost.
    let options = ["-Cstrip=symbols", "-Cllvm-args=-disable-lsr"];
    let options: Vec<&str> = link.iter().map(String::as_str).chain(options).collect();
    compile("fused", "cdylib", "+simd128,+relaxed-simd", &options, to, false);
    let program = std::fs::read(to).expect("the compiler made the program");
    // They would be written into the memory that the program shares with the engine.
    assert!(!has_data(&program), "../kernels/src/fused.rs needs data of its own: simplify it");
}

fn compile(source: &str, kind: &str, features: &str, options: &[&str], to: &Path, unstable: bool) {
    let mut compiler = Command::new(env::var_os("RUSTC").expect("cargo gives the compiler"));
    if unstable {
        compiler.env("RUSTC_BOOTSTRAP", "1");
    }
    let status = compiler
        .arg(format!("../kernels/src/{source}.rs"))
        .args([
            "--edition=2024",
            "--target=wasm32-unknown-unknown",
            "-Copt-level=3",
            "-Cpanic=abort",
            "-Ccodegen-units=1",
        ])
        .arg(format!("--crate-type={kind}"))
        .arg(format!("-Ctarget-feature={features}"))
        .args(options)
        .arg("-o")
        .arg(to)
        .status()
        .expect("the compiler runs");
    assert!(status.success(), "../kernels/src/{source}.rs does not compile");
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
