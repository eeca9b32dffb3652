//! Model files kept on the visitor's device, in the origin's private file system: downloads go on where they stopped, and later
//! visits need no network. Where a browser has none (a private window, an old browser), nothing is kept.
//!
//! `models/NAME/FILE`, both percent-encoded; the page lists and deletes the folders (`page::models`). A file beside which lies
//! `FILE.whole` was complete and had the right checksum.

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};

use crate::kept_models::{self, granted};

/// Ends the name of the mark of a complete file.
const WHOLE: &str = ".whole";

/// The folder of one model.
pub struct Folder(FileSystemDirectoryHandle);

/// A file of a model that may be incomplete. Only one worker at a time has it open.
pub struct KeptFile(FileSystemSyncAccessHandle);

/// A name that file systems take.
fn encoded(name: &str) -> String {
    String::from(js_sys::encode_uri_component(name)).replace('.', "%2E")
}

impl Folder {
    /// The folder of a model, made where it is not there; none where nothing can be kept.
    pub async fn open(name: &str) -> Option<Self> {
        let models = kept_models::folder(true).await?;
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        granted(models.get_directory_handle_with_options(&encoded(name), &options)).await.map(Self)
    }

    /// A file, made where it is not there; none where it cannot be opened.
    pub async fn file(&self, name: &str) -> Option<KeptFile> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let handle: FileSystemFileHandle =
            granted(self.0.get_file_handle_with_options(&encoded(name), &options)).await?;
        // A worker that was ended a moment ago may still hold it.
        for wait in [0, 50, 200, 800] {
            gloo::timers::future::TimeoutFuture::new(wait).await;
            if let Some(open) = granted(handle.create_sync_access_handle()).await {
                return Some(KeptFile(open));
            }
        }
        None
    }

    /// Whether a file is complete and has the right checksum.
    pub async fn is_whole(&self, name: &str) -> bool {
        JsFuture::from(self.0.get_file_handle(&encoded(&format!("{name}{WHOLE}")))).await.is_ok()
    }

    /// Notes that a file is complete.
    pub async fn mark_whole(&self, name: &str) {
        let _ = self.file(&format!("{name}{WHOLE}")).await;
    }

    /// Forgets a file.
    pub async fn remove(&self, name: &str) {
        for name in [format!("{name}{WHOLE}"), name.to_string()] {
            let _ = JsFuture::from(self.0.remove_entry(&encoded(&name))).await;
        }
    }

    /// A text, where it was kept.
    pub async fn text(&self, name: &str) -> Option<String> {
        let handle: FileSystemFileHandle = granted(self.0.get_file_handle(&encoded(name))).await?;
        let file: web_sys::File = granted(handle.get_file()).await?;
        let text: JsValue = granted(file.text()).await?;
        text.as_string().filter(|text| !text.is_empty())
    }

    /// Keeps a text.
    pub async fn keep_text(&self, name: &str, text: &str) {
        if let Some(file) = self.file(name).await {
            file.truncate(0);
            file.write(0, text.as_bytes());
        }
    }
}

impl KeptFile {
    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.0.get_size().unwrap_or(0.0) as u64
    }

    /// Reads from a place on; how many bytes.
    pub fn read(&self, at: u64, into: &mut [u8]) -> usize {
        self.0.read_with_u8_array_and_options(into, &place(at)).unwrap_or(0.0) as usize
    }

    /// Writes at a place; whether all bytes could be written.
    pub fn write(&self, at: u64, bytes: &[u8]) -> bool {
        // Copied out of the program's memory: what is shared or may grow cannot be written.
        let copy = Uint8Array::from(bytes);
        self.0.write_with_js_u8_array_and_options(&copy, &place(at)).is_ok_and(|count| count as usize == bytes.len())
    }

    /// Cuts it off.
    pub fn truncate(&self, bytes: u64) {
        let _ = self.0.truncate_with_f64(bytes as f64);
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        let _ = self.0.flush();
        self.0.close();
    }
}

fn place(at: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(at as f64);
    options
}
