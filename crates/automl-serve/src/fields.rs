//! The fields of a request: a JSON object, or the query of a GET.
//!
//! They are read as protobuf's JSON is: unknown fields are ignored, null is absence, whole numbers may be texts.

use crate::access::Stop;
use crate::error::ApiError;
use crate::observe::Noted;
pub(crate) use automl_store::artifact_uri::percent_decoded;
use automl_store::tracking::KeyValue;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{Method, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};

/// Bytes of a JSON body: a dataset's profile may have 16 MB.
pub(crate) const BODY_MAX: usize = 32 << 20;

const SEE: &str = "See the API docs for more information about request parameters.";

/// The fields of a request.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    map: Map<String, Value>,
    /// Bytes that the body had.
    pub(crate) n_bytes: usize,
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let noted = request.extensions().get::<Noted>().cloned();
        let fields = Self::read(request).await?;
        if let Some((noted, object)) = noted.zip(fields.object_named()) {
            noted.note(object);
        }
        Ok(fields)
    }
}

/// The fields that name what a request is about, the closest first.
const NAMES: &[&str] = &[
    "run_id",
    "run_uuid",
    "model_id",
    "name",
    "experiment_id",
    "username",
];

impl Fields {
    /// What a request is about, as the audit log tells it.
    fn object_named(&self) -> Option<&str> {
        let mut named = NAMES
            .iter()
            .filter_map(|name| self.map.get(*name)?.as_str());
        named.find(|text| !text.is_empty() && !text.contains('\0'))
    }

    async fn read(request: Request) -> Result<Self, ApiError> {
        if request.method() == Method::GET {
            return Ok(Self::of_query(request.uri().query().unwrap_or_default()));
        }
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.is_empty()
            || kind
                .split(';')
                .next()
                .is_some_and(|kind| kind.trim() == "application/json");
        if !is_json {
            return Err(ApiError::invalid(format!(
                "Bad Request. Content-Type must be one of ['application/json'], got '{kind}'."
            )));
        }
        Self::of_body(&body_of(request.into_body()).await?)
    }
}

/// Reads a body that is not too long.
async fn body_of(body: Body) -> Result<Bytes, ApiError> {
    let error = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => return Ok(body.to_bytes()),
        Err(error) => error,
    };
    if error.is::<http_body_util::LengthLimitError>() {
        return Err(ApiError::too_long(BODY_MAX));
    }
    Err(match Stop::of(&*error) {
        Some(Stop::Full) => ApiError::full(),
        Some(Stop::Crowded) => ApiError::busy(),
        Some(Stop::Late) => ApiError::late(),
        None => ApiError::invalid(format!("the body cannot be read: {error}")),
    })
}

impl Fields {
    /// The fields of a query.
    pub(crate) fn of_query(query: &str) -> Self {
        let mut map: Map<String, Value> = Map::new();
        for (key, value) in form_pairs(query) {
            match map.get_mut(&key) {
                None => {
                    map.insert(key, Value::String(value));
                }
                Some(Value::Array(values)) => values.push(Value::String(value)),
                Some(first) => *first = Value::Array(vec![first.take(), Value::String(value)]),
            }
        }
        Self { map, n_bytes: 0 }
    }

    fn of_body(body: &[u8]) -> Result<Self, ApiError> {
        let n_bytes = body.len();
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let value = serde_json::from_slice(body)
            .map_err(|error| ApiError::invalid(format!("the body is not JSON: {error}")))?;
        match value {
            Value::Object(map) => Ok(Self { map, n_bytes }),
            // A JSON object may come as text.
            Value::String(text) => match serde_json::from_str(&text) {
                Ok(Value::Object(map)) => Ok(Self { map, n_bytes }),
                _ => Err(ApiError::invalid("the body is not a JSON object")),
            },
            _ => Err(ApiError::invalid("the body is not a JSON object")),
        }
    }

    pub(crate) fn of(value: &Value) -> Option<Self> {
        let map = value.as_object()?.clone();
        Some(Self { map, n_bytes: 0 })
    }

    /// The fields of an object that was made here.
    pub(crate) fn of_map(map: Map<String, Value>) -> Self {
        Self { map, n_bytes: 0 }
    }

