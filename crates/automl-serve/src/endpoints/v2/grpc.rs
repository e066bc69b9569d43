//! This protocol over gRPC, as `inference.GRPCInferenceService`. Tensors are answered as bytes, as Triton does.

use super::super::batch::{About, Batch, Output};
use super::super::body::{DEPLOYMENT, KEY};
use super::super::error::ScoreError;
use super::super::fleet::Fleet;
use super::super::live::Wish;
use super::super::model::LoadedModel;
use super::super::score::{Asked, Scored, score};
use super::messages::{
    InferTensor, IsSo, ModelInferRequest, ModelInferResponse, ModelMetadata, ModelRequest, Nothing,
    ServerMetadata, TensorMetadata,
};
use super::parameters::Parameters;
use super::tensor::{Tensor, Values, batch};
use super::{PLATFORM, SERVER, metadata, output};
use crate::fields::BODY_MAX;
use crate::routes::{Routes, grpc};
use crate::unary::{unary, unary_whole};
use axum::http::StatusCode;
use prost::Message as _;
use std::sync::Arc;
use tonic::{Request, Status};

/// The path of a call.
pub(super) fn path(name: &str) -> String {
    format!("/inference.GRPCInferenceService/{name}")
}

pub(super) fn routes(fleet: &Fleet, extensions: &'static [&'static str]) -> Routes {
    let [ready, model_ready, about, infer] = [0; 4].map(|_| fleet.clone());
    Routes::new()
        .service(
            &path("ServerLive"),
            unary(async |_: Nothing| Ok(IsSo { is_so: true })),
            grpc().open("Whether the server runs"),
        )
        .service(
            &path("ServerReady"),
            unary(move |_: Nothing| {
                let is_so = ready.is_known();
                async move { Ok(IsSo { is_so }) }
            }),
            grpc().open("Whether endpoints are known"),
        )
        .service(
            &path("ModelReady"),
            unary(move |ask: ModelRequest| {
                let is_ready = metadata::is_ready(&model_ready, &ask.name, &ask.version);
                async move {
                    let is_so = is_ready.map_err(|error| status(&error))?;
                    Ok(IsSo { is_so })
                }
            }),
            grpc().viewer("Whether an endpoint would answer"),
        )
        .service(
            &path("ServerMetadata"),
            unary(async move |_: Nothing| Ok(server(extensions))),
            grpc().viewer("What this server is"),
        )
        .service(
            &path("ModelMetadata"),
            unary(move |ask: ModelRequest| {
                let fleet = about.clone();
                async move {
                    described(&fleet, &ask)
                        .await
                        .map_err(|error| status(&error))
                }
            }),
            grpc().viewer("The tensors that an endpoint takes and gives"),
        )
        .service(
            &path("ModelInfer"),
            unary_whole(BODY_MAX, move |ask: Request<ModelInferRequest>| {
                let fleet = infer.clone();
                async move { inferred(&fleet, ask).await.map_err(|error| status(&error)) }
            }),
            grpc().viewer("Predicts tensors"),
        )
}

fn server(extensions: &[&str]) -> ServerMetadata {
    ServerMetadata {
        name: SERVER.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        extensions: extensions.iter().map(|one| (*one).to_owned()).collect(),
    }
}

async fn described(fleet: &Fleet, ask: &ModelRequest) -> Result<ModelMetadata, ScoreError> {
    let found = metadata::metadata(fleet, &ask.name, &ask.version).await?;
    let tensor = |name: &str, datatype: &str, shape: &[i64]| TensorMetadata {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
    };
    let inputs = found.inputs.iter();
    let outputs = found.outputs.iter();
    Ok(ModelMetadata {
        name: found.name,
        versions: found.versions,
        platform: PLATFORM.into(),
        inputs: inputs
            .map(|(name, datatype, shape)| tensor(name, datatype, shape))
            .collect(),
        outputs: outputs
            .map(|(name, datatype, shape)| tensor(name, datatype, shape))
            .collect(),
    })
}

async fn inferred(
    fleet: &Fleet,
    ask: Request<ModelInferRequest>,
) -> Result<ModelInferResponse, ScoreError> {
    let (metadata, mut extensions, ask) = ask.into_parts();
    let ask = Arc::new(ask);
    let given = |text: &'static str, value: &str| (value != text).then(|| value.to_owned());
    let said = |name: &str| {
        let text = metadata.get(name)?.to_str().ok()?;
        given("", text)
    };
    let version = given("", &ask.model_version).or_else(|| said(DEPLOYMENT.as_str()));
    let key = said(KEY.as_str()).or_else(|| given("", &ask.id));
    let asked = Asked {
        endpoint: &ask.model_name,
        wish: Wish {
            deployment: version.as_deref(),
            key: key.as_deref(),
        },
        n_bytes: ask.encoded_len(),
        held: extensions.remove(),
        id: extensions.remove(),
        patience_ms: said("grpc-timeout").and_then(|text| patience_ms(&text)),
    };
    let (read, about) = (Arc::clone(&ask), Arc::clone(&ask));
    let read = move |model: &LoadedModel| rows(&read, model);
    score(fleet, asked, read, move |scored| told(&about, scored)).await
}

