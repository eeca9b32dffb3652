//! `prunescope serve`: the engine for pages, over a WebSocket that speaks the page's own protocol, and the page itself.
//!
//! Messages are JSON texts as between page and worker: [`Request`] in, [`WorkerEvent`] out. Each connection has a session of its own; one
//! model is loaded, and connections share it and take turns at computing.
//!
//! [`Request`]: prunescope_protocol::messages::Request

mod guard;
mod turns;
mod visitor;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::{SinkExt, StreamExt};
use prunescope_engine::compute::Compute;
use prunescope_engine::model::LoadedModel;
use prunescope_protocol::messages::{Stage, WorkerEvent};
use tokio::sync::mpsc::channel;
use tokio::time::{Instant, timeout};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use url::form_urlencoded;

use crate::error::Error;
use guard::{Guard, Refusal};
use turns::Turns;
use visitor::{Events, Heard, Served};

/// Largest message of a page: its own task sets and texts.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// How often a page is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Longest time without a word from a page, which answers at least the pings, and longest time that it takes to accept an event.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most events that wait for a page to read them: many times those of any measurement.
const MAX_EVENTS: usize = 1 << 14;
/// Most requests of a page that wait for the engine.
const MAX_REQUESTS: usize = 256;
/// The address of the WebSocket.
const ENGINE: &str = "/engine";

/// Tells the terminal of refusals, on a thread of its own: a terminal that is not read must not stop the engine.
struct Log(mpsc::SyncSender<String>);

impl Log {
    /// Begins the thread.
    fn begin() -> Self {
        let (sender, lines) = mpsc::sync_channel::<String>(16);
        // Without it nothing is told.
        let _ =
            thread::Builder::new().name("log".into()).spawn(move || lines.iter().for_each(|line| eprintln!("{line}")));
        Self(sender)
    }

    /// Tells of a refusal; of very many, some only.
    fn refused(&self, refusal: &Refusal) {
        let why: String = refusal.to_string().chars().take(300).collect();
        let _ = self.0.try_send(format!("A connection was refused: {why}."));
    }
}

/// Where and for whom the engine is.
#[derive(Clone, Debug)]
pub(crate) struct ServeOptions {
    /// The address to listen at.
    pub(crate) host: IpAddr,
    /// The port; 0 for a free one.
    pub(crate) port: u16,
    /// The folder of the built site, which is served, too.
    pub(crate) site: Option<PathBuf>,
    /// Origins of pages elsewhere that may use the engine.
    pub(crate) origins: Vec<String>,
    /// The token; chosen at random if it is needed and none is given.
    pub(crate) token: Option<String>,
    /// Largest number of pages at once.
    pub(crate) visitors: usize,
}

/// What every connection needs.
struct Service<C: Compute> {
    served: Arc<Served<C>>,
    guard: Guard,
    log: Log,
    visitors: AtomicUsize,
    most: usize,
}

/// Takes the place to listen at, so that what is wrong with it is told before a model is loaded.
pub(crate) fn listen(options: &ServeOptions) -> Result<TcpListener, Error> {
    if let Some(site) = options.site.as_ref().filter(|site| !site.join("index.html").is_file()) {
        return Err(Error::NoSite { path: site.clone() });
    }
    let address = SocketAddr::new(options.host, options.port);
    let not_served = |why| Error::NotServed { address, why };
    let listener = TcpListener::bind(address).map_err(not_served)?;
    listener.set_nonblocking(true).map_err(not_served)?;
    Ok(listener)
}

/// Serves a model until the program is ended.
///
/// * `name`: the file's name.
/// * `device`: the processor or GPU, as a sentence.
pub(crate) fn serve<C: Compute>(
    listener: TcpListener,
    model: LoadedModel<C>,
    name: String,
    device: String,
    options: &ServeOptions,
) -> Result<(), Error>
where
    LoadedModel<C>: Send + Sync,
{
    let token = match &options.token {
        Some(token) => Some(token.clone()),
        None if options.host.is_loopback() => None,
        None => Some(random_token()?),
    };
    let guard = Guard { origins: options.origins.clone(), token: token.clone() };
    let served = Arc::new(Served { model, name, device, turns: Turns::default() });
    let service =
        Arc::new(Service { served, guard, log: Log::begin(), visitors: AtomicUsize::new(0), most: options.visitors });
    let mut router = Router::new().route(ENGINE, any(connect::<C>)).with_state(service);
    router = match &options.site {
        Some(site) => router.fallback_service(ServeDir::new(site)),
        None => router.route(
            "/",
            get(|| async { "Prunescope's engine. Attach a page with ?engine=ws://…, as it was printed.\n" }),
        ),
    };
    // Shared memory for the engine in the browser, as `public/sw.js` asks for elsewhere.
    for (name, value) in
        [("cross-origin-opener-policy", "same-origin"), ("cross-origin-embedder-policy", "require-corp")]
    {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, value));
    }
    let address = SocketAddr::new(options.host, options.port);
    let not_served = |why: std::io::Error| Error::NotServed { address, why };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_io()
        .enable_time()
        .build()
        .map_err(not_served)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(not_served)?;
        let at = listener.local_addr().map_err(not_served)?;
        tell_where(at, token.as_deref(), options.site.is_some());
        axum::serve(listener, router).await.map_err(not_served)
    })
}

