//! A fixed pool of helper threads and the job they execute.
//!
//! In the browser a helper is a web worker that runs the engine's module on the engine's shared memory
//! (`worker::helpers`, `crates/worker/src/helper.js`). Helpers must not allocate: only the engine's thread does.
//! Natively a helper is a thread of the operating system ([`start_helpers`]). Without helpers, as on pages without
//! shared memory, the caller computes everything itself.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use words::{add, load, store, wake};

/// Iterations that a helper spins for the next job before it sleeps: about 0.2 ms, longer than the gap between two
/// matrix products of a token. Waking a sleeping helper takes about as long as a product.
const SPIN_ITERATIONS: u32 = 100_000;

/// A fixed pool of helper threads and the job they execute.
pub struct Pool {
    /// Incremented when a job opens and when it closes: odd while a job may be entered.
    state: AtomicU32,
    /// Index of the next part of the job to start.
    next: AtomicU32,
    /// Number of helpers inside the job.
    inside: AtomicU32,
    /// Number of sleeping helpers.
    asleep: AtomicU32,
    /// Number of helpers.
    helpers: AtomicU32,
    /// 1 after a helper has failed.
    failed: AtomicU32,
    /// Number of threads inside [`Pool::parallel_for`]; only the first one uses the helpers.
    sharing: AtomicU32,
    job: UnsafeCell<Option<Job>>,
}

// SAFETY: the job is written only while the state is even and no helper that saw it odd is inside. It is read only by a
// helper that first counted itself inside and then saw the same odd state. A late helper finds the state changed and
// reads nothing.
unsafe impl Sync for Pool {}

/// A closure, type-erased, and its number of parts.
#[derive(Clone, Copy)]
struct Job {
    parts: u32,
    /// Calls `work` for one part.
    run: unsafe fn(work: *const (), part: usize),
    work: *const (),
}

/// Multiply-adds that justify a part of their own: about 5 µs of work against 0.5 µs to start it.
const PART: u64 = 50_000;
/// Parts per thread; more than one, so that other threads take over the work of a delayed one.
const PARTS_A_THREAD: usize = 4;

/// A number of items divided into parts of equal size (the last may be smaller).
#[derive(Clone, Copy)]
pub struct Parts {
    items: usize,
    size: usize,
}

impl Parts {
    /// Divides `items` so that every thread has work and each part is worth its overhead.
    ///
    /// * `cost`: multiply-adds per item.
    pub fn of(items: usize, cost: usize) -> Self {
        let most = match POOL.threads() {
            1 => 1,
            threads => PARTS_A_THREAD * threads,
        };
        let count = (items as u64 * cost as u64 / PART).clamp(1, most as u64);
        Self { items, size: items.div_ceil(count as usize).max(1) }
    }

    /// Number of parts.
    pub fn count(&self) -> usize {
        self.items.div_ceil(self.size)
    }

    /// The same items with the part size rounded up to a multiple of `step`.
    pub fn in_steps_of(self, step: usize) -> Self {
        Self { size: self.size.next_multiple_of(step), ..self }
    }

    /// Calls `work(part, items of the part)` for each part on all threads; returns when all are done.
    pub fn parallel_for(self, work: impl Fn(usize, Range<usize>) + Sync) {
        POOL.parallel_for(self.count(), |part| work(part, part * self.size..self.items.min((part + 1) * self.size)));
    }
}

/// The engine's thread pool.
pub static POOL: Pool = Pool::new();

