//! For tests: the reader of bodies, and a client of the gRPC service, whose message is written and read by hand.

use super::messages::{
    InferParameter, InferTensor, InferTensorContents, ModelInferRequest, ModelInferResponse,
    ParameterChoice, RequestedOutput,
};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use prost::Message;
use tonic::{Code, Status};
use tower::ServiceExt;

/// A message that is read, with tensors of either kind.
pub(crate) fn message(contents: Contents) -> Vec<u8> {
    let given = Given {
        model: "e",
        version: "",
        numbers: &[0.25, f64::NAN],
        words: &["a", "yes"],
        contents,
        deployment: None,
    };
    request(&given).encode_to_vec()
}

/// How values travel.
#[derive(Clone, Copy)]
pub(crate) enum Contents {
    Typed,
    Raw,
}

/// What is asked.
pub(crate) struct Given<'a> {
    pub(crate) model: &'a str,
    pub(crate) version: &'a str,
    pub(crate) numbers: &'a [f64],
    pub(crate) words: &'a [&'a str],
    pub(crate) contents: Contents,
    /// The header that names a deployment.
    pub(crate) deployment: Option<&'a str>,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) version: String,
    pub(crate) id: String,
    pub(crate) predictions: Vec<String>,
    pub(crate) probabilities: Vec<f64>,
}

fn texts(words: &[&str]) -> Vec<u8> {
    let one = |word: &&str| [&(word.len() as u32).to_le_bytes()[..], word.as_bytes()].concat();
    words.iter().flat_map(one).collect()
}

fn request(given: &Given<'_>) -> ModelInferRequest {
    let tensor = |name: &str, datatype: &str, n_rows: usize, contents| InferTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: vec![n_rows as i64],
        contents,
        ..InferTensor::default()
    };
    let (numbers, words) = match given.contents {
        Contents::Raw => (None, None),
        Contents::Typed => (
            Some(InferTensorContents {
                fp64_contents: given.numbers.to_vec(),
                ..InferTensorContents::default()
            }),
            Some(InferTensorContents {
                bytes_contents: given
                    .words
                    .iter()
                    .map(|word| word.as_bytes().to_vec())
                    .collect(),
                ..InferTensorContents::default()
            }),
        ),
    };
    let raw = match given.contents {
        Contents::Typed => Vec::new(),
        Contents::Raw => vec![
            given
                .numbers
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            texts(given.words),
        ],
    };
    ModelInferRequest {
        model_name: given.model.into(),
        model_version: given.version.into(),
        id: "7".into(),
        inputs: vec![
            tensor("x", "FP64", given.numbers.len(), numbers),
            tensor("word", "BYTES", given.words.len(), words),
        ],
        raw_input_contents: raw,
        ..ModelInferRequest::default()
    }
}

/// What is said beside tensors.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Saying<'a> {
    /// Of the request, as texts.
    pub(crate) parameters: &'a [(&'a str, &'a str)],
    /// Of the one output that is wanted then, a number.
    pub(crate) output: Option<(&'a str, i64)>,
}

/// Asks for predictions.
pub(crate) async fn ask_grpc(router: &Router, given: &Given<'_>) -> Result<Told, Code> {
    ask_grpc_saying(router, given, Saying::default()).await
}

/// Asks for predictions with parameters.
pub(crate) async fn ask_grpc_saying(
    router: &Router,
    given: &Given<'_>,
    saying: Saying<'_>,
) -> Result<Told, Code> {
    let mut message = request(given);
    let parameter = |choice| InferParameter {
        choice: Some(choice),
    };
    for (name, text) in saying.parameters {
        let said = parameter(ParameterChoice::Text((*text).to_owned()));
        message.parameters.insert((*name).to_owned(), said);
    }
    if let Some((name, number)) = saying.output {
        let said = parameter(ParameterChoice::Int64(number));
        message.outputs.push(RequestedOutput {
            name: "prediction".into(),
            parameters: [(name.to_owned(), said)].into(),
        });
    }
    let message = message.encode_to_vec();
    // One message that is not compressed, with its length before it.
    let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    let request = Request::post("/inference.GRPCInferenceService/ModelInfer")
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers");
    let request = match given.deployment {
        Some(name) => request.header(&super::super::body::DEPLOYMENT, name),
        None => request,
    };
    let request = request.body(Body::from(framed)).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return Err(status.code());
    }
    let collected = answer.into_body().collect().await.unwrap();
    let status = collected.trailers().and_then(Status::from_header_map);
    match status {
        Some(status) if status.code() != Code::Ok => return Err(status.code()),
        _ => {}
    }
    let bytes = collected.to_bytes();
    let answer = ModelInferResponse::decode(&bytes[5..]).unwrap();
    let [predictions, probabilities] = [0, 1].map(|place| &answer.raw_output_contents[place]);
    let mut rest = predictions.as_slice();
    let mut words = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (word, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        words.push(String::from_utf8(word.to_vec()).unwrap());
        rest = after;
    }
    let numbers = probabilities.as_chunks::<8>().0.iter();
    Ok(Told {
        version: answer.model_version.clone(),
        id: answer.id.clone(),
        predictions: words,
        probabilities: numbers.map(|bytes| f64::from_le_bytes(*bytes)).collect(),
    })
}