/// Prints the addresses.
fn tell_where(at: SocketAddr, token: Option<&str>, has_site: bool) {
    let token = token.map_or(String::new(), |token| format!("?token={token}"));
    // What stands for all addresses is none that a browser can ask for.
    let host = match at.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => "localhost".to_owned(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let place = format!("{host}:{}", at.port());
    let engine = format!("ws://{place}{ENGINE}{token}");
    println!("The engine listens at {engine}");
    let coded: String = form_urlencoded::byte_serialize(engine.as_bytes()).collect();
    if has_site {
        println!("Open http://{place}/?engine={coded}");
    } else {
        println!("Open the page with ?engine={coded}");
    }
    if at.ip().is_unspecified() {
        println!("From other machines, put this machine's name or address in place of localhost, both times.");
    }
}

/// 128 random bits as hexadecimal digits.
fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|why| Error::NoToken { why: why.to_string() })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The query of the WebSocket's address.
#[derive(serde::Deserialize)]
struct Access {
    token: Option<String>,
}

/// Answers a page that wants to connect.
async fn connect<C: Compute>(
    State(service): State<Arc<Service<C>>>,
    Query(Access { token }): Query<Access>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response
where
    LoadedModel<C>: Send + Sync,
{
    // A header that is there twice or cannot be read is none that a browser sends.
    let one = |name: HeaderName| match &headers.get_all(name).iter().collect::<Vec<_>>()[..] {
        [] => Ok(None),
        [value] => value.to_str().map(Some).map_err(|_| Refusal::Headers),
        _ => Err(Refusal::Headers),
    };
    let checked = one(header::HOST)
        .and_then(|host| service.guard.check(host.unwrap_or_default(), one(header::ORIGIN)?, token.as_deref()));
    if let Err(refusal) = checked {
        service.log.refused(&refusal);
        return (StatusCode::FORBIDDEN, format!("{refusal}.\n")).into_response();
    }
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| attend(service, socket))
}

/// Serves a page until its connection ends.
async fn attend<C: Compute>(service: Arc<Service<C>>, socket: WebSocket)
where
    LoadedModel<C>: Send + Sync,
{
    let (mut to_page, mut from_page) = socket.split();
    let text = |event: &WorkerEvent| Message::Text(serde_json::to_string(event).unwrap_or_default().into());
    let _ = to_page.send(text(&WorkerEvent::Hello)).await;
    let Some(place) = Place::take(&service) else {
        let message =
            format!("the engine already serves {} pages: close one, or start it with --visitors", service.most);
        let _ = to_page.send(text(&WorkerEvent::Failed { stage: Stage::Device, message, fatal: false })).await;
        let _ = timeout(PATIENCE, to_page.close()).await;
        return;
    };
    let heard = Arc::new(Heard::default());
    let (jobs, waiting) = mpsc::sync_channel(MAX_REQUESTS);
    let (sender, mut told) = channel(MAX_EVENTS);
    let answers = Events::new(sender, heard.clone());
    let (served, hears, events) = (service.served.clone(), heard.clone(), answers.clone());
    let session = thread::Builder::new().name("visitor".into()).stack_size(8 << 20);
    let begun = session.spawn(move || {
        // The place is taken until the work of a page that has left is stopped.
        let _place = place;
        visitor::serve(&served, &hears, &waiting, &events);
    });
    if let Err(why) = begun {
        let message = format!("no thread could be started for this page ({why})");
        let _ = to_page.send(text(&WorkerEvent::Failed { stage: Stage::Device, message, fatal: false })).await;
        return;
    }
    let mut pings = tokio::time::interval(PING_EVERY);
    let mut heard_at = Instant::now();
    loop {
        let message = tokio::select! {
            event = told.recv() => match event {
                Some(event) => {
                    let ends = matches!(event, WorkerEvent::Failed { fatal: true, .. });
                    let sent = timeout(PATIENCE, to_page.send(text(&event))).await;
                    if ends || !matches!(sent, Ok(Ok(()))) {
                        break;
                    }
                    continue;
                }
                // The connection's own sender is open, so the end is never seen here.
                None => break,
            },
            _ = pings.tick() => {
                let asked = timeout(PATIENCE, to_page.send(Message::Ping(Bytes::new()))).await;
                if heard_at.elapsed() > PATIENCE || !matches!(asked, Ok(Ok(()))) {
                    break;
                }
                continue;
            }
            message = from_page.next() => message,
        };
        heard_at = Instant::now();
        match message {
            Some(Ok(Message::Text(message))) => heard.request(&message, &jobs, &answers),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            // Answers to pings; there is no binary message in the protocol.
            Some(Ok(_)) => {}
        }
    }
    heard.leave();
    let _ = timeout(PATIENCE, to_page.close()).await;
}

/// A page's place among those that are served.
struct Place<C: Compute>(Arc<Service<C>>);

impl<C: Compute> Place<C> {
    /// Takes one, if there is one.
    fn take(service: &Arc<Service<C>>) -> Option<Self> {
        let place = Self(service.clone());
        (service.visitors.fetch_add(1, Ordering::SeqCst) < service.most).then_some(place)
    }
}

impl<C: Compute> Drop for Place<C> {
    fn drop(&mut self) {
        self.0.visitors.fetch_sub(1, Ordering::SeqCst);
    }
}