impl Pool {
    /// A pool without helpers.
    const fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            next: AtomicU32::new(0),
            inside: AtomicU32::new(0),
            asleep: AtomicU32::new(0),
            helpers: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            sharing: AtomicU32::new(0),
            job: UnsafeCell::new(None),
        }
    }

    /// Number of computing threads: the helpers and the caller.
    pub fn threads(&self) -> usize {
        1 + load(&self.helpers) as usize
    }

    /// Address at which a failed helper writes 1.
    pub fn failed(&self) -> *const u32 {
        self.failed.as_ptr()
    }

    /// Calls `work` for each of `parts` parts on all threads, in any order; returns when all are done.
    ///
    /// # Panics
    /// If a helper has failed.
    pub fn parallel_for<W: Fn(usize) + Sync>(&self, parts: usize, work: W) {
        if parts < 2 || load(&self.helpers) == 0 {
            return (0..parts).for_each(work);
        }
        // In a native program another thread may be using the helpers; this one then works alone.
        let sharing = Sharing::begin(self);
        if sharing.is_alone {
            let job = Job { parts: parts as u32, run: run_part::<W>, work: (&raw const work).cast() };
            // SAFETY: all helpers have left the last job (dropping `Open` waits for that), and none reads this one
            // before the state is odd: a late helper checks the state first and leaves.
            unsafe { *self.job.get() = Some(job) };
            store(&self.next, 0);
            add(&self.state, 1);
            let open = Open(self);
            if load(&self.asleep) > 0 {
                wake(&self.state);
            }
            self.do_parts(job);
            drop(open);
        } else {
            (0..parts).for_each(work);
        }
    }

    /// Executes parts until none is left to start.
    fn do_parts(&self, job: Job) {
        loop {
            let part = add(&self.next, 1);
            if part >= job.parts {
                return;
            }
            // SAFETY: the thread that opened the job waits until all helpers have left it, so `work` is alive.
            unsafe { (job.run)(job.work, part as usize) };
        }
    }

    /// Registers another helper, which must then call [`worker_run`](Self::worker_run) in a loop.
    pub fn worker_join(&self) {
        add(&self.helpers, 1);
        add(&self.asleep, 1);
    }

    /// Executes jobs until there has been none for `SPIN_ITERATIONS`.
    ///
    /// Returns the value of [`state`](Self::state) at which the helper should sleep until the state changes.
    pub fn worker_run(&self) -> u32 {
        add(&self.asleep, u32::MAX);
        let mut looks = 0;
        loop {
            let state = load(&self.state);
            if state % 2 == 1 {
                self.enter(state);
                looks = 0;
            } else if looks < SPIN_ITERATIONS {
                looks += 1;
                std::hint::spin_loop();
            } else {
                // Counted before sleeping: whoever opens a job from here on also wakes this helper.
                add(&self.asleep, 1);
                return state;
            }
        }
    }

    /// Executes parts of the job opened at `state`, if it is still open, and waits until it is closed.
    fn enter(&self, state: u32) {
        add(&self.inside, 1);
        // Checked after `inside` was incremented: from then on the job is not replaced while the state is this.
        if load(&self.state) == state {
            // SAFETY: the job is not written while a helper is inside and the state is unchanged.
            if let Some(job) = unsafe { *self.job.get() } {
                self.do_parts(job);
            }
        }
        add(&self.inside, u32::MAX);
        // All parts of this job have been started; the next job has another state.
        while load(&self.state) == state {
            std::hint::spin_loop();
        }
    }

    /// Address of the state word: odd while a job is open. Helpers sleep on it.
    pub fn state(&self) -> *const u32 {
        self.state.as_ptr()
    }
}

/// Counts a thread in [`Pool::parallel_for`] until it returns or panics.
struct Sharing<'a> {
    pool: &'a Pool,
    /// Whether no other thread was in it, so that this one may use the helpers.
    is_alone: bool,
}

impl<'a> Sharing<'a> {
    fn begin(pool: &'a Pool) -> Self {
        Self { pool, is_alone: add(&pool.sharing, 1) == 0 }
    }
}

impl Drop for Sharing<'_> {
    fn drop(&mut self) {
        add(&self.pool.sharing, u32::MAX);
    }
}

/// Callback of [`tell_failure`].
static TELL_FAILURE: OnceLock<fn()> = OnceLock::new();

/// Sets a function to be called before the engine panics because a helper has failed. The first one set stays.
///
/// The panic itself may not report it: engine and helper share the standard library's panic count, so after a helper's
/// panic the engine's looks like a nested one and aborts at once.
pub fn tell_failure(tell: fn()) {
    // There is one engine per process, so a second call is ignored.
    let _ = TELL_FAILURE.set(tell);
}

/// An open job. Dropping it closes the job and waits until all helpers have left.
struct Open<'a>(&'a Pool);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        add(&self.0.state, 1);
        while load(&self.0.inside) > 0 {
            if load(&self.0.failed) != 0 {
                if let Some(tell) = TELL_FAILURE.get() {
                    tell();
                }
                panic!("a thread that helps the engine failed");
            }
            std::hint::spin_loop();
        }
    }
}

/// # Safety
/// `work` points to a `W`.
unsafe fn run_part<W: Fn(usize)>(work: *const (), part: usize) {
    // SAFETY: as this function requires.
    unsafe { (*work.cast::<W>())(part) }
}

/// A mutable f32 slice shared by threads, of which each part of a job writes its own elements.
#[derive(Clone, Copy)]
pub struct SharedSlice<'a> {
    first: *mut f32,
    length: usize,
    of: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: callers of the unsafe methods guarantee that no two parts access the same elements.
unsafe impl Sync for SharedSlice<'_> {}

impl<'a> SharedSlice<'a> {
    /// Wraps an exclusively borrowed slice.
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self { first: slice.as_mut_ptr(), length: slice.len(), of: std::marker::PhantomData }
    }

    /// Number of elements.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Pointer to element `at`, or to one past the last.
    pub fn place(&self, at: usize) -> *mut f32 {
        assert!(at <= self.length);
        // SAFETY: within the slice, or one past its end.
        unsafe { self.first.add(at) }
    }

    /// Sets one element.
    ///
    /// # Safety
    /// No other part of the job writes or reads it.
    #[inline(always)]
    pub unsafe fn set(&self, at: usize, value: f32) {
        assert!(at < self.length);
        // SAFETY: within the slice.
        unsafe { *self.first.add(at) = value }
    }

    /// `length` elements from `from` on.
    ///
    /// # Safety
    /// No other part of the job writes or reads them.
    #[expect(clippy::mut_from_ref, reason = "each part of a job has its own")]
    pub unsafe fn part(&self, from: usize, length: usize) -> &mut [f32] {
        assert!(from <= self.length && length <= self.length - from);
        // SAFETY: within the slice.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(from), length) }
    }
}

