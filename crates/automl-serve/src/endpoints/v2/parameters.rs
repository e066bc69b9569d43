//! Parameters of requests, of their inputs and of outputs that are wanted: read alike from JSON and from gRPC. What is not
//! understood is refused by its name, but for what changes nothing: clients send some with values that say so.

use super::super::error::ScoreError;
use super::super::json::Key;
use super::super::wanted::Wanted;
use super::messages::{InferParameter, ParameterChoice};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What requests may say.
const OF_REQUESTS: &str = "threshold, interval, explain, timeout and binary_data_output";
/// How clients of other servers say that texts are texts, and what they were made of.
const CONTENT_TYPES: [&str; 4] = ["np", "pd", "str", "datetime"];
/// How parameters of shared memory begin.
const SHARED_MEMORY: &str = "shared_memory_";

/// Parameters by name, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Value)>);

/// What a request says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct OfRequest {
    pub(super) wanted: Wanted,
    /// Milliseconds after which nobody waits for the answer.
    pub(super) patience_ms: Option<u64>,
    /// Whether tensors of which nothing is said come as bytes.
    pub(super) is_binary: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Parameters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Parameters<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameters")
            }

            fn visit_unit<E>(self) -> Result<Parameters<'de>, E> {
                Ok(Parameters::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<Key<'de>, Value>()? {
                    pairs.push((key.0, value));
                }
                Ok(Parameters(pairs))
            }
        }
        deserializer.deserialize_any(Pairs)
    }
}

impl<'a> Parameters<'a> {
    /// Those of a message.
    pub(super) fn of(given: &'a BTreeMap<String, InferParameter>) -> Self {
        let value = |parameter: &InferParameter| match &parameter.choice {
            None => Value::Null,
            Some(ParameterChoice::Bool(value)) => Value::from(*value),
            Some(ParameterChoice::Int64(value)) => Value::from(*value),
            Some(ParameterChoice::Uint64(value)) => Value::from(*value),
            Some(ParameterChoice::Text(text)) => Value::from(text.as_str()),
            // What JSON has no number for is told as it is spelled.
            Some(ParameterChoice::Double(value)) if !value.is_finite() => {
                Value::from(value.to_string())
            }
            Some(ParameterChoice::Double(value)) => Value::from(*value),
        };
        let pairs = given.iter();
        Self(
            pairs
                .map(|(name, given)| (Cow::Borrowed(name.as_str()), value(given)))
                .collect(),
        )
    }

    /// Those that say something.
    fn said(&self) -> impl Iterator<Item = (&str, &Value)> {
        let pairs = self.0.iter().map(|(name, value)| (&**name, value));
        pairs.filter(|(_, value)| !value.is_null())
    }

    /// What is wanted of a whole request.
    ///
    /// # Errors
    /// A parameter is not understood, or has no value that it may have.
    pub(super) fn of_request(&self) -> Result<OfRequest, ScoreError> {
        let mut found = OfRequest::default();
        for (name, value) in self.said() {
            match name {
                "threshold" | "interval" => found.wanted.take(name, &number_of_text(value))?,
                "explain" => found.wanted.take(name, value)?,
                "timeout" => found.patience_ms = patience_ms(value)?,
                "binary_data_output" => found.is_binary = truth_value(name, value)?,
                "content_type" => check_content_type("the request", value)?,
                "sequence_id" | "sequence_start" | "sequence_end" | "priority"
                    if is_nothing(value) => {}
                "sequence_id" | "sequence_start" | "sequence_end" => {
                    return Err(unsupported(name, "the rows of a request stand alone"));
                }
                "priority" => return Err(unsupported(name, "requests are answered as they come")),
                other => {
                    return Err(ScoreError::form(format!(
                        "the parameter '{other}' is not understood; there may be {OF_REQUESTS}"
                    )));
                }
            }
        }
        Ok(found)
    }

    /// How many bytes an input has behind the JSON, if that is where it is.
    ///
    /// # Errors
    /// A parameter is not understood, or has no value that it may have.
    pub(super) fn of_input(&self, input: &str) -> Result<Option<usize>, ScoreError> {
        let mut n_bytes = None;
        for (name, value) in self.said() {
            match name {
                "binary_data_size" => {
                    let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
                    n_bytes = Some(size.ok_or_else(|| {
                        ScoreError::form(format!(
                            "binary_data_size of input '{input}' is no number of bytes: {value}"
                        ))
                    })?);
                }
                "content_type" => check_content_type(&format!("input '{input}'"), value)?,
                name => return Err(unknown(name, &format!("input '{input}'"))),
            }
        }
        Ok(n_bytes)
    }