    /// All fields as they came.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.map
    }

    /// A field as it came, if it is there.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.there(name)
    }

    fn there(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.there(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value) => Err(wrong(name, value)),
        }
    }

    /// A text that must be there and not empty.
    pub(crate) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| absent(name))
    }

    /// The id of a run, under its name or its older one.
    pub(crate) fn run_id(&self) -> Result<String, ApiError> {
        match self.text("run_id")?.filter(|id| !id.is_empty()) {
            Some(id) => Ok(id),
            None => match self.text("run_uuid")?.filter(|id| !id.is_empty()) {
                Some(id) => Ok(id),
                None => Err(absent("run_id")),
            },
        }
    }

    /// A whole number, if it is there.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.there(name) else {
            return Ok(None);
        };
        whole(value).map(Some).ok_or_else(|| wrong(name, value))
    }

    /// A number that must be there; NaN and infinities are texts.
    pub(crate) fn number(&self, name: &str) -> Result<f64, ApiError> {
        let value = self.there(name).ok_or_else(|| absent(name))?;
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| wrong(name, value))
    }

    /// Yes or no, if it is there.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.there(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(value) => Err(wrong(name, value)),
        }
    }

    /// A list; a single value of a query is a list of one.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Value>, ApiError> {
        match self.there(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values.clone()),
            Some(value @ Value::String(_)) if self.n_bytes == 0 => Ok(vec![value.clone()]),
            Some(value) => Err(wrong(name, value)),
        }
    }

    /// A list of texts; whole numbers are taken as texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let list = self.list(name)?;
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if number.is_i64() => Some(number.to_string()),
            _ => None,
        };
        let texts: Option<Vec<String>> = list.iter().map(text).collect();
        texts.ok_or_else(|| wrong(name, &Value::Array(list)))
    }

    /// A list of objects with `key` and `value`.
    pub(crate) fn pairs(&self, name: &str) -> Result<Vec<KeyValue>, ApiError> {
        self.objects(name, |fields| {
            Ok(KeyValue {
                key: fields.text("key")?.unwrap_or_default(),
                value: fields.text("value")?.unwrap_or_default(),
            })
        })
    }

    /// A list of objects; if one is not as it should be, the list is what is wrong.
    pub(crate) fn objects<T>(
        &self,
        name: &str,
        read: impl Fn(&Self) -> Result<T, ApiError>,
    ) -> Result<Vec<T>, ApiError> {
        let list = self.list(name)?;
        let mut items = Vec::with_capacity(list.len());
        for value in &list {
            let item = Self::of(value).map(|fields| read(&fields));
            match item {
                Some(Ok(item)) => items.push(item),
                _ => return Err(wrong(name, &Value::Array(list))),
            }
        }
        Ok(items)
    }

    /// Checks that the objects of a list have what they need; the first that lacks something is named by its place.
    pub(crate) fn require_each(&self, name: &str, needed: &[&str]) -> Result<(), ApiError> {
        for (place, item) in self.list(name)?.iter().enumerate() {
            let Some(item) = item.as_object() else {
                continue;
            };
            let lacks = |field: &&&str| match item.get(**field) {
                None | Some(Value::Null) => true,
                Some(value) => value.as_str() == Some(""),
            };
            if let Some(field) = needed.iter().find(lacks) {
                return Err(absent(&format!("{name}[{place}].{field}")));
            }
        }
        Ok(())
    }

    /// An object, if it is there.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.there(name) {
            None => Ok(None),
            Some(value) => Self::of(value).map(Some).ok_or_else(|| wrong(name, value)),
        }
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub(crate) fn absent(name: &str) -> ApiError {
    ApiError::invalid(format!(
        "Missing value for required parameter '{name}'. {SEE}"
    ))
}

pub(crate) fn wrong(name: &str, value: &Value) -> ApiError {
    let kind = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    ApiError::invalid(format!(
        "Invalid value {value} for parameter '{name}' supplied: Hint: Value was of type '{kind}'. {SEE}"
    ))
}

/// The decoded pairs of a query.
pub(crate) fn form_pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decoded(key), form_decoded(value))
        })
        .collect()
}

fn form_decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}
