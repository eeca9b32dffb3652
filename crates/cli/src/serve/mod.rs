//! `prunescope serve`: the engine for pages, over a WebSocket that speaks the page's own protocol, and the page itself.
//!
//! Messages are JSON texts as between page and worker: [`Request`] in, [`WorkerEvent`] out. Each connection has a session of its own; one
//! model is loaded, and connections share it and take turns at computing.
//!
//! [`Request`]: prunescope_protocol::messages::Request

mod guard;
mod turns;
mod visitor;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::{SinkExt, StreamExt};
use prunescope_engine::compute::Compute;
use prunescope_engine::model::LoadedModel;
use prunescope_protocol::messages::{Backend, Stage, WorkerEvent};
use tokio::sync::mpsc::unbounded_channel;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::Error;
use guard::Guard;
use turns::Turns;
use visitor::{Heard, Served};

/// Largest message of a page: its own task sets and texts.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// The address of the WebSocket.
const ENGINE: &str = "/engine";

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
    visitors: AtomicUsize,
    most: usize,
}

/// Serves a model until the program is ended.
///
/// * `name`: the file's name.
/// * `device`: the processor or GPU, as a sentence.
pub(crate) fn serve<C: Compute>(
    model: LoadedModel<C>,
    name: String,
    backend: Backend,
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
    let served = Arc::new(Served { model, name, backend, device, turns: Turns::default() });
    let service = Arc::new(Service { served, guard, visitors: AtomicUsize::new(0), most: options.visitors });
    let mut router = Router::new().route(ENGINE, any(connect::<C>)).with_state(service);
    router = match &options.site {
        Some(site) if site.join("index.html").is_file() => router.fallback_service(ServeDir::new(site)),
        Some(site) => return Err(Error::NoSite { path: site.clone() }),
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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().map_err(not_served)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.map_err(not_served)?;
        let at = listener.local_addr().map_err(not_served)?;
        tell_where(at, token.as_deref(), options.site.is_some());
        axum::serve(listener, router).await.map_err(not_served)
    })
}

/// Prints the addresses.
fn tell_where(at: SocketAddr, token: Option<&str>, has_site: bool) {
    let token = token.map_or(String::new(), |token| format!("?token={token}"));
    let engine = format!("ws://{at}{ENGINE}{token}");
    println!("The engine listens at {engine}");
    let coded = engine.replace('?', "%3F").replace('=', "%3D");
    if has_site {
        println!("Open http://{at}/?engine={coded}");
    } else {
        println!("Open the page with ?engine={coded}");
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
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Err(refusal) =
        service.guard.check(text(header::HOST).unwrap_or_default(), text(header::ORIGIN), token.as_deref())
    {
        eprintln!("A connection was refused: {refusal}.");
        return (StatusCode::FORBIDDEN, format!("{refusal}.\n")).into_response();
    }
    upgrade.max_message_size(MAX_MESSAGE_BYTES).on_upgrade(move |socket| attend(service, socket))
}

/// Serves a page until its connection ends.
async fn attend<C: Compute>(service: Arc<Service<C>>, socket: WebSocket)
where
    LoadedModel<C>: Send + Sync,
{
    let (mut to_page, mut from_page) = socket.split();
    let text = |event: &WorkerEvent| Message::Text(serde_json::to_string(event).unwrap_or_default().into());
    let _ = to_page.send(text(&WorkerEvent::Hello)).await;
    let place = Place::take(&service);
    let Some(_place) = place else {
        let message =
            format!("the engine already serves {} pages: close one, or start it with --visitors", service.most);
        let _ = to_page.send(text(&WorkerEvent::Failed { stage: Stage::Device, message, fatal: false })).await;
        return;
    };
    let heard = Arc::new(Heard::default());
    let (jobs, waiting) = mpsc::channel();
    let (events, mut told) = unbounded_channel();
    let answers = events.clone();
    let (served, hears) = (service.served.clone(), heard.clone());
    let session = thread::Builder::new().name("visitor".into()).stack_size(8 << 20);
    if let Err(why) = session.spawn(move || visitor::serve(&served, &hears, &waiting, &events)) {
        let message = format!("no thread could be started for this page ({why})");
        let _ = to_page.send(text(&WorkerEvent::Failed { stage: Stage::Device, message, fatal: false })).await;
        return;
    }
    loop {
        tokio::select! {
            event = told.recv() => match event {
                // The connection's own sender is open, so the end is never seen here.
                Some(event) => {
                    let ends = matches!(event, WorkerEvent::Failed { fatal: true, .. });
                    if to_page.send(text(&event)).await.is_err() || ends {
                        break;
                    }
                }
                None => break,
            },
            message = from_page.next() => match message {
                Some(Ok(Message::Text(message))) => heard.request(&message, &jobs, &|event| {
                    let _ = answers.send(event);
                }),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                // Pings of the WebSocket are answered by axum; there is no binary message in the protocol.
                Some(Ok(_)) => {}
            },
        }
    }
    heard.leave();
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
