//! What all pages share: the bar at the top, the way to where one is, and the headers that keep a browser from running
//! or fetching anything but this program's own files.

use super::assets;
use automl_store::tracking::now_ms;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// Only files of this server; no script or style inside a page, so that none that was logged can run.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Which part of the studio a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Experiments,
    Models,
    Studies,
    Endpoints,
    Elsewhere,
}

/// A page to be.
pub(super) struct Shell {
    title: String,
    place: Place,
    crumbs: Vec<(String, String)>,
    is_live: bool,
}

impl Shell {
    pub(super) fn new(title: impl Into<String>, place: Place) -> Self {
        Self {
            title: title.into(),
            place,
            crumbs: Vec::new(),
            is_live: false,
        }
    }

    /// A page above this one.
    pub(super) fn below(mut self, title: impl Into<String>, address: impl Into<String>) -> Self {
        self.crumbs.push((title.into(), address.into()));
        self
    }

    /// Whether the page changes while it is looked at.
    pub(super) fn live(mut self, is_live: bool) -> Self {
        self.is_live = is_live;
        self
    }

    pub(super) fn show(self, body: &Markup) -> Page {
        let here = |place| (self.place == place).then_some("page");
        Page(html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · automl" }
                    link rel="icon" type="image/svg+xml" href=(assets::ICON.address());
                    link rel="stylesheet" href=(assets::STYLE.address());
                    script defer src=(assets::SCRIPT.address()) {}
                }
                body {
                    a.skip href="#main" { "Skip to the page" }
                    header.bar {
                        a.brand href="/" { img src=(assets::ICON.address()) alt="" width="20" height="20"; "automl" }
                        nav aria-label="Parts" {
                            a href="/" aria-current=[here(Place::Experiments)] { "Experiments" }
                            a href="/models" aria-current=[here(Place::Models)] { "Models" }
                            a href="/studies" aria-current=[here(Place::Studies)] { "Studies" }
                            a href="/endpoints" aria-current=[here(Place::Endpoints)] { "Endpoints" }
                        }
                        @if self.is_live { span.live title="This page follows what goes on" { "live" } }
                    }
                    main id="main" data-live[self.is_live] {
                        @if !self.crumbs.is_empty() {
                            nav.crumbs aria-label="Where this is" {
                                @for (title, address) in &self.crumbs { a href=(address) { (title) } span aria-hidden="true" { "/" } }
                            }
                        }
                        (body)
                    }
                }
            }
        })
    }
}

/// A page as it is sent.
pub(super) struct Page(Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Html(self.0.into_string()).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// A moment: how long ago, and exactly when one points at it.
pub(super) fn moment(ms: Option<i64>) -> Markup {
    html! {
        @if let Some(ms) = ms {
            time datetime=(automl_store::rfc3339(ms.saturating_mul(1000))) title=(super::format::moment(ms)) { (super::format::ago(ms, now_ms())) }
        } @else { span.none { "–" } }
    }
}

/// Links to the first page and to the next, where there are such.
pub(super) fn pager(query: &super::query::Query, next: Option<&str>) -> Markup {
    let is_later = !query.one("page").is_empty();
    html! {
        @if is_later || next.is_some() {
            nav.pager aria-label="Pages" {
                @if is_later { a.button href=(query.with(&[("page", "")])) { "First page" } }
                @if let Some(next) = next { a.button rel="next" href=(query.with(&[("page", next)])) { "Next page" } }
            }
        }
    }
}
