//! Says no to requests for predictions before their bodies come: where there is no such endpoint, or it has no room.

use super::body::{patience_ms, wish};
use super::error::ScoreError;
use super::fleet::Fleet;
use super::live::Wish;
use super::numbers::Reason;
use super::queue::Patience;
use super::score::INLINE_BYTES;
use crate::fields::percent_decoded;
use automl_core::Clock;
use axum::http::{HeaderMap, Uri};

/// Looks whether an endpoint would answer, if a path asks one for predictions. What is said of it holds for now only: who is let
/// pass is asked again once the body is there.
///
/// # Errors
/// If it would not.
pub(crate) fn check_room(
    (fleet, root_endpoint): (&Fleet, Option<&str>),
    uri: &Uri,
    (headers, n_bytes): (&HeaderMap, Option<u64>),
) -> Result<(), ScoreError> {
    let Some((name, version)) = asked(uri.path(), root_endpoint) else {
        return Ok(());
    };
    let live = fleet.find(&percent_decoded(name))?;
    if live.slots.is_empty() {
        return Err(live.not_serving());
    }
    let said = wish(headers);
    let wish = Wish {
        deployment: version.or(said.deployment),
        ..said
    };
    let is_full = live.room.available_permits() == 0;
    // Who of several answers is decided when the request is there, but for one that names it.
    let is_certain = live.slots.len() == 1 || wish.deployment.is_some();
    if !is_full && !is_certain {
        return Ok(());
    }
    let slot = live.choose(wish)?;
    if is_full {
        slot.numbers.counts.failed(Reason::Rejected);
        return Err(live.busy());
    }
    // What is short may be scored at once, whatever waits.
    if n_bytes.is_some_and(|n_bytes| n_bytes <= INLINE_BYTES as u64) {
        return Ok(());
    }
    let patience = Patience {
        clock: Clock::start(),
        ms: patience_ms(headers)?,
    };
    slot.queue.check(patience).inspect_err(|error| {
        slot.numbers.ended(patience.clock.elapsed(), error);
        if matches!(error, ScoreError::Overloaded { .. }) {
            live.note_overload();
        }
    })
}

/// The endpoint that a path asks for predictions, and the version of it that it names.
fn asked<'a>(path: &'a str, root_endpoint: Option<&'a str>) -> Option<(&'a str, Option<&'a str>)> {
    if path == "/invocations" {
        return root_endpoint.map(|name| (name, None));
    }
    if let Some(rest) = path.strip_prefix("/endpoints/") {
        let (name, what) = rest.split_once('/')?;
        return ["predict", "invocations"]
            .contains(&what)
            .then_some((name, None));
    }
    if let Some(rest) = path.strip_prefix("/v2/models/") {
        let rest = rest.strip_suffix("/infer")?;
        return Some(match rest.split_once("/versions/") {
            Some((name, version)) => (name, Some(version)),
            None => (rest, None),
        });
    }
    let name = path.strip_prefix("/v1/")?.strip_suffix(":predict")?;
    Some((name.rsplit('/').next()?, None))
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn paths_name_endpoints_and_versions() {
        for (path, found) in [
            ("/endpoints/e/predict", Some(("e", None))),
            ("/endpoints/e/invocations", Some(("e", None))),
            ("/endpoints/e/feedback", None),
            ("/endpoints/e", None),
            ("/invocations", Some(("root", None))),
            ("/v2/models/e/infer", Some(("e", None))),
            ("/v2/models/e/versions/v3/infer", Some(("e", Some("v3")))),
            ("/v2/models/e/ready", None),
            (
                "/v1/projects/p/locations/l/endpoints/e:predict",
                Some(("e", None)),
            ),
            ("/v1/projects/p/locations/l/endpoints/e:explain", None),
            ("/api/2.0/mlflow/runs/create", None),
        ] {
            assert_eq!(asked(path, Some("root")), found, "{path}");
        }
        assert_eq!(asked("/invocations", None), None);
    }
}