/// Atomic words shared by threads, and sleeping until one changes: native version.
#[cfg(not(target_arch = "wasm32"))]
mod words {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::sync::{Condvar, Mutex, PoisonError};

    pub(super) fn load(word: &AtomicU32) -> u32 {
        word.load(SeqCst)
    }

    pub(super) fn store(word: &AtomicU32, value: u32) {
        word.store(value, SeqCst);
    }

    pub(super) fn add(word: &AtomicU32, value: u32) -> u32 {
        word.fetch_add(value, SeqCst)
    }

    /// Lock and condition variable of all sleeping helpers, whichever word they wait for.
    static SLEEP: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

    /// Wakes all sleeping helpers; called after a word was changed.
    pub(super) fn wake(_: &AtomicU32) {
        // A helper that saw the old value holds the lock until it sleeps, so it cannot miss the notification.
        drop(SLEEP.0.lock().unwrap_or_else(PoisonError::into_inner));
        SLEEP.1.notify_all();
    }

    /// Sleeps while `word` equals `value`.
    pub(super) fn sleep_while(word: &AtomicU32, value: u32) {
        let lock = SLEEP.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(SLEEP.1.wait_while(lock, |()| load(word) == value));
    }
}

/// The same in WebAssembly: linked from `crates/wasm-atomics`, which is compiled with atomic instructions.
#[cfg(target_arch = "wasm32")]
mod words {
    use std::sync::atomic::AtomicU32;

    unsafe extern "C" {
        #[link_name = "shared_load"]
        pub(super) safe fn load(word: &AtomicU32) -> u32;
        #[link_name = "shared_store"]
        pub(super) safe fn store(word: &AtomicU32, value: u32);
        #[link_name = "shared_add"]
        pub(super) safe fn add(word: &AtomicU32, value: u32) -> u32;
        #[link_name = "shared_wake"]
        pub(super) safe fn wake(word: &AtomicU32);
    }
}

/// Starts helper threads until `threads` threads compute, the caller included. They run until the process ends.
///
/// If the system refuses a thread, the pool stays smaller.
#[cfg(not(target_arch = "wasm32"))]
pub fn start_helpers(pool: &'static Pool, threads: usize) {
    for now in pool.threads()..threads {
        let helped = || {
            pool.worker_join();
            loop {
                words::sleep_while(&pool.state, pool.worker_run());
            }
        };
        // A panic in a helper aborts the process: the job's data may be freed while the caller unwinds.
        let helper = move || {
            let Err(_) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(helped));
            std::process::abort();
        };
        if std::thread::Builder::new().name("prunescope-helper".into()).spawn(helper).is_err() {
            return;
        }
        while pool.threads() == now {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    #[test]
    fn every_part_is_done_once_by_whoever_is_there() {
        static HELPED: Pool = Pool::new();
        start_helpers(&HELPED, 4);
        for round in 0..2000 {
            let parts = round % 37;
            let done: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
            HELPED.parallel_for(parts, |part| {
                done[part].fetch_add(1 + part, Relaxed);
            });
            assert!(done.iter().enumerate().all(|(part, done)| done.load(Relaxed) == 1 + part), "round {round}");
        }
    }

    #[test]
    fn two_who_share_at_once_both_finish() {
        static HELPED: Pool = Pool::new();
        start_helpers(&HELPED, 2);
        let sum = |_| {
            let sum = AtomicUsize::new(0);
            (0..500).for_each(|_| HELPED.parallel_for(9, |part| _ = sum.fetch_add(part, Relaxed)));
            sum.into_inner()
        };
        let other = std::thread::spawn(move || sum(()));
        assert_eq!((sum(()), other.join().unwrap()), (18_000, 18_000));
    }

    #[test]
    fn work_that_panics_leaves_the_threads_to_the_next() {
        static HELPED: Pool = Pool::new();
        start_helpers(&HELPED, 2);
        let alone = std::thread::current().id();
        // The helper waits in its first part until the calling thread has panicked in one.
        let failing = AtomicUsize::new(0);
        let panicked = std::panic::catch_unwind(|| {
            HELPED.parallel_for(100, |_| {
                if std::thread::current().id() == alone {
                    failing.store(1, Relaxed);
                    panic!("the one who shares fails, the helper works on");
                }
                while failing.load(Relaxed) == 0 {
                    std::thread::yield_now();
                }
            });
        });
        assert!(panicked.is_err());
        assert_eq!(load(&HELPED.sharing), 0);
        let done = AtomicUsize::new(0);
        HELPED.parallel_for(100, |part| _ = done.fetch_add(part, Relaxed));
        assert_eq!(done.into_inner(), 4950);
    }

    #[test]
    #[should_panic(expected = "a thread that helps the engine failed")]
    fn a_failed_helper_is_told() {
        static HELPED: Pool = Pool::new();
        add(&HELPED.helpers, 1);
        HELPED.parallel_for(2, |_| {
            add(&HELPED.inside, 1);
            store(&HELPED.failed, 1);
        });
    }
}