/// The milliseconds of `grpc-timeout`: digits and a unit.
fn patience_ms(text: &str) -> Option<u64> {
    let unit = text.chars().next_back().filter(char::is_ascii)?;
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    match unit {
        'H' => number.checked_mul(3_600_000),
        'M' => number.checked_mul(60_000),
        'S' => number.checked_mul(1_000),
        'm' => Some(number),
        'u' => Some(number / 1_000),
        'n' => Some(number / 1_000_000),
        _ => None,
    }
}

fn told(ask: &ModelInferRequest, scored: &Scored) -> Result<ModelInferResponse, ScoreError> {
    let mut answer = ModelInferResponse {
        model_name: ask.model_name.clone(),
        model_version: scored.slot.deployment.name.clone(),
        id: ask.id.clone(),
        ..ModelInferResponse::default()
    };
    for tensor in output::tensors(scored)? {
        answer.raw_output_contents.push(tensor.values.bytes());
        answer.outputs.push(InferTensor {
            datatype: tensor.values.datatype().to_owned(),
            name: tensor.name.into_owned(),
            shape: tensor.shape,
            ..InferTensor::default()
        });
    }
    Ok(answer)
}

/// Reads the message of a request as rows of a model, as bytes.
pub(in super::super) fn read_message(
    body: &[u8],
    model: &LoadedModel,
) -> Result<Batch, ScoreError> {
    let message = ModelInferRequest::decode(body);
    let message = message.map_err(|error| ScoreError::form(error.to_string()))?;
    rows(&message, model)
}

/// Reads the tensors of a request as rows of a model.
pub(super) fn rows(ask: &ModelInferRequest, model: &LoadedModel) -> Result<Batch, ScoreError> {
    let raw = &ask.raw_input_contents;
    if !raw.is_empty() && raw.len() != ask.inputs.len() {
        return Err(ScoreError::form(format!(
            "there are {} raw contents for {} inputs",
            raw.len(),
            ask.inputs.len()
        )));
    }
    let mut tensors = Vec::with_capacity(ask.inputs.len());
    for (place, input) in ask.inputs.iter().enumerate() {
        if Parameters::of(&input.parameters)
            .of_input(&input.name)?
            .is_some()
        {
            return Err(ScoreError::form(format!(
                "binary_data_size of input '{}' is for REST alone; send raw contents",
                input.name
            )));
        }
        let values = match (raw.get(place), &input.contents) {
            (Some(bytes), None) => Values::Raw(bytes),
            (None, Some(contents)) => Values::Typed(contents),
            _ => {
                let told = format!(
                    "tensor '{}' has either raw contents or contents",
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
    // All outputs come as bytes, whatever is said of that.
    let outputs = ask.outputs.iter().map(|wanted| {
        Parameters::of(&wanted.parameters).of_output(&wanted.name)?;
        Ok::<_, ScoreError>(Output {
            name: wanted.name.clone(),
            is_binary: None,
        })
    });
    let outputs = outputs.collect::<Result<_, _>>()?;
    let said = Parameters::of(&ask.parameters).of_request()?;
    let read = batch(&tensors, model)?.wanting(said.wanted);
    Ok(Batch {
        patience_ms: said.patience_ms,
        about: About {
            outputs,
            ..read.about
        },
        ..read
    })
}

/// An error as gRPC tells it.
pub(super) fn status(error: &ScoreError) -> Status {
    let told = error.to_string();
    let mut status = match error.status() {
        StatusCode::NOT_FOUND => Status::not_found(told),
        StatusCode::TOO_MANY_REQUESTS => Status::resource_exhausted(told),
        StatusCode::SERVICE_UNAVAILABLE => Status::unavailable(told),
        StatusCode::GATEWAY_TIMEOUT => Status::deadline_exceeded(told),
        status if status.is_server_error() => Status::internal(told),
        _ => Status::invalid_argument(told),
    };
    if let Some(seconds) = error.come_again_s() {
        let metadata = status.metadata_mut();
        metadata.insert("retry-after", seconds.into());
    }
    status
}

#[cfg(test)]
mod tests {
    use super::patience_ms;

    #[test]
    fn timeouts_are_read_in_all_units() {
        for (text, ms) in [
            ("100m", Some(100)),
            ("2S", Some(2_000)),
            ("1M", Some(60_000)),
            ("1H", Some(3_600_000)),
            ("1500u", Some(1)),
            ("9n", Some(0)),
            ("", None),
            ("m", None),
            ("5x", None),
            ("5\u{e9}", None),
        ] {
            assert_eq!(patience_ms(text), ms, "{text}");
        }
    }
}
