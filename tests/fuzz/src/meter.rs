//! Measures memory in use, so that an input that takes far more memory than its length justifies is a finding.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Meter;

#[global_allocator]
static METER: Meter = Meter;

fn more(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    if now > MOST.load(Relaxed) {
        MOST.store(now, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator; only counters are added.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: the caller fulfils the same conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: the caller fulfils the same conditions.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller fulfils the same conditions.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        more(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller fulfils the same conditions.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Runs a function on an input and limits its memory.
///
/// # Panics
/// If more than `base` bytes plus `times` bytes for each byte of the input are in use at once.
pub fn within(base: usize, times: usize, input: &[u8], work: impl FnOnce(&[u8])) {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    work(input);
    let taken = MOST.load(Relaxed).saturating_sub(before);
    let allowed = base + times * input.len();
    assert!(
        taken <= allowed,
        "{taken} bytes of memory for an input of {} bytes, where {allowed} are allowed",
        input.len()
    );
}
