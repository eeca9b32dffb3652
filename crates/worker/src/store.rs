//! Model files kept on the visitor's device, in the origin private file system (OPFS). If a browser has none (a private
//! window, an old browser), nothing is kept.
//!
//! Files are at `models/NAME/FILE` ([`names`]); the page lists and deletes the folders (`page::models`). The content of
//! the files is defined by [`kept`].
//!
//! [`names`]: prunescope_downloads::names
//! [`kept`]: prunescope_downloads::kept

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};

use prunescope_downloads::kept_models::{self, await_handle};
use prunescope_downloads::names::encoded;
use prunescope_downloads::{File, Folder, Snapshot};

/// The folder of one model.
pub(crate) struct KeptFolder(FileSystemDirectoryHandle);

/// A file that this worker has open exclusively.
pub(crate) struct KeptFile(FileSystemSyncAccessHandle);

/// A read-only view of a file as it was when it was requested.
pub(crate) struct KeptCopy(web_sys::File);

impl KeptFolder {
    /// Opens the folder of a model, creating it if missing; `None` if nothing can be kept.
    pub(crate) async fn open(name: &str) -> Option<Self> {
        let models = kept_models::folder(true).await?;
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        await_handle(models.get_directory_handle_with_options(&encoded(name), &options)).await.map(Self)
    }
}

impl Folder for KeptFolder {
    type File = KeptFile;
    type Snapshot = KeptCopy;

    async fn open(&self, name: &str) -> Option<KeptFile> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let handle: FileSystemFileHandle =
            await_handle(self.0.get_file_handle_with_options(&encoded(name), &options)).await?;
        let opening = handle.create_sync_access_handle();
        let opened = await_handle(opening.clone()).await.map(KeptFile);
        if opened.is_none() {
            // Close a handle that arrives after the timeout, so that the file can be opened later.
            spawn_local(async move {
                if let Ok(late) = JsFuture::from(opening).await {
                    drop(KeptFile(late.unchecked_into()));
                }
            });
        }
        opened
    }

    async fn snapshot(&self, name: &str) -> Option<KeptCopy> {
        let handle: FileSystemFileHandle = await_handle(self.0.get_file_handle(&encoded(name))).await?;
        await_handle(handle.get_file()).await.map(KeptCopy)
    }

    async fn remove(&self, name: &str) {
        // A missing file is not an error.
        let _: Option<JsValue> = await_handle(self.0.remove_entry(&encoded(name))).await;
    }
}

impl File for KeptFile {
    fn bytes(&self) -> u64 {
        self.0.get_size().unwrap_or(0.0) as u64
    }

    fn read(&self, at: u64, into: &mut [u8]) -> usize {
        let count = self.0.read_with_u8_array_and_options(into, &place(at)).unwrap_or(0.0) as usize;
        count.min(into.len())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> bool {
        // Browsers refuse to write from memory that is shared or may grow, so copy first.
        let copy = Uint8Array::from(bytes);
        self.0.write_with_js_u8_array_and_options(&copy, &place(at)).is_ok_and(|count| count as usize == bytes.len())
    }

    fn truncate(&self, bytes: u64) {
        // If this fails, the rest has no valid checksum and is ignored.
        let _ = self.0.truncate_with_f64(bytes as f64);
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        let _ = self.0.flush();
        self.0.close();
    }
}

impl Snapshot for KeptCopy {
    fn bytes(&self) -> u64 {
        self.0.size() as u64
    }

    async fn read(&self, at: u64, bytes: usize) -> Option<Vec<u8>> {
        let slice = self.0.slice_with_f64_and_f64(at as f64, at as f64 + bytes as f64).ok()?;
        let buffer: ArrayBuffer = await_handle(slice.array_buffer()).await?;
        Some(Uint8Array::new(&buffer).to_vec())
    }
}

fn place(at: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(at as f64);
    options
}
