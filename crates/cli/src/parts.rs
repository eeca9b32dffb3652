//! Results of a measurement in files: parts of a sweep that are continued, and put together.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use prunescope_protocol::messages::RunEvent;

use crate::error::Error;

/// Where the results of a measurement go, one JSON object a line.
pub(crate) enum Results {
    /// To standard output.
    Printed,
    /// To a file.
    Written(File),
}

impl Results {
    /// Opens a file behind its last whole line; returns the places of the sweep's points that it holds, counted from 0.
    pub(crate) fn at(path: &Path) -> Result<(Self, Vec<usize>), Error> {
        let not_written = |why| Error::NotWritten { path: path.into(), why };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(Error::Unreadable { path: path.into(), why }),
        };
        let points = points_of(path, &text)?;
        // A program that was ended may have left a part of a line, and one that was complete has said so.
        let whole: String = points.values().map(|(_, line)| format!("{line}\n")).collect();
        let next = path.with_extension("next");
        fs::write(&next, whole).and_then(|()| fs::rename(&next, path)).map_err(not_written)?;
        let file = OpenOptions::new().append(true).open(path).map_err(not_written)?;
        Ok((Self::Written(file), points.into_keys().map(|done| done - 1).collect()))
    }

    /// Writes an event.
    pub(crate) fn tell(&mut self, event: &RunEvent) -> io::Result<()> {
        let line = serde_json::to_string(event).unwrap_or_default();
        match self {
            Self::Printed => writeln!(io::stdout(), "{line}"),
            // In one call, so that no other line comes in between.
            Self::Written(file) => file.write_all(format!("{line}\n").as_bytes()),
        }
    }
}

/// The points of a sweep in a file's whole lines: by their number, each with the number of all points and its line.
fn points_of<'a>(path: &Path, text: &'a str) -> Result<BTreeMap<usize, (usize, &'a str)>, Error> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut points = BTreeMap::new();
    for (at, line) in whole.lines().enumerate() {
        match serde_json::from_str(line) {
            Ok(RunEvent::SweepPoint { done, total, .. }) => {
                points.insert(done, (total, line));
            }
            Ok(RunEvent::Measured { .. }) => {}
            _ => return Err(Error::NoPart { path: path.into(), line: at + 1 }),
        }
    }
    Ok(points)
}

/// Puts the parts of a sweep together: the lines of a sweep that one program measured.
pub(crate) fn merge(parts: &[(impl AsRef<Path>, String)]) -> Result<String, Error> {
    let mut points: BTreeMap<usize, (usize, &str)> = BTreeMap::new();
    for (path, text) in parts {
        let path = path.as_ref();
        for (done, (total, line)) in points_of(path, text)? {
            let differs = |(known, other): &(usize, &str)| *known != total || *other != line;
            if points.get(&done).is_some_and(differs) || points.values().any(|(known, _)| *known != total) {
                return Err(Error::OtherSweep { path: path.into(), point: done });
            }
            points.insert(done, (total, line));
        }
    }
    let total = points.values().next().map_or(0, |(total, _)| *total);
    let missing: Vec<String> =
        (1..=total).filter(|done| !points.contains_key(done)).map(|done| done.to_string()).collect();
    if total == 0 || !missing.is_empty() {
        return Err(Error::Incomplete { missing: missing.join(", ") });
    }
    let measured = RunEvent::Measured { what: prunescope_protocol::messages::Measurement::Sweep };
    let end = serde_json::to_string(&measured)?;
    Ok(points.values().map(|(_, line)| *line).chain([end.as_str()]).map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use prunescope_protocol::results::{Proportion, SweepLine, SweepPoint};

    use super::*;

    fn point(x: usize) -> SweepPoint {
        let [choice, letters, recall_1, recall_5, generation] = [Proportion::default(); 5];
        SweepPoint { line: SweepLine::Block, x, plan: String::new(), choice, letters, recall_1, recall_5, generation }
    }

    fn line(done: usize, total: usize, x: usize) -> String {
        let point = point(x);
        serde_json::to_string(&RunEvent::SweepPoint { point: Box::new(point), done, total }).unwrap() + "\n"
    }

    #[test]
    fn parts_in_any_order_make_the_whole() {
        let parts = [("b", line(2, 3, 20)), ("a", line(3, 3, 30) + &line(1, 3, 10)), ("again", line(2, 3, 20))];
        let merged = merge(&parts).unwrap();
        assert!(merged.starts_with(&(line(1, 3, 10) + &line(2, 3, 20) + &line(3, 3, 30))));
        assert_eq!(merged.lines().count(), 4);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let says = |parts: &[(&str, String)]| merge(parts).unwrap_err().to_string();
        assert!(says(&[("a", line(1, 3, 1)), ("b", line(3, 3, 3))]).contains("lack 2"));
        assert!(says(&[("a", line(1, 3, 1)), ("b", line(1, 3, 9))]).contains("b"));
        assert!(says(&[("a", line(1, 3, 1)), ("b", line(2, 4, 9))]).contains("another sweep"));
        assert!(says(&[("a", "nonsense\n".into())]).contains("line 1"));
        assert!(merge(&[("a", String::new())]).is_err());
    }

    #[test]
    fn a_file_is_continued_behind_its_last_whole_line() {
        let path = std::env::temp_dir().join(format!("prunescope-part-{}.jsonl", std::process::id()));
        let first = line(1, 3, 10);
        fs::write(&path, format!("{first}{}", &line(2, 3, 20)[..20])).unwrap();
        let (mut results, known) = Results::at(&path).unwrap();
        assert_eq!(known, [0]);
        results.tell(&RunEvent::SweepPoint { point: Box::new(point(20)), done: 2, total: 3 }).unwrap();
        drop(results);
        assert_eq!(fs::read_to_string(&path).unwrap(), first + &line(2, 3, 20));
        fs::remove_file(path).unwrap();
    }
}
