//! Files of pipelines, as people write them.

use super::file::{PipelineFile, Weighed};
use automl_core::Coded as _;
use automl_engine::Together;

const WHOLE: &str = "\
steps:
  - name: risk
    model: churn@champion
    adds: {probability_no: stays}
  - name: value
    mean: [value/1, {model: value/2, weight: 3}]
threshold: 0.4
";

#[test]
fn models_are_named_or_named_with_a_weight() {
    let file = PipelineFile::parse(WHOLE, "p.yaml").unwrap();
    assert_eq!(file.threshold, Some(0.4));
    let one = |model: &str, weight| Weighed {
        model: model.into(),
        weight,
    };
    let [first, second] = file.steps.as_slice() else {
        panic!("two steps");
    };
    let alone = (Together::Alone, vec![one("churn@champion", 1.0)]);
    assert_eq!(first.models().unwrap(), alone);
    assert_eq!(first.adds.as_ref().unwrap()["probability_no"], "stays");
    let mean = vec![one("value/1", 1.0), one("value/2", 3.0)];
    assert_eq!(second.models().unwrap(), (Together::Mean, mean));
}

#[test]
fn what_does_not_belong_there_is_told_with_its_line() {
    let told = |text: &str| {
        let error = PipelineFile::parse(text, "p.yaml").unwrap_err();
        (error.to_string(), error.hint())
    };
    let (message, hint) = told(&WHOLE.replace("mean:", "means:"));
    assert_eq!(message, "no key is called 'means' in line 6: p.yaml");
    assert_eq!(hint.as_deref(), Some("did you mean mean?"));
    let (message, _) = told(&WHOLE.replace("weight: 3", "weight: much"));
    assert!(message.ends_with("in line 6: p.yaml"), "{message}");
    let (message, _) = told(&WHOLE.replace("0.4", "4"));
    assert_eq!(
        message,
        "the threshold 4 is no probability in line 1: p.yaml"
    );
}

#[test]
fn a_step_has_one_of_three_kinds() {
    let models = |kind: &str| {
        let text = format!("steps: [{{name: a{kind}}}]");
        PipelineFile::parse(&text, "p.yaml").unwrap().steps[0].models()
    };
    let (together, weighed) = models(", vote: [m/1, {model: m/2, weight: 2}]").unwrap();
    assert_eq!(together, Together::Vote);
    let weighed: Vec<_> = weighed
        .iter()
        .map(|one| (one.model.as_str(), one.weight))
        .collect();
    assert_eq!(weighed, [("m/1", 1.0), ("m/2", 2.0)]);
    for kind in ["", ", model: m/1, vote: [m/1]"] {
        assert_eq!(models(kind).unwrap_err().code(), "compose-file");
    }
}