    /// Whether an output is wanted as bytes, if that is said.
    ///
    /// # Errors
    /// A parameter is not understood, or asks for what there is not.
    pub(super) fn of_output(&self, output: &str) -> Result<Option<bool>, ScoreError> {
        let mut is_binary = None;
        for (name, value) in self.said() {
            match name {
                "binary_data" => is_binary = Some(truth_value(name, value)?),
                "classification" if is_nothing(value) => {}
                "classification" => {
                    return Err(ScoreError::form(format!(
                        "output '{output}' cannot be had as a classification; ask for probabilities"
                    )));
                }
                "content_type" => check_content_type(&format!("output '{output}'"), value)?,
                name => return Err(unknown(name, &format!("output '{output}'"))),
            }
        }
        Ok(is_binary)
    }
}

/// A text as the numbers that it spells, several behind commas, as clients send them that have texts and whole numbers alone; what
/// is none stays.
fn number_of_text(value: &Value) -> Cow<'_, Value> {
    let Value::String(text) = value else {
        return Cow::Borrowed(value);
    };
    let number = |part: &str| {
        let number: f64 = part.trim().parse().ok()?;
        serde_json::Number::from_f64(number).map(Value::Number)
    };
    let numbers: Option<Vec<Value>> = text.split(',').map(number).collect();
    match numbers {
        None => Cow::Borrowed(value),
        Some(mut numbers) => Cow::Owned(match numbers.pop() {
            Some(only) if numbers.is_empty() => only,
            last => numbers.into_iter().chain(last).collect(),
        }),
    }
}

/// The milliseconds of Triton's timeout in microseconds; none of 0, which says nothing there.
fn patience_ms(value: &Value) -> Result<Option<u64>, ScoreError> {
    match value.as_u64() {
        Some(0) => Ok(None),
        Some(us) => Ok(Some(us.div_ceil(1_000))),
        None => Err(ScoreError::form(format!(
            "the parameter timeout is no whole number of microseconds: {value}"
        ))),
    }
}

fn truth_value(name: &str, value: &Value) -> Result<bool, ScoreError> {
    let told = || ScoreError::form(format!("the parameter {name} is true or false: {value}"));
    value.as_bool().ok_or_else(told)
}

/// Whether a value says no more than none would.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Bool(is_so) => !is_so,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn check_content_type(whose: &str, value: &Value) -> Result<(), ScoreError> {
    if value
        .as_str()
        .is_some_and(|kind| CONTENT_TYPES.contains(&kind))
    {
        return Ok(());
    }
    Err(ScoreError::form(format!(
        "the content_type of {whose} is not taken: {value}; there may be {}",
        CONTENT_TYPES.join(", ")
    )))
}

fn unsupported(name: &str, why: &str) -> ScoreError {
    ScoreError::form(format!("the parameter '{name}' is not taken: {why}"))
}

