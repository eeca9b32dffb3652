//! Starts the program of `src/kernel/fused.rs` on the engine's memory, where the browser takes it.

use std::mem::transmute;

use js_sys::WebAssembly::{Instance, Module, Table};
use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};

use super::helpers::is_shared;
use prunescope_kernels::multiply::{AddProducts, Loops, MultiplyFew, use_fused};

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
    /// The names of its functions, `(name, place in the table)`.
    pub places: [(&'static str, u32); 2],
}

/// From now on products are computed by the program; where the browser refuses it, nothing changes.
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
    let functions: Table = wasm_bindgen::function_table().unchecked_into();
    let first = functions.grow(2)?;
    let places = [("add_products", first), ("multiply_few", first + 1)];
    for (name, place) in places {
        let function: Function = Reflect::get(&instance.exports(), &name.into())?.dyn_into()?;
        functions.set(place, &function)?;
    }
    let [many, few] = places.map(|(_, place)| place as usize);
    // SAFETY: a function's pointer is its place in the table, and the functions there have these types.
    use_fused(unsafe {
        Loops {
            add_products: transmute::<usize, AddProducts>(many),
            multiply_few: transmute::<usize, MultiplyFew>(few),
        }
    });
    let exports: Object = wasm_bindgen::exports().unchecked_into();
    let is_table = |name: &JsValue| Reflect::get(&exports, name).is_ok_and(|export| export == **functions);
    let table = Object::keys(&exports).iter().find(is_table).unwrap_or_default();
    Ok(Some(Fused { program, table, places }))
}
