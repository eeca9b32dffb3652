//! Builds the parts of the browser engine that need other compiler options, and passes linker options. All compiler
//! tricks are here; the outputs are checked, so that an incompatible compiler fails at build time and not in a browser.
//!
//! * `crates/relaxed-simd` becomes a separate program, which browsers without relaxed SIMD refuse;
//! * `crates/wasm-atomics` becomes an object file with the atomic instructions of WebAssembly threads, linked into the
//!   engine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmparser::{ExternalKind, KnownCustom, Linking, Operator, Parser, Payload, SymbolInfo, TypeRef, ValType};

/// Linker options for shared memory. Rust's standard library for this target is built without threads, a mismatch that
/// `--no-check-features` allows: only the kernels run on several threads.
const SHARED: [&str; 4] = ["--shared-memory", "--import-memory", "--max-memory=4294967296", "--no-check-features"];
/// Exports that wasm-bindgen's start of such a program and the helpers need.
const EXPORTED: [&str; 7] =
    ["__stack_pointer", "__tls_base", "__tls_size", "__tls_align", "__wasm_init_tls", "engine_join", "engine_help"];
/// The functions that `crates/relaxed-simd` exports.
const RELAXED_SIMD_EXPORTS: [&str; 2] = ["gemm", "gemv"];
/// The functions of `crates/wasm-atomics`.
const ATOMICS: [&str; 4] = ["shared_load", "shared_store", "shared_add", "shared_wake"];

fn main() {
    for member in ["relaxed-simd", "wasm-atomics"] {
        println!("cargo::rerun-if-changed=../{member}/src");
    }
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture != "wasm32") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives the folder"));
    relaxed_simd(&out.join("relaxed_simd.wasm"), &["--import-memory"], false);
    relaxed_simd(&out.join("relaxed_simd_shared.wasm"), &SHARED, true);
    let object = out.join("wasm_atomics.o");
    // Atomics and thread-local memory are unstable in Rust; only this object uses them.
    compile("wasm-atomics", "lib", "+atomics,+bulk-memory", &["--emit=obj"], &object, true);
    check_atomics(&std::fs::read(&object).expect("the compiler made the object"));
    println!("cargo::rustc-link-arg-bins={}", object.display());
    // The engine adds the relaxed SIMD program's functions to its own table.
    println!("cargo::rustc-link-arg-bins=--growable-table");
    for argument in SHARED {
        println!("cargo::rustc-link-arg-bin=worker={argument}");
    }
    for name in EXPORTED {
        println!("cargo::rustc-link-arg-bin=worker=--export={name}");
    }
}

/// Builds `crates/relaxed-simd` as a program, with or without shared memory, and checks it.
fn relaxed_simd(to: &Path, link: &[&str], shared: bool) {
    let link: Vec<String> =
        link.iter().chain(&["-zstack-size=0"]).map(|option| format!("-Clink-arg={option}")).collect();
    // Disable loop strength reduction: constant offsets in addresses cost nothing in WebAssembly.
    let options = ["-Cstrip=symbols", "-Cllvm-args=-disable-lsr"];
    let options: Vec<&str> = link.iter().map(String::as_str).chain(options).collect();
    compile("relaxed-simd", "cdylib", "+simd128,+relaxed-simd", &options, to, false);
    check_relaxed_simd(&std::fs::read(to).expect("the compiler made the program"), shared);
}

/// Asserts that the program can run on the engine's memory: it imports only that, exports the two functions, has no
/// start function, writes no data into the memory, and uses no stack.
fn check_relaxed_simd(program: &[u8], shared: bool) {
    let (mut imports, mut exports, mut types, mut functions) = (vec![], vec![], vec![], vec![]);
    for payload in Parser::new(0).parse_all(program) {
        match payload.expect("the compiler makes WebAssembly") {
            Payload::TypeSection(section) => {
                types.extend(section.into_iter_err_on_gc_types().map(|of| of.expect("a type of a function")));
            }
            Payload::FunctionSection(section) => {
                functions.extend(section.into_iter().map(|of| of.expect("a function")))
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.expect("an import");
                    imports.push((import.module, import.name, import.ty));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect("an export");
                    if export.kind == ExternalKind::Func {
                        exports.push((export.name, export.index));
                    }
                }
            }
            Payload::StartSection { .. } => panic!("crates/relaxed-simd runs something at its start"),
            Payload::DataSection(_) => panic!("crates/relaxed-simd needs data of its own: simplify it"),
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader().expect("code") {
                    let operator = operator.expect("an instruction");
                    let uses_stack = matches!(operator, Operator::GlobalGet { .. } | Operator::GlobalSet { .. });
                    assert!(!uses_stack, "crates/relaxed-simd uses a stack of its own: simplify it");
                    assert!(!matches!(operator, Operator::MemoryGrow { .. }), "crates/relaxed-simd asks for memory");
                }
            }
            _ => {}
        }
    }
    match &imports[..] {
        [("env", "memory", TypeRef::Memory(memory))] if memory.shared == shared && !memory.memory64 => {}
        other => panic!("crates/relaxed-simd imports {other:?}, and not only the engine's memory"),
    }
    for name in RELAXED_SIMD_EXPORTS {
        let index = exports
            .iter()
            .find(|(export, _)| *export == name)
            .unwrap_or_else(|| panic!("crates/relaxed-simd exports no {name}"))
            .1;
        let of = &types[functions[index as usize] as usize];
        assert!(
            of.params() == [ValType::I32] && of.results().is_empty(),
            "{name} of crates/relaxed-simd takes {of:?}, and not a pointer"
        );
    }
}

/// Asserts that the object calls no external functions, and has just the functions of [`ATOMICS`], one of which wakes
/// threads.
fn check_atomics(object: &[u8]) {
    let (mut bodies, mut notifies) = (0, 0);
    let mut names = vec![];
    for payload in Parser::new(0).parse_all(object) {
        match payload.expect("the compiler makes WebAssembly") {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.expect("an import");
                    assert!(!matches!(import.ty, TypeRef::Func(_)), "crates/wasm-atomics calls {}", import.name);
                }
            }
            Payload::CodeSectionEntry(body) => {
                bodies += 1;
                for operator in body.get_operators_reader().expect("code") {
                    notifies += usize::from(matches!(operator, Ok(Operator::MemoryAtomicNotify { .. })));
                }
            }
            Payload::CustomSection(section) => {
                let KnownCustom::Linking(linking) = section.as_known() else { continue };
                for subsection in linking.subsections() {
                    let Linking::SymbolTable(symbols) = subsection.expect("linking data") else { continue };
                    for symbol in symbols {
                        if let SymbolInfo::Func { name: Some(name), .. } = symbol.expect("a symbol") {
                            names.push(name.to_owned());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    for name in ATOMICS {
        assert!(names.iter().any(|known| known == name), "crates/wasm-atomics has no {name}, but {names:?}");
    }
    assert_eq!((bodies, notifies), (ATOMICS.len(), 1), "functions of crates/wasm-atomics, and those that wake");
}

/// Compiles one crate of the workspace that has no dependencies.
fn compile(member: &str, kind: &str, features: &str, options: &[&str], to: &Path, unstable: bool) {
    let mut compiler = Command::new(env::var_os("RUSTC").expect("cargo gives the compiler"));
    if unstable {
        compiler.env("RUSTC_BOOTSTRAP", "1");
    }
    let status = compiler
        .arg(format!("../{member}/src/lib.rs"))
        .arg(format!("--crate-name={}", member.replace('-', "_")))
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
    assert!(status.success(), "crates/{member} does not compile for the browser");
}
