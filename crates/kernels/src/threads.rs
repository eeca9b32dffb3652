//! Work that several threads do together.
//!
//! In the browser a thread is a worker of its own that runs the engine's program on the engine's memory (`worker::helpers`,
//! `crates/worker/src/helper.js`); it may only compute: memory is allocated by the engine alone. Natively it is one of the system's threads
//! ([`start_helpers`]). Where none has come, as on pages that may not share memory, everything is computed by the one that asks.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use words::{add, load, store, wake};

/// How often a helper looks for the next job before it sleeps: some 0.2 ms, longer than the engine takes from one product of a
/// token to the next. Waking takes as long as a product.
const SPIN_ITERATIONS: u32 = 100_000;

/// Those who help, and what they are at.
pub struct Pool {
    /// Odd while a job may be entered. Each job has a number of its own.
    state: AtomicU32,
    /// The next part of the job that nobody has begun.
    next: AtomicU32,
    /// Helpers that have entered the job.
    inside: AtomicU32,
    /// Helpers that sleep.
    asleep: AtomicU32,
    /// Helpers in all.
    helpers: AtomicU32,
    /// 1 after a helper's program has failed.
    failed: AtomicU32,
    /// Who shares work now.
    sharing: AtomicU32,
    job: UnsafeCell<Option<Job>>,
}

// SAFETY: the job is written only while the state is even and nobody who saw it odd is inside; it is read only by who came inside
// and saw the state odd after that. A helper may come inside late, but then it finds the state changed and reads nothing.
unsafe impl Sync for Pool {}

/// The parts of some work.
#[derive(Clone, Copy)]
struct Job {
    parts: u32,
    /// Does one part of `work`.
    run: unsafe fn(work: *const (), part: usize),
    work: *const (),
}

/// Simple operations (a multiplication and an addition) that are worth a part of their own: some 5 µs, beside 0.5 to begin it.
const PART: u64 = 50_000;
/// Parts for each thread, so that one that is held up leaves its work to the others.
const PARTS_A_THREAD: usize = 4;

/// Things to be done, in parts of so many.
#[derive(Clone, Copy)]
pub struct Parts {
    items: usize,
    size: usize,
}

impl Parts {
    /// Divides some items so that all threads have something to do.
    ///
    /// * `cost` — operations of one of them.
    pub fn of(items: usize, cost: usize) -> Self {
        let most = match POOL.threads() {
            1 => 1,
            threads => PARTS_A_THREAD * threads,
        };
        let count = (items as u64 * cost as u64 / PART).clamp(1, most as u64);
        Self { items, size: items.div_ceil(count as usize).max(1) }
    }

    /// How many parts.
    pub fn count(&self) -> usize {
        self.items.div_ceil(self.size)
    }

    /// The same with whole steps of items in each part.
    pub fn in_steps_of(self, step: usize) -> Self {
        Self { size: self.size.next_multiple_of(step), ..self }
    }

    /// Does some work by all threads: for each part its number and its items.
    pub fn parallel_for(self, work: impl Fn(usize, Range<usize>) + Sync) {
        POOL.parallel_for(self.count(), |part| work(part, part * self.size..self.items.min((part + 1) * self.size)));
    }
}

/// The engine's helpers.
pub static POOL: Pool = Pool::new();

impl Pool {
    /// Nobody helps yet.
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

    /// How many threads compute, the engine's own with them.
    pub fn threads(&self) -> usize {
        1 + load(&self.helpers) as usize
    }

    /// Where a helper whose program has failed writes a 1.
    pub fn failed(&self) -> *const u32 {
        self.failed.as_ptr()
    }

