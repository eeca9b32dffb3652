//! The folder of kept models in the origin private file system (OPFS): the worker fills it, the page lists it.

use futures::future::{Either, select};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{FileSystemDirectoryHandle, FileSystemGetDirectoryOptions, StorageManager};

/// Name of the folder.
const NAME: &str = "models";

/// Time that the browser's file system may take to answer, in milliseconds; after that, nothing is kept.
const PATIENCE_MS: u32 = 10_000;

/// Awaits a promise of the file system; `None` if it rejects or times out.
pub async fn await_handle<T: JsCast>(promise: Promise) -> Option<T> {
    match select(JsFuture::from(promise), TimeoutFuture::new(PATIENCE_MS)).await {
        Either::Left((answer, _)) => answer.ok().map(JsCast::unchecked_into),
        Either::Right(_) => None,
    }
}

/// The folder; `None` if the browser keeps no files (a private window, an old browser), or if there is none yet.
///
/// * `create` — whether to create it if it is missing.
pub async fn folder(create: bool) -> Option<FileSystemDirectoryHandle> {
    let storage = storage()?;
    Reflect::get(&storage, &"getDirectory".into()).ok().filter(JsValue::is_function)?;
    let root: FileSystemDirectoryHandle = await_handle(storage.get_directory()).await?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    await_handle(root.get_directory_handle_with_options(NAME, &options)).await
}

/// Asks the browser not to evict kept models; returns whether it agrees, `None` if it cannot be asked.
pub async fn persist() -> Option<bool> {
    asked("persist", StorageManager::persist).await
}

/// Whether the browser has agreed to that; `None` if it does not say.
pub async fn persisted() -> Option<bool> {
    asked("persisted", StorageManager::persisted).await
}

async fn asked(name: &str, how: fn(&StorageManager) -> Result<Promise, JsValue>) -> Option<bool> {
    let storage = storage()?;
    Reflect::get(&storage, &name.into()).ok().filter(JsValue::is_function)?;
    // Without a timeout, since some browsers ask the visitor.
    JsFuture::from(how(&storage).ok()?).await.ok()?.as_bool()
}

/// The browser's storage manager; `None` if it has none.
fn storage() -> Option<StorageManager> {
    let get = |of: &JsValue, key: &str| Reflect::get(of, &key.into()).ok();
    get(&get(&js_sys::global(), "navigator")?, "storage").filter(JsValue::is_object).map(JsCast::unchecked_into)
}
