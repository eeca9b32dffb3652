//! Runs every fuzz target on the inputs in its corpus, earlier findings included; see `tests/fuzz/src`. The inputs of `kept` are run
//! next to `crates/downloads/src/world.rs`.
//!
//! A program with a single test, since memory is measured for the whole process: other tests beside it would be counted too.

#[expect(unreachable_pub, reason = "it is the library of the fuzz targets too")]
#[path = "src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn every_input_that_is_kept_does_what_it_must() {
    for (target, _) in targets::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
        let mut count = 0;
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            // A panic's message does not name the file.
            println!("{}", path.display());
            targets::run(target, &fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}