    /// Does all parts of some work, in no order, by all threads; returns when all are done.
    ///
    /// # Panics
    /// When a helper's program has failed.
    pub fn parallel_for<W: Fn(usize) + Sync>(&self, parts: usize, work: W) {
        if parts < 2 || load(&self.helpers) == 0 {
            return (0..parts).for_each(work);
        }
        // Another thread of a native program may share its own work at the moment.
        let sharing = Sharing::begin(self);
        if sharing.is_alone {
            let job = Job { parts: parts as u32, run: run_part::<W>, work: (&raw const work).cast() };
            // SAFETY: all who read the last job have left (`Open`), and none reads this one before the state is odd: a helper
            // that
            // comes inside late looks at the state first, and leaves.
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

    /// Does what parts are left.
    fn do_parts(&self, job: Job) {
        loop {
            let part = add(&self.next, 1);
            if part >= job.parts {
                return;
            }
            // SAFETY: the one who shares the work waits for all who are at it.
            unsafe { (job.run)(job.work, part as usize) };
        }
    }

    /// Counts another helper, which has to call [`help`](Self::worker_run) again and again.
    pub fn worker_join(&self) {
        add(&self.helpers, 1);
        add(&self.asleep, 1);
    }

    /// Helps until there has been nothing to do for a while; the state that the helper is to sleep in. A change of it
    /// ([`state`](Self::state)) wakes.
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
                // Whoever changes the state from here on wakes those who sleep.
                add(&self.asleep, 1);
                return state;
            }
        }
    }

    /// Does parts of the job of a state, if it may still be entered, until it is closed.
    fn enter(&self, state: u32) {
        add(&self.inside, 1);
        // Only now it is sure that the job stays while this helper is in it.
        if load(&self.state) == state {
            // SAFETY: the job is not written while anyone is inside.
            if let Some(job) = unsafe { *self.job.get() } {
                self.do_parts(job);
            }
        }
        add(&self.inside, u32::MAX);
        // What is left of this job is begun; the next has another number.
        while load(&self.state) == state {
            std::hint::spin_loop();
        }
    }

    /// The word that says whether there is a job.
    pub fn state(&self) -> *const u32 {
        self.state.as_ptr()
    }
}

/// Who shares work, until it is done or has panicked.
struct Sharing<'a> {
    pool: &'a Pool,
    /// Whether nobody else does.
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

/// What tells that a helper has failed.
static TELL_FAILURE: OnceLock<fn()> = OnceLock::new();

/// Has a function called before the engine panics because a helper has failed. The panic cannot tell it where the helper failed in
/// a panic of its own: both share the library's count of panics, so that the engine's looks like a second one and ends at once.
pub fn tell_failure(tell: fn()) {
    // There is one engine.
    let _ = TELL_FAILURE.set(tell);
}

/// A job that may be entered; it ends when all who are in it have left.
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
    // SAFETY: the caller's.
    unsafe { (*work.cast::<W>())(part) }
}

/// A slice of which each part of a job writes its own places.
#[derive(Clone, Copy)]
pub struct SharedSlice<'a> {
    first: *mut f32,
    length: usize,
    of: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: who makes a reference says that no other is to the same places.
unsafe impl Sync for SharedSlice<'_> {}

impl<'a> SharedSlice<'a> {
    /// Of a slice that nobody else has.
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self { first: slice.as_mut_ptr(), length: slice.len(), of: std::marker::PhantomData }
    }

    /// How many numbers.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The place of a number, or the end.
    pub fn place(&self, at: usize) -> *mut f32 {
        assert!(at <= self.length);
        // SAFETY: within the slice, or just behind it.
        unsafe { self.first.add(at) }
    }

    /// Sets one number.
    ///
    /// # Safety
    /// No other part of the job writes or reads it.
    #[inline(always)]
    pub unsafe fn set(&self, at: usize, value: f32) {
        assert!(at < self.length);
        // SAFETY: within the slice.
        unsafe { *self.first.add(at) = value }
    }

    /// Some of the numbers.
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

/// Words that several threads read and write.
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

    /// Where helpers sleep until a word has changed, whichever it is.
    static SLEEP: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

    /// Wakes who sleeps until the word changes, after it was changed.
    pub(super) fn wake(_: &AtomicU32) {
        // Whoever has looked at the word before it was changed holds the lock until it sleeps.
        drop(SLEEP.0.lock().unwrap_or_else(PoisonError::into_inner));
        SLEEP.1.notify_all();
    }

    /// Sleeps while a word has a value.
    pub(super) fn sleep_while(word: &AtomicU32, value: u32) {
        let lock = SLEEP.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(SLEEP.1.wait_while(lock, |()| load(word) == value));
    }
}

/// The same by `shared_memory.rs`, with the instructions that they need.
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

/// Starts threads that help for good, so many that `threads` compute in all. Where the system gives fewer, fewer compute.
#[cfg(not(target_arch = "wasm32"))]
pub fn start_helpers(pool: &'static Pool, threads: usize) {
    for now in pool.threads()..threads {
        let helped = || {
            pool.worker_join();
            loop {
                words::sleep_while(&pool.state, pool.worker_run());
            }
        };
        // What it was at may be freed when the one who shares it fails for its part: the panic's message is the last word.
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
        // The helper leaves the one who shares a part, whoever is first.
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
