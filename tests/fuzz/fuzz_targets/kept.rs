//! Any script of tabs, servers and a device that fail: the loader gets exactly the right bytes, or there is a sentence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prunescope_downloads::world;

fuzz_target!(|script: &[u8]| world::run(script));
