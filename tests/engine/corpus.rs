//! Runs every fuzz target on the inputs in its corpus, earlier findings included; see `tests/fuzz/src`. The inputs of `kept` are run
//! next to `crates/downloads/src/world.rs`.

use std::fs;

/// A single test, since memory is measured for the whole process: parallel targets would count each other's.
#[test]
fn every_input_that_is_kept_does_what_it_must() {
    for (target, _) in crate::targets::TARGETS {
        let folder = crate::common::root().join("tests/fuzz/corpus").join(target);
        let mut count = 0;
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            // A panic's message does not name the file.
            println!("{}", path.display());
            crate::targets::run(target, &fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}
