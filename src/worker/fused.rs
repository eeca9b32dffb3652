//! Starts the program of `src/kernel/fused.rs` on the engine's memory, where the browser takes it.

use js_sys::WebAssembly::{Instance, Module, Table};
use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};

use crate::kernel::multiply::{AddProducts, use_for_many};

/// The program.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fused.wasm"));

/// From now on products of many rows are computed by the program; where the browser refuses it, nothing changes.
pub fn install() {
    // What a browser refuses is its own affair: the engine's own loops are there.
    let _ = try_to();
}

fn try_to() -> Result<(), JsValue> {
    let bytes = Uint8Array::from(PROGRAM);
    if !WebAssembly::validate(&bytes)? {
        return Ok(());
    }
    let (environment, imports) = (Object::new(), Object::new());
    Reflect::set(&environment, &"memory".into(), &wasm_bindgen::memory())?;
    Reflect::set(&imports, &"env".into(), &environment)?;
    let instance = Instance::new(&Module::new(&bytes)?, &imports)?;
    let function: Function = Reflect::get(&instance.exports(), &"add_products".into())?.dyn_into()?;
    let table: Table = wasm_bindgen::function_table().unchecked_into();
    let place = table.grow(1)?;
    table.set(place, &function)?;
    // SAFETY: a function's pointer is its place in the table, and the function there has this type.
    use_for_many(unsafe { std::mem::transmute::<usize, AddProducts>(place as usize) });
    Ok(())
}
