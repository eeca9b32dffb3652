//! Any sequence of tabs, servers and a device that fail: the loader gets exactly the right bytes, or the visitor an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prunescope_downloads::world;

fuzz_target!(|script: &[u8]| world::run(script));
