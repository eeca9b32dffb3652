//! Starts the relaxed SIMD program (`crates/relaxed-simd`) on the engine's memory, if the browser supports it.

use std::mem::transmute;

use js_sys::WebAssembly::{Instance, Module, Table};
use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};

use super::memory::is_shared;
use prunescope_kernels::matmul::{Gemm, Gemv, RelaxedSimd, use_relaxed_simd};

/// The program for unshared memory and for shared memory.
const PROGRAMS: [&[u8]; 2] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/relaxed_simd.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/relaxed_simd_shared.wasm")),
];

/// The running program, from which helpers start their own instance.
pub(crate) struct RelaxedSimdProgram {
    /// The compiled module.
    pub module: Module,
    /// The name of the engine's exported function table.
    pub table: JsValue,
    /// Its functions: `(name, index in the table)`.
    pub places: [(&'static str, u32); 2],
}

/// Makes the engine compute matrix products with the program; does nothing if the browser refuses it.
pub(crate) fn install() -> Option<RelaxedSimdProgram> {
    // Any failure is fine: the engine has its own kernels.
    try_to().ok().flatten()
}

fn try_to() -> Result<Option<RelaxedSimdProgram>, JsValue> {
    let bytes = Uint8Array::from(PROGRAMS[usize::from(is_shared())]);
    if !WebAssembly::validate(&bytes)? {
        return Ok(None);
    }
    let (environment, imports) = (Object::new(), Object::new());
    Reflect::set(&environment, &"memory".into(), &wasm_bindgen::memory())?;
    Reflect::set(&imports, &"env".into(), &environment)?;
    let module = Module::new(&bytes)?;
    let instance = Instance::new(&module, &imports)?;
    let functions: Table = wasm_bindgen::function_table().unchecked_into();
    let first = functions.grow(2)?;
    let places = [("gemm", first), ("gemv", first + 1)];
    for (name, place) in places {
        let function: Function = Reflect::get(&instance.exports(), &name.into())?.dyn_into()?;
        functions.set(place, &function)?;
    }
    let [gemm, gemv] = places.map(|(_, place)| place as usize);
    // SAFETY: on wasm a function pointer is its index in the table, and build.rs has checked the functions' types.
    use_relaxed_simd(unsafe {
        RelaxedSimd { gemm: transmute::<usize, Gemm>(gemm), gemv: transmute::<usize, Gemv>(gemv) }
    });
    let exports: Object = wasm_bindgen::exports().unchecked_into();
    let is_table = |name: &JsValue| Reflect::get(&exports, name).is_ok_and(|export| export == **functions);
    let table = Object::keys(&exports).iter().find(is_table).unwrap_or_default();
    Ok(Some(RelaxedSimdProgram { module, table, places }))
}
