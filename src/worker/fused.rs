//! Starts the program of `src/kernel/fused.rs` on the engine's memory, where the browser takes it.

use js_sys::WebAssembly::{Instance, Module, Table};
use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};

use super::helpers::is_shared;
use crate::kernel::multiply::{AddProducts, use_for_many};

/// The program, for memory of one program's own and for memory that threads share.
const PROGRAMS: [&[u8]; 2] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/fused.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/fused_shared.wasm")),
];

/// The program that runs, for helpers to start it too.
pub struct Fused {
    /// Its compiled form.
    pub program: Module,
    /// The name under which the engine exports its table of functions.
    pub table: JsValue,
    /// Where its function is in the table.
    pub place: u32,
}

/// From now on products of many rows are computed by the program; where the browser refuses it, nothing changes.
pub fn install() -> Option<Fused> {
    // What a browser refuses is its own affair: the engine's own loops are there.
    try_to().ok().flatten()
}

fn try_to() -> Result<Option<Fused>, JsValue> {
    let bytes = Uint8Array::from(PROGRAMS[usize::from(is_shared())]);
    if !WebAssembly::validate(&bytes)? {
        return Ok(None);
    }
    let (environment, imports) = (Object::new(), Object::new());
    Reflect::set(&environment, &"memory".into(), &wasm_bindgen::memory())?;
    Reflect::set(&imports, &"env".into(), &environment)?;
    let program = Module::new(&bytes)?;
    let instance = Instance::new(&program, &imports)?;
    let function: Function = Reflect::get(&instance.exports(), &"add_products".into())?.dyn_into()?;
    let functions: Table = wasm_bindgen::function_table().unchecked_into();
    let place = functions.grow(1)?;
    functions.set(place, &function)?;
    // SAFETY: a function's pointer is its place in the table, and the function there has this type.
    use_for_many(unsafe { std::mem::transmute::<usize, AddProducts>(place as usize) });
    let exports: Object = wasm_bindgen::exports().unchecked_into();
    let is_table = |name: &JsValue| Reflect::get(&exports, name).is_ok_and(|export| export == **functions);
    let table = Object::keys(&exports).iter().find(is_table).unwrap_or_default();
    Ok(Some(Fused { program, table, place }))
}
