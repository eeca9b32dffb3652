//! `prunescope serve`, as pages use it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use prunescope_protocol::messages::{
    Backend, DeviceChoice, Measurement, ModelFiles, ModelOrder, Request, RunEvent, Stage, WorkerEvent,
};
use prunescope_protocol::results::{ModelInfo, RunReport};
use prunescope_protocol::settings::{MeasureSettings, Precision, RunSettings};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tiny.gguf");

/// A running engine, ended with the test.
struct Engine {
    child: Child,
    address: String,
    _rest: BufReader<std::process::ChildStdout>,
}

impl Engine {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_prunescope"))
            .args(["serve", "--model", TINY, "--port", "0", "--threads", "1"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("The engine listens at ").expect("an address").to_owned();
        Self { child, address, _rest: lines }
    }

    /// Host and port.
    fn place(&self) -> &str {
        self.address.strip_prefix("ws://").unwrap().split('/').next().unwrap()
    }

    fn page(&self) -> Page {
        self.connect(&self.address, None, None).expect("the engine lets the page in")
    }

    /// Connects; the error is the HTTP status of a refusal.
    fn connect(&self, address: &str, origin: Option<&str>, host: Option<&str>) -> Result<Page, u16> {
        let mut request = address.into_client_request().unwrap();
        for (name, value) in [("origin", origin), ("host", host)] {
            if let Some(value) = value {
                request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        let stream = TcpStream::connect(self.place()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Page { socket }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

struct Page {
    socket: WebSocket<TcpStream>,
}

impl Page {
    fn send(&mut self, request: &Request) {
        self.socket.send(Message::Text(serde_json::to_string(request).unwrap().into())).unwrap();
    }

    fn hear(&mut self) -> WorkerEvent {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Hears until an event that is wanted.
    fn until<T>(&mut self, wanted: impl Fn(WorkerEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.hear()) {
                return found;
            }
        }
    }

    fn load(&mut self) -> ModelInfo {
        self.send(&load(""));
        self.until(|event| match event {
            WorkerEvent::Ready { model } => Some(*model),
            _ => None,
        })
    }

    /// Runs settings.
    fn run(&mut self, run: u64, settings: &RunSettings) -> RunReport {
        self.send(&Request::Run { run, settings: settings.clone() });
        self.report(run)
    }

    /// The report of a run. Everything that is heard until then belongs to a run of this page, whose numbers have the same hundreds.
    fn report(&mut self, run: u64) -> RunReport {
        self.until(|event| match event {
            WorkerEvent::Run { run: of, event } => {
                assert_eq!(of / 100, run / 100, "{event:?}");
                match event {
                    RunEvent::Done { report } if of == run => Some(*report),
                    RunEvent::Failed { message, .. } => panic!("{message}"),
                    _ => None,
                }
            }
            _ => None,
        })
    }
}

fn load(source: &str) -> Request {
    let files = ModelFiles::Address { address: "https://unreachable.invalid/model.gguf".into() };
    let model = ModelOrder { source: source.into(), files, allowance: None };
    let device = DeviceChoice {
        backend: Backend::Cpu,
        reason: String::new(),
        required: false,
        largest_binding: None,
        threads: 1,
    };
    Request::Load { model, other: None, precision: Precision::default(), device }
}

fn settings(plan: &str) -> RunSettings {
    RunSettings {
        prompt: "The river".into(),
        chat: false,
        tokens: 4,
        plan: plan.parse().unwrap(),
        ..RunSettings::default()
    }
}

/// Without its times, which differ.
fn numbers(mut report: RunReport) -> RunReport {
    report.timings_ms = Default::default();
    report
}

#[test]
fn two_pages_at_once_each_hear_their_own_run() {
    let engine = Engine::start(&[]);
    let (mut first, mut second) = (engine.page(), engine.page());
    assert_eq!(first.hear(), WorkerEvent::Hello);
    let model = first.load();
    assert_eq!((model.config.layers, model.source.as_str()), (4, "tiny.gguf"));
    second.load();
    let alone = numbers(first.run(101, &settings("m2")));
    let other = numbers(first.run(102, &settings("a1")));
    assert_ne!(alone, other);
    // At once: runs of several pages, each with its own numbers.
    for run in 3..6 {
        first.send(&Request::Run { run: 100 + run, settings: settings("m2") });
        assert_eq!(numbers(second.run(200 + run, &settings("a1"))), other);
        assert_eq!(numbers(first.report(100 + run)), alone);
    }
}

#[test]
fn a_newer_request_stops_an_older_one_and_pings_are_answered_meanwhile() {
    let engine = Engine::start(&[]);
    let mut page = engine.page();
    page.load();
    let long = RunSettings { tokens: 64, ..settings("m2") };
    page.run(1, &settings("m2"));
    let measure = MeasureSettings { sample: 0, ..MeasureSettings::default() };
    page.send(&Request::Measure { run: 1, settings: long.clone(), measure, what: Measurement::Sweep });
    page.send(&Request::Ping);
    page.until(|event| matches!(event, WorkerEvent::Pong).then_some(()));
    page.send(&Request::Run { run: 2, settings: settings("a1") });
    let stopped = page.until(|event| match event {
        WorkerEvent::Run { run: 1, event: RunEvent::Stopped } => Some(true),
        WorkerEvent::Run { run: 2, event: RunEvent::Done { .. } } => Some(false),
        _ => None,
    });
    assert!(stopped, "the sweep stops before the new run");
    page.send(&Request::Stop);
    page.until(|event| matches!(event, WorkerEvent::Stopped).then_some(()));
}

#[test]
fn a_page_is_answered_while_another_measures_for_long() {
    let engine = Engine::start(&[]);
    let (mut patient, mut other) = (engine.page(), engine.page());
    patient.load();
    other.load();
    patient.run(101, &settings("m2"));
    let measure = MeasureSettings { sample: 0, ..MeasureSettings::default() };
    patient.send(&Request::Measure { run: 101, settings: settings("m2"), measure, what: Measurement::Sweep });
    patient.until(|event| matches!(event, WorkerEvent::Run { event: RunEvent::SweepPoint { .. }, .. }).then_some(()));
    other.run(201, &settings("a1"));
    // The answer stands behind all that the sweep has told so far, and the sweep is not over.
    patient.send(&Request::Ping);
    let is_over = patient.until(|event| match event {
        WorkerEvent::Run { event: RunEvent::Measured { .. }, .. } => Some(true),
        WorkerEvent::Pong => Some(false),
        _ => None,
    });
    assert!(!is_over, "the other page had to wait for the whole sweep");
    patient.send(&Request::Stop);
    patient.until(|event| matches!(event, WorkerEvent::Stopped).then_some(()));
}

#[test]
fn nothing_is_fetched_for_a_page_and_it_hears_which_model_computes() {
    let engine = Engine::start(&[]);
    let mut page = engine.page();
    page.send(&load("https://unreachable.invalid/model.gguf"));
    let notice = page.until(|event| match event {
        WorkerEvent::Notice { message } => Some(message),
        _ => None,
    });
    assert!(notice.contains("unreachable.invalid") && notice.contains("tiny.gguf"), "{notice}");
    page.socket.send(Message::Text("{\"type\": \"nonsense\"}".into())).unwrap();
    let said = page.until(|event| match event {
        WorkerEvent::Failed { stage: Stage::Run, message, fatal: false } => Some(message),
        _ => None,
    });
    assert!(said.contains("cannot read"), "{said}");
    assert_eq!(page.load().config.layers, 4);
}

#[test]
fn pages_from_elsewhere_and_names_that_only_point_here_are_refused() {
    let engine = Engine::start(&["--allow-origin", "https://prunescope.example"]);
    let own = format!("http://{}", engine.place());
    for (origin, host, let_in) in [
        (None, None, true),
        (Some(own.as_str()), None, true),
        (Some("https://prunescope.example"), None, true),
        (Some("https://evil.example"), None, false),
        (Some("null"), None, false),
        (Some("http://rebound.example"), Some("rebound.example"), false),
        (None, Some("rebound.example"), false),
    ] {
        let found = engine.connect(&engine.address, origin, host).map(|_| ());
        assert_eq!(found, if let_in { Ok(()) } else { Err(403) }, "{origin:?} {host:?}");
    }
}

#[test]
fn a_token_is_asked_for_and_a_page_too_many_is_told() {
    let engine = Engine::start(&["--token", "abcdefgh", "--visitors", "1"]);
    let (bare, _) = engine.address.split_once('?').expect("the address holds the token");
    assert_eq!(engine.connect(bare, None, None).map(|_| ()), Err(403));
    assert_eq!(engine.connect(&format!("{bare}?token=abcdefgi"), None, None).map(|_| ()), Err(403));
    let mut first = engine.page();
    first.load();
    let mut second = engine.page();
    let said = second.until(|event| match event {
        WorkerEvent::Failed { stage: Stage::Device, message, .. } => Some(message),
        _ => None,
    });
    assert!(said.contains("already serves 1"), "{said}");
    // A place that is left is free again, as soon as the engine has seen the end of the connection.
    first.socket.close(None).unwrap();
    while first.socket.read().is_ok() {}
    drop(first);
    let free = (0..100).any(|_| {
        let mut third = engine.page();
        third.hear();
        third.send(&Request::Ping);
        matches!(third.socket.read(), Ok(Message::Text(text)) if text.contains("pong"))
    });
    assert!(free);
}

#[test]
fn it_serves_the_site_and_says_where_there_is_none() {
    let folder = std::env::temp_dir().join(format!("prunescope-serve-site-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let site = folder.to_str().unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_prunescope"))
        .args(["serve", "--model", TINY, "--port", "0", "--site", site])
        .output()
        .unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("holds no index.html"));
    std::fs::write(folder.join("index.html"), "<p>the page</p>").unwrap();
    std::fs::write(folder.parent().unwrap().join(format!("outside-{}", std::process::id())), "secret").unwrap();
    let engine = Engine::start(&["--site", site]);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(engine.place()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", engine.place()).unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    let page = get("/");
    assert!(page.starts_with("HTTP/1.0 200") && page.ends_with("<p>the page</p>"), "{page}");
    assert!(page.contains("cross-origin-opener-policy: same-origin"), "{page}");
    let outside = get(&format!("/../outside-{}", std::process::id()));
    assert!(!outside.contains("secret"), "{outside}");
    std::fs::remove_dir_all(&folder).unwrap();
}
