//! Whose run may compute: visitors take turns, in the order in which they ask.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A queue in which one waits for its turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    tickets: Mutex<Tickets>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Tickets {
    /// The next to be given.
    next: u64,
    /// The one whose turn it is.
    serving: u64,
}

impl Turns {
    /// Waits for the turn.
    pub(super) fn take(&self) {
        let mut tickets = self.lock();
        let mine = tickets.next;
        tickets.next += 1;
        while tickets.serving != mine {
            tickets = self.moved.wait(tickets).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the turn.
    pub(super) fn give(&self) {
        self.lock().serving += 1;
        self.moved.notify_all();
    }

    /// Whether another waits for the turn that is taken.
    pub(super) fn is_awaited(&self) -> bool {
        let tickets = self.lock();
        tickets.next - tickets.serving > 1
    }

    /// Numbers stay whole where a thread that held them has panicked.
    fn lock(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn one_at_a_time_and_all_in_turn() {
        let (turns, inside) = (Arc::new(Turns::default()), Arc::new(AtomicUsize::new(0)));
        let visitors: Vec<_> = (0..4)
            .map(|_| {
                let (turns, inside) = (turns.clone(), inside.clone());
                thread::spawn(move || {
                    for _ in 0..200 {
                        turns.take();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        turns.give();
                    }
                })
            })
            .collect();
        visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
        assert!(!turns.is_awaited());
    }
}
