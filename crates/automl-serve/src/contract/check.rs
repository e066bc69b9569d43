//! Holds what handlers take and give in tests against what is said of them.

use super::{Contract, Gives, Operation, Stands};
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http_body_util::{BodyExt, Collected};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Methods and templates of routes that were answered as was said.
pub(crate) type Answered = Arc<Mutex<BTreeSet<String>>>;

/// The same router, which panics where an answer is not what was said, or something was done with a field that is not.
pub(crate) fn checked(router: Router, answered: &Answered) -> Router {
    router.layer(from_fn_with_state(answered.clone(), watch))
}

async fn watch(State(answered): State<Answered>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let route = parts.extensions.get::<MatchedPath>();
    let route = route.map(|path| path.as_str().to_owned());
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let Some(operation) = route.as_ref().and_then(|route| CONTRACT.of(&method, route)) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    // What is streamed, or cut off on purpose, passes as it is.
    let is_json = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    let has_fields = operation
        .fields
        .iter()
        .any(|field| field.stands == Stands::Body);
    let (body, sent) = if is_json && (has_fields || operation.bodies.is_empty()) {
        match body.collect().await {
            Ok(body) => (Body::from(body.to_bytes()), None),
            Err(_cut) => (Body::empty(), Some(())),
        }
    } else {
        (body, Some(()))
    };
    let told = match sent {
        Some(()) => (body, None),
        None => copied(body).await,
    };
    let (body, given) = told;
    let answer = next.run(Request::from_parts(parts, body)).await;
    if !answer.status().is_success() {
        return answer;
    }
    let place = format!("{method} {}", route.unwrap_or_default());
    taken(operation, &place, &query, given.as_ref());
    let answer = given_as_said(operation, &place, answer).await;
    answered.lock().unwrap().insert(place);
    answer
}

async fn copied(body: Body) -> (Body, Option<Map<String, Value>>) {
    let bytes = body.collect().await.map(Collected::to_bytes);
    let bytes = bytes.unwrap_or_default();
    let map = serde_json::from_slice(&bytes).ok();
    (Body::from(bytes), map)
}

/// A request that was answered has only fields that are known.
fn taken(operation: &Operation, place: &str, query: &str, body: Option<&Map<String, Value>>) {
    let knows = |name: &str, stands: Stands| {
        let mut fields = operation.fields.iter();
        fields.any(|field| field.name == name && field.stands == stands)
    };
    for (name, _) in crate::fields::form_pairs(query) {
        assert!(
            knows(&name, Stands::Query),
            "{place} was asked with {name}, of which nothing is said"
        );
    }
    for (name, _) in body.into_iter().flatten() {
        // No field has a space in its name: so a test asks whether those that are not known are left aside.
        let is_known = operation.is_open || name.contains(' ') || knows(name, Stands::Body);
        assert!(
            is_known,
            "{place} was sent {name}, of which nothing is said"
        );
    }
}

async fn given_as_said(operation: &Operation, place: &str, answer: Response) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    match &operation.gives {
        // Files have types of their own.
        Gives::Nothing | Gives::Other("application/octet-stream") => answer,
        Gives::Other(said) => {
            assert!(kind.starts_with(said), "{place} gave {kind}, not {said}");
            answer
        }
        Gives::Json(schema) => {
            let media = kind.split(';').next().unwrap_or_default();
            if media != "application/json" {
                return answer;
            }
            let (parts, body) = answer.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            if let Err(reason) = fits(schema, &value, "the answer") {
                panic!("{place}: {reason}");
            }
            Response::from_parts(parts, Body::from(bytes))
        }
    }
}

/// Whether a value is as a schema of ours says, and has no field that it does not name.
fn fits(schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        let object = CONTRACT.objects.get(name);
        return fits(
            object.ok_or_else(|| format!("{name} is not said"))?,
            value,
            place,
        );
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fit = |choice: &Value| fits(choice, value, place);
        let first = fit(&choices[0]);
        return if choices.iter().any(|choice| fit(choice).is_ok()) {
            Ok(())
        } else {
            first
        };
    }
    let is_right = match schema["type"].as_str() {
        None => return Ok(()),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("array") => value.is_array(),
        Some(_) => value.is_object(),
    };
    if !is_right {
        return Err(format!("{place} is {value}, not {}", schema["type"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{place} is {value}, none of {}", schema["enum"]));
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(&schema["items"], item, &format!("{place}[{at}]"))?;
    }
    for (name, item) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Null) if schema["properties"].is_null() => {}
            (Value::Null, Value::Null) => return Err(format!("{place} is not said")),
            (Value::Null, rest) => fits(rest, item, &place)?,
            (own, _) => fits(own, item, &place)?,
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if value.get(name).is_none() {
            return Err(format!("{place} has no {name}"));
        }
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    let schema = super::object("a! integer, b [KeyValue]");
    for (value, told) in [
        (serde_json::json!({ "a": 1, "b": [{ "key": "k" }] }), None),
        (serde_json::json!({ "b": [] }), Some("it has no a")),
        (
            serde_json::json!({ "a": "1" }),
            Some("it.a is \"1\", not \"integer\""),
        ),
        (
            serde_json::json!({ "a": 1, "b": [{}] }),
            Some("it.b[0] has no key"),
        ),
        (
            serde_json::json!({ "a": 1, "c": 1 }),
            Some("it.c is not said"),
        ),
    ] {
        assert_eq!(fits(&schema, &value, "it").err().as_deref(), told);
    }
}
