//! What `#[derive(Params)]` makes of a struct.

use super::{Domain, ParamError, ParamMap, ParamValue};
use crate::{Coded, Params};

/// How a tree grows.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    LeafWise,
    DepthWise,
}

/// Parameters of every shape.
#[derive(Params, Debug, Clone, PartialEq)]
struct Boosting {
    /// Shrinkage of each tree.
    /// Small is slow.
    #[param(default = 0.1, range = 1e-3..=1.0, log, search = 0.01..=0.3, alias = "eta", alias = "shrinkage")]
    learning_rate: f64,
    /// Number of trees.
    #[param(default = 100, range = 1..=10_000, log, search)]
    n_trees: usize,
    /// Least change, which may be negative.
    #[param(default = -0.5, range = -1.0..=0.0)]
    min_change: f64,
    /// Whether rows are drawn with replacement.
    #[param(default = false, search)]
    bootstrap: bool,
    /// Order in which leaves split.
    #[param(default = Growth::LeafWise, search)]
    growth: Growth,
    /// Columns to leave out.
    #[param(default = String::new(), alias = "ignored_columns")]
    left_out: String,
}

fn map(name: &str, value: ParamValue) -> ParamMap {
    ParamMap::from([(name.to_owned(), value)])
}

fn error(name: &str, value: ParamValue) -> ParamError {
    Boosting::from_map(&map(name, value)).unwrap_err()
}

#[test]
fn nothing_given_is_the_default() {
    let params = Boosting::from_map(&ParamMap::new()).unwrap();
    assert_eq!(params, Boosting::default());
    assert_eq!(
        (params.learning_rate, params.n_trees, params.min_change),
        (0.1, 100, -0.5)
    );
    assert_eq!((params.bootstrap, params.growth), (false, Growth::LeafWise));
}

#[test]
fn each_field_is_a_spec_in_order() {
    let names: Vec<&str> = Boosting::SPECS.iter().map(|spec| spec.name).collect();
    assert_eq!(
        names,
        [
            "learning_rate",
            "n_trees",
            "min_change",
            "bootstrap",
            "growth",
            "left_out"
        ]
    );
    let rate = &Boosting::SPECS[0];
    assert_eq!(rate.doc, "Shrinkage of each tree. Small is slow.");
    assert_eq!((rate.default)(), ParamValue::Float(0.1));
    assert_eq!(rate.aliases, ["eta", "shrinkage"]);
    let domain = |low, high| Domain::Float {
        low,
        high,
        log: true,
    };
    assert_eq!(rate.domain, domain(1e-3, 1.0));
    assert_eq!(rate.search, Some(domain(0.01, 0.3)));
}

#[test]
fn search_without_a_range_is_the_whole_domain_and_without_a_word_none() {
    let [_, n_trees, min_change, bootstrap, growth, left_out] = Boosting::SPECS else {
        panic!("six fields");
    };
    assert_eq!(n_trees.search, Some(n_trees.domain));
    assert_eq!(min_change.search, None);
    assert_eq!(bootstrap.search, Some(Domain::Bool));
    assert_eq!((left_out.domain, left_out.search), (Domain::Text, None));
    assert_eq!(
        growth.search,
        Some(Domain::Choice(&["leaf_wise", "depth_wise"]))
    );
}

#[test]
fn a_parameter_is_given_by_one_of_its_names() {
    let of = |names: [&str; 2]| {
        let pairs = names.map(|name| (name.to_owned(), ParamValue::Float(0.2)));
        Boosting::from_map(&ParamMap::from(pairs))
    };
    assert_eq!(of(["eta", "eta"]).unwrap().learning_rate, 0.2);
    for twice in [["eta", "learning_rate"], ["shrinkage", "eta"]] {
        let error = of(twice).unwrap_err();
        assert_eq!(error.code(), "param-conflict", "{error}");
    }
}

#[test]
fn values_are_set_by_name_or_alias() {
    for name in ["learning_rate", "eta", "shrinkage"] {
        let params = Boosting::from_map(&map(name, ParamValue::Float(0.2))).unwrap();
        assert_eq!(params.learning_rate, 0.2, "{name}");
    }
    let params = Boosting::from_map(&map("growth", ParamValue::Text("depth_wise".into()))).unwrap();
    assert_eq!(params.growth, Growth::DepthWise);
    let text = ParamValue::Text("age,price".into());
    let params = Boosting::from_map(&map("ignored_columns", text)).unwrap();
    assert_eq!(params.left_out, "age,price");
}

#[test]
fn a_whole_number_is_a_float_and_a_round_float_is_a_whole_number() {
    assert_eq!(
        Boosting::from_map(&map("eta", ParamValue::Int(1)))
            .unwrap()
            .learning_rate,
        1.0
    );
    assert_eq!(
        Boosting::from_map(&map("n_trees", ParamValue::Float(7.0)))
            .unwrap()
            .n_trees,
        7
    );
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let error = error("learning_rat", ParamValue::Float(0.1));
    assert_eq!(error.to_string(), "unknown parameter 'learning_rat'");
    assert_eq!(error.code(), "param-unknown");
    assert_eq!(error.hint().unwrap(), "did you mean learning_rate?");
}

#[test]
fn a_value_outside_its_domain_is_refused_in_words() {
    let said = |name, value| error(name, value).to_string();
    assert_eq!(
        said("eta", ParamValue::Float(7.0)),
        "learning_rate = 7 is outside 0.001 to 1"
    );
    assert_eq!(
        said("n_trees", ParamValue::Int(0)),
        "n_trees = 0 is outside 1 to 10000 (whole numbers)"
    );
    assert_eq!(
        said("bootstrap", ParamValue::Int(1)),
        "bootstrap = 1 is outside true or false"
    );
    assert_eq!(
        said("growth", ParamValue::Text("wide".into())),
        "growth = wide is outside leaf_wise or depth_wise"
    );
    assert_eq!(
        said("left_out", ParamValue::Int(1)),
        "left_out = 1 is outside texts"
    );
    assert_eq!(
        error("eta", ParamValue::Float(f64::NAN)).code(),
        "param-domain"
    );
    assert_eq!(
        error("n_trees", ParamValue::Float(1.5)).code(),
        "param-domain"
    );
    assert_eq!(
        error("n_trees", ParamValue::Text("7".into())).code(),
        "param-domain"
    );
}

#[test]
fn values_come_back_as_a_map() {
    let mut params = Boosting::default();
    params
        .set("growth", &ParamValue::Text("depth_wise".into()))
        .unwrap();
    params.set("eta", &ParamValue::Float(0.3)).unwrap();
    let written = params.to_map();
    assert_eq!(written.len(), 6);
    assert_eq!(Boosting::from_map(&written), Ok(params));
}

#[test]
fn fields_written_directly_are_checked_on_demand() {
    let mut params = Boosting::default();
    assert_eq!(params.check(), Ok(()));
    params.n_trees = 0;
    assert_eq!(params.check().unwrap_err().code(), "param-domain");
}

#[test]
fn values_are_plain_json() {
    let written = serde_json::to_string(&Boosting::default().to_map()).unwrap();
    assert_eq!(
        written,
        r#"{"bootstrap":false,"growth":"leaf_wise","learning_rate":0.1,"left_out":"","min_change":-0.5,"n_trees":100}"#
    );
    let read: ParamMap = serde_json::from_str(&written).unwrap();
    assert_eq!(Boosting::from_map(&read), Ok(Boosting::default()));
}
