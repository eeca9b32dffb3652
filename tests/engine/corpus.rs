//! Every input that a fuzzer's corpus keeps, findings among them, does what it must: see `tests/fuzz/src`. The inputs of `kept` are
//! played beside `crates/downloads/src/world.rs`.

use std::fs;

/// One test, since memory is measured: targets beside each other would count each other's.
#[test]
fn every_input_that_is_kept_does_what_it_must() {
    for (target, _) in crate::targets::TARGETS {
        let folder = crate::common::root().join("tests/fuzz/corpus").join(target);
        let mut count = 0;
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            // A panic's message names no file.
            println!("{}", path.display());
            crate::targets::run(target, &fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}
