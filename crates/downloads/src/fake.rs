//! A [`Platform`] for tests whose servers answer as a function says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::platform::{Answer, File, Folder, Platform, Progress, Request, Snapshot};

/// A prepared answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// The body in pieces; `None` is a broken connection.
    pub body: VecDeque<Option<Vec<u8>>>,
}

impl Written {
    pub(crate) fn new(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_string())).collect();
        Self { status, headers, body: [Some(body.to_vec())].into_iter().filter(|it| it != &Some(vec![])).collect() }
    }

    /// The same, followed by a broken connection.
    pub(crate) fn broken(mut self) -> Self {
        self.body.push_back(None);
        self
    }
}

impl Answer for Written {
    fn status(&self) -> u16 {
        self.status
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone())
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self.body.pop_front() {
            Some(None) => Err("it broke".into()),
            Some(bytes) => Ok(bytes),
            None => Ok(None),
        }
    }
}

/// Servers with prepared answers, and a device that keeps nothing.
pub(crate) struct Fake<F> {
    answer: F,
    /// The requests so far: addresses and first bytes.
    pub asked: RefCell<Vec<(String, Option<u64>)>>,
    /// The waits so far, in milliseconds.
    pub waited: RefCell<Vec<u32>>,
}

impl<F: Fn(&Request<'_>) -> Option<Written>> Fake<F> {
    /// Servers that answer as a function says; `None` is a network failure.
    pub(crate) fn new(answer: F) -> Self {
        Self { answer, asked: RefCell::default(), waited: RefCell::default() }
    }
}

impl<F: Fn(&Request<'_>) -> Option<Written>> Platform for Fake<F> {
    type Folder = Nothing;
    type Answer = Written;

    async fn request(&self, request: &Request<'_>) -> Result<Written, String> {
        self.asked.borrow_mut().push((request.address.into(), request.from));
        (self.answer)(request).ok_or_else(|| "Failed to fetch".into())
    }

    async fn folder(&self, _: &str) -> Option<Nothing> {
        None
    }

    async fn wait(&self, milliseconds: u32) {
        self.waited.borrow_mut().push(milliseconds);
    }

    fn unix_time(&self) -> u64 {
        784_111_777
    }

    fn origin(&self) -> String {
        "https://site.example".into()
    }

    fn progress(&self, _: &Progress) {}

    fn notice(&self, _: String) {}
}

/// A folder that keeps nothing; it is never created.
pub(crate) struct Nothing;

impl Folder for Nothing {
    type File = Self;
    type Snapshot = Self;

    async fn open(&self, _: &str) -> Option<Self> {
        None
    }

    async fn snapshot(&self, _: &str) -> Option<Self> {
        None
    }

    async fn remove(&self, _: &str) {}
}

impl File for Nothing {
    fn bytes(&self) -> u64 {
        0
    }

    fn read(&self, _: u64, _: &mut [u8]) -> usize {
        0
    }

    fn write(&self, _: u64, _: &[u8]) -> bool {
        false
    }

    fn truncate(&self, _: u64) {}
}

impl Snapshot for Nothing {
    fn bytes(&self) -> u64 {
        0
    }

    async fn read(&self, _: u64, _: usize) -> Option<Vec<u8>> {
        None
    }
}

/// The result of a future that never waits.
pub(crate) fn done<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}
