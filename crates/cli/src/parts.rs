//! Results of a measurement in files: parts of a sweep that are continued, and put together.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use prunescope_protocol::messages::RunEvent;
use prunescope_protocol::results::{SweepLine, SweepPoint};
use prunescope_protocol::settings::SweepAxis;

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
        let Part { points, .. } = Part::read(path, &text)?;
        // A program that was ended may have left a part of a line; what is no point is told again.
        let whole: String = points.values().map(|(_, line)| format!("{line}\n")).collect();
        let mut next = path.as_os_str().to_owned();
        next.push(".next");
        fs::write(&next, whole).and_then(|()| fs::rename(&next, path)).map_err(not_written)?;
        let file = OpenOptions::new().append(true).open(path).map_err(not_written)?;
        Ok((Self::Written(file), points.into_keys().map(|done| done - 1).collect()))
    }

    /// To a file that is begun anew.
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        File::create(path).map(Self::Written).map_err(|why| Error::NotWritten { path: path.into(), why })
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

/// What a file's whole lines hold of a sweep.
struct Part<'a> {
    /// The line of the importance by which sublayers were ranked.
    importance: Option<&'a str>,
    /// What all points of a sweep have in common: what it varies, and the sizes of its samples.
    kind: Option<(SweepAxis, [usize; 3])>,
    /// The points: by their number, each with the number of all points and its line.
    points: BTreeMap<usize, (usize, &'a str)>,
}

impl<'a> Part<'a> {
    /// Reads a file's text.
    fn read(path: &Path, text: &'a str) -> Result<Self, Error> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut part = Self { importance: None, kind: None, points: BTreeMap::new() };
        for (at, line) in whole.lines().enumerate() {
            match serde_json::from_str(line) {
                Ok(RunEvent::SweepPoint { done, total, point }) if (1..=total).contains(&done) => {
                    part.kind.get_or_insert_with(|| kind(&point));
                    if part.kind.as_ref() != Some(&kind(&point)) {
                        return Err(Error::OtherSweep { path: path.into(), point: done });
                    }
                    part.points.insert(done, (total, line));
                }
                Ok(RunEvent::Importance { .. }) => part.importance = Some(line),
                Ok(RunEvent::Measured { .. }) => {}
                _ => return Err(Error::NoPart { path: path.into(), line: at + 1 }),
            }
        }
        Ok(part)
    }
}

/// What a point has in common with all others of its sweep.
fn kind(point: &SweepPoint) -> (SweepAxis, [usize; 3]) {
    let axis = match point.line {
        SweepLine::Magnitude | SweepLine::Wanda => SweepAxis::Sparsity,
        SweepLine::RoundToNearest | SweepLine::ActivationAware | SweepLine::Gptq => SweepAxis::Bits,
        SweepLine::Attention
        | SweepLine::Mlp
        | SweepLine::Block
        | SweepLine::RepairedAttention
        | SweepLine::RepairedMlp => SweepAxis::Layers,
    };
    (axis, [point.choice.of, point.recall_1.of, point.generation.of])
}

/// Puts the parts of a sweep together: the lines of a sweep that one program measured.
pub(crate) fn merge(parts: &[(impl AsRef<Path>, String)]) -> Result<String, Error> {
    let mut all = Part { importance: None, kind: None, points: BTreeMap::new() };
    for (path, text) in parts {
        let path = path.as_ref();
        let part = Part::read(path, text)?;
        let other_sweep = |point| Error::OtherSweep { path: path.into(), point };
        let differs = |a: bool, b: bool, equal: bool| a && b && !equal;
        if differs(all.importance.is_some(), part.importance.is_some(), all.importance == part.importance)
            || differs(all.kind.is_some(), part.kind.is_some(), all.kind == part.kind)
        {
            return Err(other_sweep(part.points.keys().next().copied().unwrap_or_default()));
        }
        all.importance = all.importance.or(part.importance);
        all.kind = all.kind.or(part.kind);
        for (done, (total, line)) in part.points {
            let differs = |(known, other): &(usize, &str)| *known != total || *other != line;
            if all.points.get(&done).is_some_and(differs) || all.points.values().any(|(known, _)| *known != total) {
                return Err(other_sweep(done));
            }
            all.points.insert(done, (total, line));
        }
    }
    let Part { importance, points, .. } = all;
    let total = points.values().next().map_or(0, |(total, _)| *total);
    let missing: Vec<String> =
        (1..=total).filter(|done| !points.contains_key(done)).map(|done| done.to_string()).collect();
    if total == 0 || !missing.is_empty() {
        return Err(Error::Incomplete { missing: missing.join(", ") });
    }
    let measured = RunEvent::Measured { what: prunescope_protocol::messages::Measurement::Sweep };
    let end = serde_json::to_string(&measured)?;
    let lines = importance.into_iter().chain(points.values().map(|(_, line)| *line)).chain([end.as_str()]);
    Ok(lines.map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use prunescope_protocol::results::Proportion;

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
        let other = line(2, 3, 2).replace("\"choice\":{\"right\":0,\"of\":0}", "\"choice\":{\"right\":0,\"of\":5}");
        assert!(says(&[("a", line(1, 3, 1)), ("b", other.clone())]).contains("another sweep"), "another sample");
        assert!(says(&[("a", line(1, 3, 1) + &other)]).contains("another sweep"));
        assert!(says(&[("a", line(0, 3, 1))]).contains("line 1") && says(&[("a", line(4, 3, 1))]).contains("line 1"));
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
