//! The folder of models that are kept on the visitor's device, in the origin's private file system: for the worker, which fills
//! it, and the page, which lists it.

use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{FileSystemDirectoryHandle, FileSystemGetDirectoryOptions, StorageManager};

/// Its name.
const NAME: &str = "models";

/// How long the browser's file system may take for an answer, in milliseconds: where it never answers, nothing is kept.
const PATIENCE_MS: u32 = 10_000;

/// What a promise of a file system gives; none where it refuses, or does not answer in time.
pub async fn await_handle<T: JsCast>(promise: Promise) -> Option<T> {
    match select(JsFuture::from(promise), TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((answer, _)) => answer.ok().map(JsCast::unchecked_into),
        Either::Right(_) => None,
    }
}

/// The folder; none where the browser keeps no files (a private window, an old browser), or where there is none yet.
///
/// * `create` — whether it is made where there is none.
pub async fn folder(create: bool) -> Option<FileSystemDirectoryHandle> {
    let storage = storage()?;
    Reflect::get(&storage, &"getDirectory".into()).ok().filter(JsValue::is_function)?;
    let root: FileSystemDirectoryHandle = await_handle(storage.get_directory()).await?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    await_handle(root.get_directory_handle_with_options(NAME, &options)).await
}

/// Asks the browser not to delete what is kept when it needs room; whether it grants that, none where it cannot be asked.
pub async fn persist() -> Option<bool> {
    asked("persist", StorageManager::persist).await
}

/// Whether the browser has await_handle that; none where it does not say.
pub async fn persisted() -> Option<bool> {
    asked("persisted", StorageManager::persisted).await
}

async fn asked(name: &str, how: fn(&StorageManager) -> Result<Promise, JsValue>) -> Option<bool> {
    let storage = storage()?;
    Reflect::get(&storage, &name.into()).ok().filter(JsValue::is_function)?;
    // Some browsers ask the visitor, who may take time.
    JsFuture::from(how(&storage).ok()?).await.ok()?.as_bool()
}

/// What a browser keeps for this origin; none where it keeps nothing.
fn storage() -> Option<StorageManager> {
    let get = |of: &JsValue, key: &str| Reflect::get(of, &key.into()).ok();
    get(&get(&js_sys::global(), "navigator")?, "storage").filter(JsValue::is_object).map(JsCast::unchecked_into)
}
