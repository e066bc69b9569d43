//! Requests and answers of this protocol over REST: an object of tensors as JSON, and behind it those that travel as bytes.

use super::super::batch::{About, Batch, Output};
use super::super::error::ScoreError;
use super::super::json::{not_json, with_null_for_nan};
use super::super::model::LoadedModel;
use super::super::score::Scored;
use super::super::write;
use super::output::{self, Values as Given};
use super::parameters::Parameters;
use super::tensor::{Scalar, Tensor, Values, batch};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::json;
use std::borrow::Cow;
use std::fmt;

#[derive(serde::Deserialize)]
struct Ask<'a> {
    id: Option<String>,
    #[serde(borrow, default)]
    parameters: Parameters<'a>,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(borrow, default, deserialize_with = "or_nothing")]
    outputs: Vec<Wanted<'a>>,
}

/// What is null is as if it were not there.
fn or_nothing<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(serde::Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<i64>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(borrow, default)]
    parameters: Parameters<'a>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(serde::Deserialize)]
struct Wanted<'a> {
    name: String,
    #[serde(borrow, default)]
    parameters: Parameters<'a>,
}

/// Values in row-major order, nested by the shape or flat.
struct Data<'a>(Vec<Scalar<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = Vec::new();
        deserializer.deserialize_seq(Level(&mut values))?;
        Ok(Self(values))
    }
}

/// One level of nested values; deeper than a reader of JSON goes is its error.
struct Level<'v, 'a>(&'v mut Vec<Scalar<'a>>);

impl<'de: 'a, 'a> serde::de::DeserializeSeed<'de> for Level<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Level<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Level(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push(Scalar::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.push(Scalar::Boolean(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.push(Scalar::Integer(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.push(match i64::try_from(value) {
            Ok(value) => Scalar::Integer(value),
            Err(_beyond) => Scalar::Unsigned(value),
        });
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.push(Scalar::Number(value));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.0.push(Scalar::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push(Scalar::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }
}

/// Reads a body, of which the first `n_json` bytes are JSON.
pub(crate) fn read(
    body: &[u8],
    n_json: Option<usize>,
    model: &LoadedModel,
) -> Result<Batch, ScoreError> {
    let n_json = n_json.unwrap_or(body.len());
    let Some((head, mut rest)) = body.split_at_checked(n_json) else {
        let told = format!(
            "the body has {} bytes, its JSON is said to have {n_json}",
            body.len()
        );
        return Err(ScoreError::form(told));
    };
    let head = &*with_null_for_nan(head);
    let ask: Ask<'_> = serde_json::from_slice(head).map_err(|error| not_json(head, &error))?;
    let mut tensors = Vec::with_capacity(ask.inputs.len());
    for input in &ask.inputs {
        let values = match (&input.data, input.parameters.of_input(&input.name)?) {
            (Some(data), None) => Values::Json(&data.0),
            (None, Some(n_bytes)) => {
                let Some((bytes, after)) = rest.split_at_checked(n_bytes) else {
                    let told = format!(
                        "tensor '{}' has fewer bytes than binary_data_size",
                        input.name
                    );
                    return Err(ScoreError::form(told));
                };
                rest = after;
                Values::Raw(bytes)
            }
            _ => {
                let told = format!(
                    "tensor '{}' has either data or binary_data_size",
                    input.name
                );
                return Err(ScoreError::form(told));
            }
        };
        tensors.push(Tensor {
            name: &input.name,
            datatype: &input.datatype,
            shape: &input.shape,
            values,
        });
    }
    if !rest.is_empty() {
        let told = format!("{} bytes are behind the tensors", rest.len());
        return Err(ScoreError::form(told));
    }
    let outputs = ask.outputs.iter().map(|wanted| {
        let is_binary = wanted.parameters.of_output(&wanted.name)?;
        Ok::<_, ScoreError>(Output {
            name: wanted.name.clone(),
            is_binary,
        })
    });
    let outputs = outputs.collect::<Result<_, _>>()?;
    let said = ask.parameters.of_request()?;
    let read = batch(&tensors, model)?.wanting(said.wanted);
    Ok(Batch {
        patience_ms: said.patience_ms,
        about: About {
            outputs,
            is_binary: said.is_binary,
            id: ask.id.clone(),
            ..read.about
        },
        ..read
    })
}

/// An answer: JSON, and the bytes behind it if there are any.
pub(super) fn told(scored: &Scored) -> Result<(String, Option<Vec<u8>>), ScoreError> {
    let about = &scored.predicted.about;
    let mut bytes = Vec::new();
    let mut is_any_binary = false;
    let mut out = String::from("{");
    if let Some(id) = &about.id {
        out.push_str("\"id\":");
        write::text(&mut out, id);
        out.push(',');
    }
    let names = json!({
        "model_name": scored.live.name,
        "model_version": scored.slot.deployment.name,
    });
    let names = names.to_string();
    // The outputs stand in the same object.
    out.push_str(names.trim_start_matches('{').trim_end_matches('}'));
    out.push_str(",\"outputs\":");
    write::list(&mut out, output::tensors(scored)?, |out, tensor| {
        let head = json!({
            "name": tensor.name,
            "datatype": tensor.values.datatype(),
            "shape": tensor.shape,
        });
        out.push_str(head.to_string().trim_end_matches('}'));
        if tensor.is_binary.unwrap_or(about.is_binary) {
            let own = tensor.values.bytes();
            let parameters = json!({ "binary_data_size": own.len() });
            out.push_str(",\"parameters\":");
            out.push_str(&parameters.to_string());
            bytes.extend(own);
            is_any_binary = true;
        } else {
            out.push_str(",\"data\":");
            match &tensor.values {
                Given::Numbers(values) => {
                    write::list(out, values.iter(), |out, value| write::number(out, *value));
                }
                Given::Texts(texts) => write::list(out, texts, |out, text| write::text(out, text)),
            }
        }
        out.push('}');
    });
    out.push('}');
    Ok((out, is_any_binary.then_some(bytes)))
}
