//! Turns an input's bytes into decisions.

use std::sync::LazyLock;

/// Texts to choose from.
pub type Texts = LazyLock<Vec<&'static str>>;

/// Splits a list of texts at its semicolons.
pub fn texts(all: &'static str) -> Vec<&'static str> {
    all.split(';').collect()
}

/// An input, read byte by byte; after its end all bytes are 0, so that every input is valid.
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// From an input.
    pub fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// Whether all bytes have been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of `count` choices, the first where the input has ended.
    pub fn choose(&mut self, count: usize) -> usize {
        let wide = if count > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % count.max(1)
    }

    /// One of some values.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.choose(all.len())]
    }

    /// True about once in `times`; false after the end of the input.
    pub fn happens(&mut self, times: usize) -> bool {
        times > 0 && self.choose(times) == times - 1
    }

    /// Eight bytes as a number.
    pub fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// The next bytes, at most `most`.
    pub fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All remaining bytes.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// A text from the next bytes, at most `most`.
    pub fn text(&mut self, most: usize) -> String {
        let length = self.choose(most + 1);
        String::from_utf8_lossy(self.take(length)).into_owned()
    }
}