fn unknown(name: &str, whose: &str) -> ScoreError {
    if name.starts_with(SHARED_MEMORY) {
        return ScoreError::form(format!(
            "{whose} cannot be in shared memory ('{name}'), which this server does not have; send it in the request, and read it from the answer"
        ));
    }
    ScoreError::form(format!(
        "the parameter '{name}' of {whose} is not understood"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of_request(given: &Value) -> Result<OfRequest, String> {
        let text = given.to_string();
        let parameters: Parameters<'_> = serde_json::from_str(&text).unwrap();
        parameters.of_request().map_err(|error| error.to_string())
    }

    fn message(choice: ParameterChoice) -> InferParameter {
        InferParameter {
            choice: Some(choice),
        }
    }

    #[test]
    fn both_protocols_say_the_same() {
        let json = of_request(&json!({
            "threshold": 0.3, "interval": "0.5, 0.9", "explain": true, "timeout": 1_500, "binary_data_output": true,
        }));
        let given = BTreeMap::from([
            (
                "threshold".into(),
                message(ParameterChoice::Text("0.3".into())),
            ),
            (
                "interval".into(),
                message(ParameterChoice::Text("0.5,0.9".into())),
            ),
            ("explain".into(), message(ParameterChoice::Bool(true))),
            ("timeout".into(), message(ParameterChoice::Int64(1_500))),
            (
                "binary_data_output".into(),
                message(ParameterChoice::Bool(true)),
            ),
        ]);
        let found = Parameters::of(&given).of_request().unwrap();
        assert_eq!(json.unwrap(), found);
        assert_eq!(found.wanted.threshold, Some(0.3));
        assert_eq!(found.wanted.coverages, [0.5, 0.9]);
        assert_eq!(found.wanted.explains, Some(true));
        assert_eq!(found.patience_ms, Some(2), "what has begun counts");
        assert!(found.is_binary);
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        let given = json!({
            "sequence_id": 0, "sequence_start": false, "sequence_end": false, "priority": 0, "timeout": 0, "threshold": null,
            "content_type": "pd",
        });
        assert_eq!(of_request(&given).unwrap(), OfRequest::default());
        assert_eq!(
            of_request(&json!({ "sequence_id": "" })).unwrap(),
            OfRequest::default()
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_by_its_name() {
        for (given, told) in [
            (
                json!({ "thresold": 0.3 }),
                "the parameter 'thresold' is not understood; there may be threshold",
            ),
            (json!({ "threshold": 2 }), "a threshold is from 0 to 1"),
            (
                json!({ "threshold": "high" }),
                "threshold is no number: \"high\"",
            ),
            (
                json!({ "threshold": 0.1, "interval": true }),
                "interval is a probability",
            ),
            (json!({ "explain": 1 }), "explain is true or false: 1"),
            (
                json!({ "timeout": -1 }),
                "timeout is no whole number of microseconds: -1",
            ),
            (
                json!({ "timeout": "1s" }),
                "timeout is no whole number of microseconds",
            ),
            (
                json!({ "sequence_id": 7 }),
                "the parameter 'sequence_id' is not taken: the rows of a request stand alone",
            ),
            (
                json!({ "sequence_start": true }),
                "'sequence_start' is not taken",
            ),
            (
                json!({ "priority": 1 }),
                "the parameter 'priority' is not taken: requests are answered as they come",
            ),
            (
                json!({ "content_type": "base64" }),
                "the content_type of the request is not taken: \"base64\"",
            ),
            (
                json!({ "binary_data_output": 1 }),
                "binary_data_output is true or false: 1",
            ),
        ] {
            let found = of_request(&given).unwrap_err();
            assert!(found.contains(told), "{given}: {found}");
        }
        let odd = BTreeMap::from([(
            "threshold".into(),
            message(ParameterChoice::Double(f64::NAN)),
        )]);
        let found = Parameters::of(&odd).of_request().unwrap_err().to_string();
        assert_eq!(found, "threshold is no number: \"NaN\"");
        let twice: Parameters<'_> =
            serde_json::from_str(r#"{"threshold":0.1,"threshold":0.9}"#).unwrap();
        assert_eq!(
            twice.of_request().unwrap_err().to_string(),
            "threshold is said twice"
        );
    }

    #[test]
    fn what_inputs_and_outputs_cannot_be_is_told() {
        let of = |choice: ParameterChoice, name: &str| {
            BTreeMap::from([(name.to_owned(), message(choice))])
        };
        let wanted = of(ParameterChoice::Int64(3), "classification");
        let told = Parameters::of(&wanted)
            .of_output("p")
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
            "output 'p' cannot be had as a classification; ask for probabilities"
        );
        let region = of(ParameterChoice::Text("r".into()), "shared_memory_region");
        let told = Parameters::of(&region)
            .of_output("p")
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("output 'p' cannot be in shared memory ('shared_memory_region')"),
            "{told}"
        );
        let told = Parameters::of(&region)
            .of_input("x")
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("input 'x' cannot be in shared memory"),
            "{told}"
        );
        let none = of(ParameterChoice::Int64(0), "classification");
        assert_eq!(Parameters::of(&none).of_output("p").unwrap(), None);
        let size = of(ParameterChoice::Int64(-1), "binary_data_size");
        assert!(Parameters::of(&size).of_input("x").is_err());
    }
}
