//! Routes, said once: what answers, who may ask, and what it does in a few words.
//!
//! The router, the table of who may do what, and the OpenAPI document are all made of this one list. A route that does not
//! say who may ask is for admins alone.

use crate::state::App;
use automl_store::access::Role;
use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter};
use std::collections::BTreeMap;
use std::convert::Infallible;
use tower::Service;

/// What a request must show to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Nobody,
    /// A user with this role or a higher one.
    Role(Role),
}

/// Whom an endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A program, with JSON or a file.
    Program,
    /// A browser, with a page.
    Browser,
    /// A client of gRPC.
    Grpc,
}

/// One method of a path.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) need: Need,
    /// What it does; nothing if whoever added it did not say.
    pub(crate) summary: Option<&'static str>,
    /// Whether a body is passed on as it comes, however long, as files are.
    pub(crate) is_streamed: bool,
    /// Whether the handler refuses a body that is too long, in the form of its protocol; else the guard does.
    pub(crate) bounds_body: bool,
    /// Whether it changes something, though it needs no more than to read; else the role says.
    pub(crate) is_write: bool,
    pub(crate) answers: Answers,
}

/// What answers the methods of a path.
pub(crate) struct Methods {
    router: MethodRouter<App>,
    endpoints: Vec<Endpoint>,
}

macro_rules! verbs {
    ($($name:ident $method:ident;)*) => {
        $(
            pub(crate) fn $name<H: Handler<T, App>, T: 'static>(handler: H) -> Methods {
                Methods::new().on(Method::$method, MethodFilter::$method, handler)
            }
        )*

        impl Methods {
            $(
                pub(crate) fn $name<H: Handler<T, App>, T: 'static>(self, handler: H) -> Self {
                    self.on(Method::$method, MethodFilter::$method, handler)
                }
            )*
        }
    };
}

verbs! {
    get GET;
    post POST;
    patch PATCH;
    put PUT;
    delete DELETE;
}

/// A gRPC service, which answers all calls below its path by itself.
pub(crate) fn grpc() -> Methods {
    let mut methods = Methods::new();
    methods.endpoints.push(Endpoint {
        method: Method::POST,
        need: Need::Role(Role::Admin),
        summary: None,
        is_streamed: true,
        bounds_body: true,
        is_write: true,
        answers: Answers::Grpc,
    });
    methods
}

impl Methods {
    fn new() -> Self {
        Self {
            router: MethodRouter::new(),
            endpoints: Vec::new(),
        }
    }

    fn on<H: Handler<T, App>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        handler: H,
    ) -> Self {
        self.endpoints.push(Endpoint {
            method,
            need: Need::Role(Role::Admin),
            summary: None,
            is_streamed: false,
            bounds_body: false,
            is_write: true,
            answers: Answers::Program,
        });
        Self {
            router: self.router.on(filter, handler),
            ..self
        }
    }

    fn say(mut self, need: Need, is_write: bool, summary: &'static str) -> Self {
        if let Some(last) = self.endpoints.last_mut() {
            (last.need, last.is_write, last.summary) = (need, is_write, Some(summary));
        }
        self
    }

    /// Everyone may ask, unknown or not.
    pub(crate) fn open(self, summary: &'static str) -> Self {
        self.say(Need::Nobody, false, summary)
    }

    /// Reads.
    pub(crate) fn viewer(self, summary: &'static str) -> Self {
        self.say(Need::Role(Role::Viewer), false, summary)
    }

    /// Shows a page.
    pub(crate) fn page(self, summary: &'static str) -> Self {
        let mut methods = self.viewer(summary);
        if let Some(last) = methods.endpoints.last_mut() {
            last.answers = Answers::Browser;
        }
        methods
    }

    /// Writes.
    pub(crate) fn editor(self, summary: &'static str) -> Self {
        self.say(Need::Role(Role::Editor), true, summary)
    }

    /// Reads or changes who may do what.
    pub(crate) fn admin(self, summary: &'static str) -> Self {
        let is_write = self
            .endpoints
            .last()
            .is_some_and(|last| last.method != Method::GET);
        self.say(Need::Role(Role::Admin), is_write, summary)
    }

    /// Changes what is the asker's own.
    pub(crate) fn own(self, summary: &'static str) -> Self {
        self.say(Need::Role(Role::Viewer), true, summary)
    }

    /// The handler bounds the body by itself.
    pub(crate) fn bounded(mut self) -> Self {
        if let Some(last) = self.endpoints.last_mut() {
            last.bounds_body = true;
        }
        self
    }

    /// Files go through as they come, and count for the quota of a token.
    pub(crate) fn streamed(mut self) -> Self {
        if let Some(last) = self.endpoints.last_mut() {
            last.is_streamed = true;
        }
        self
    }
}

/// Endpoints by the template of their path.
pub(crate) type Table = BTreeMap<String, Vec<Endpoint>>;

/// Routes with what is said of them.
pub(crate) struct Routes {
    router: Router<App>,
    table: Table,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self {
            router: Router::new(),
            table: Table::new(),
        }
    }

    pub(crate) fn route(mut self, path: &str, methods: Methods) -> Self {
        let endpoints = self.table.entry(path.to_owned()).or_default();
        endpoints.extend(methods.endpoints);
        Self {
            router: self.router.route(path, methods.router),
            ..self
        }
    }

    /// A service of its own below a path, behind the guard like all others.
    pub(crate) fn service<S>(mut self, path: &str, service: S, methods: Methods) -> Self
    where
        S: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.table.insert(path.to_owned(), methods.endpoints);
        Self {
            router: self.router.route_service(path, service),
            ..self
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        for (path, endpoints) in other.table {
            self.table.entry(path).or_default().extend(endpoints);
        }
        Self {
            router: self.router.merge(other.router),
            ..self
        }
    }

    /// The same routes below two paths: MLflow's clients use the one, its pages the other.
    pub(crate) fn twice(self, first: &str, second: &str) -> Self {
        let mut table = Table::new();
        for (path, endpoints) in self.table {
            for prefix in [first, second] {
                table.insert(format!("{prefix}{path}"), endpoints.clone());
            }
        }
        let router = Router::new()
            .nest(first, self.router.clone())
            .nest(second, self.router);
        Self { router, table }
    }

    /// The same routes, inside what `wrap` puts around them.
    pub(crate) fn wrapped(self, wrap: impl FnOnce(Router<App>) -> Router<App>) -> Self {
        Self {
            router: wrap(self.router),
            ..self
        }
    }

    pub(crate) fn into_parts(self) -> (Router<App>, Table) {
        (self.router, self.table)
    }
}
