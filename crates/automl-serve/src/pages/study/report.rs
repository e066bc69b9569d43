//! A study as a file that stands alone: its style is within, nothing is fetched and nothing runs.

use super::super::{assets, format};
use super::view::View;
use super::{body, state};
use crate::insight::Insight;
use automl_core::Clock;
use maud::{DOCTYPE, PreEscaped, html};

/// The file.
pub(crate) fn render(insight: &Insight) -> String {
    let study = &insight.study;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (study.name) " · automl" }
                style { (PreEscaped(assets::STYLE.text())) }
            }
            body.report {
                main {
                    div.head { h1 { (study.name) (state(study.state)) } p.soft { "Study, as it was on " (format::moment(Clock::unix_micros() / 1000)) } }
                    (body(insight, &View::whole(insight)))
                }
            }
        }
    };
    markup.into_string()
}
