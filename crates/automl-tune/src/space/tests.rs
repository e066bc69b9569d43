//! Spaces: what they accept, what they refuse and say, and that points and coordinates are the same thing.

use super::*;
use crate::random::Random;
use crate::sampler::Sampler;
use crate::study::{Objective, Study};
use crate::uniform::draws;
use automl_core::{Coded, Params, Seed};
use proptest::prelude::*;

fn text(name: &str) -> ParamValue {
    ParamValue::Text(name.to_owned().into())
}

fn spec(json: &str) -> Result<Space, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// A booster with parameters of its trees, and of their dropout.
fn nested() -> Space {
    let depth = Parameter::new("depth", Domain::integer(1, 8));
    let drop = Parameter::new("drop", Domain::float(0.0, 1.0));
    Space::new([
        Parameter::new("booster", Domain::categorical(["linear", "tree"])),
        Parameter::new("kind", Domain::categorical(["plain", "dart"]))
            .when(Condition::is("booster", "tree")),
        depth.when(Condition::is("booster", "tree")),
        drop.when(Condition::is("kind", "dart")),
    ])
    .unwrap()
}

#[test]
fn every_parameter_has_a_name() {
    let nameless = Space::new([Parameter::new("", Domain::float(0.0, 1.0))]);
    assert_eq!(nameless.unwrap_err(), SpaceError::Nameless);
}

#[test]
fn a_space_is_read_from_data_and_written_back() {
    let json = r#"{"parameters":[
        {"name":"rate","type":"float","low":1e-5,"high":1,"scale":"log","default":0.1,"prior":{"peak":{"at":0.01,"width":0.2}}},
        {"name":"depth","type":"int","low":1,"high":9,"step":2},
        {"name":"batch","type":"discrete","values":[8,16,64]},
        {"name":"size","type":"ordinal","values":["s","m","l"]},
        {"name":"flag","type":"bool"},
        {"name":"drop","type":"float","low":0,"high":1,"when":[{"parameter":"flag","values":[true]},{"parameter":"depth","at_least":5}]}],
        "forbidden":[{"all":[{"parameter":"size","values":["l"]},{"parameter":"depth","at_least":7}]}],
        "constraints":[{"terms":{"depth":1,"drop":2.0},"at_most":9.5}]}"#;
    let space = spec(json).unwrap();
    assert_eq!(space.n_dimensions(), 6);
    let written = serde_json::to_string(&space).unwrap();
    assert_eq!(serde_json::from_str::<Space>(&written).unwrap(), space);
}

#[test]
fn what_makes_no_sense_is_named_with_a_next_step() {
    let float = |low, high, scale| Domain::Float {
        low,
        high,
        scale,
        step: None,
    };
    let bad = |domain: Domain| Space::new([Parameter::new("x", domain)]).unwrap_err();
    let error = bad(float(0.0, 1.0, Scale::Log));
    assert_eq!(
        error.to_string(),
        "parameter 'x' has a log scale that reaches zero"
    );
    assert_eq!(error.code(), "space-domain-invalid");
    assert_eq!(
        error.hint().unwrap(),
        "give a least value above zero or use the linear scale"
    );
    assert_eq!(
        bad(float(2.0, 1.0, Scale::Linear)).to_string(),
        "parameter 'x' has its least value above its greatest"
    );
    assert_eq!(
        bad(float(0.0, f64::INFINITY, Scale::Linear)).to_string(),
        "parameter 'x' has a bound that is not finite"
    );
    assert_eq!(
        bad(Domain::categorical([])).to_string(),
        "parameter 'x' has no value"
    );
    let unsorted = Domain::Discrete {
        values: vec![2.0, 1.0],
    };
    assert_eq!(
        bad(unsorted).to_string(),
        "parameter 'x' has values that do not rise"
    );
    let twice = Space::new([
        Parameter::new("x", Domain::boolean()),
        Parameter::new("x", Domain::boolean()),
    ]);
    assert_eq!(twice.unwrap_err().code(), "space-parameter-duplicate");
}

#[test]
fn conditions_must_look_back_at_values_that_exist() {
    let child = |condition| Parameter::new("child", Domain::boolean()).when(condition);
    let parent = || Parameter::new("parent", Domain::categorical(["a", "b"]));
    let later = Space::new([child(Condition::is("parent", "a")), parent()]).unwrap_err();
    assert_eq!(
        later.to_string(),
        "parameter 'child' has a condition on 'parent', which does not come before it"
    );
    assert_eq!(later.hint().unwrap(), "move 'parent' before it");
    let unknown = Space::new([parent(), child(Condition::is("parnet", "a"))]).unwrap_err();
    assert_eq!(unknown.code(), "space-parameter-unknown");
    assert_eq!(unknown.hint().unwrap(), "did you mean parent?");
    let value = Space::new([parent(), child(Condition::is("parent", "c"))]).unwrap_err();
    assert_eq!(
        value.to_string(),
        "'child' speaks of the value c, which 'parent' cannot take"
    );
}

#[test]
fn clauses_of_which_no_point_is_found_are_refused_and_it_is_said_what_was_tried() {
    let error = spec(
        r#"{"parameters":[{"name":"x","type":"float","low":0,"high":1},{"name":"y","type":"bool"}],
            "constraints":[{"terms":{"x":1},"at_most":-1}]}"#,
    );
    let told = error.unwrap_err();
    let wanted = "no point was found that keeps the forbidden clauses and the constraints, neither among 10000 at random nor by \
                  going downhill from 17: the nearest breaks the constraint of x to at most -1";
    assert!(told.contains(wanted), "{told}");
    let error = spec(
        r#"{"parameters":[{"name":"x","type":"bool"},{"name":"y","type":"bool"}],
            "forbidden":[{"all":[{"parameter":"x"}]}]}"#,
    );
    let told = error.unwrap_err();
    assert!(
        told.contains("breaks the forbidden combination of x"),
        "{told}"
    );
}

/// Ten weights that are one in all at most: a share of 1 in 3,628,800 of all points.
fn weights(constraints: &str) -> Space {
    let weight = |j: usize| format!(r#"{{"name":"w{j}","type":"float","low":0,"high":1}}"#);
    let weights: Vec<String> = (0..10).map(weight).collect();
    let terms: Vec<String> = (0..10).map(|j| format!(r#""w{j}":1"#)).collect();
    spec(&format!(
        r#"{{"parameters":[{}],"constraints":[{{"terms":{{{}}},"at_most":1}}{constraints}]}}"#,
        weights.join(","),
        terms.join(",")
    ))
    .unwrap()
}

#[test]
fn a_space_of_which_hardly_any_point_is_allowed_is_found_and_drawn_from() {
    let study = Study::new(weights(""), vec![Objective::minimize("loss")]).unwrap();
    let mut means = vec![0.0; 10];
    for seed in 0..100 {
        let point = Random {}.suggest(&study, Seed(seed));
        assert!(study.space().contains(&point));
        for (mean, weight) in means.iter_mut().zip(point.values()) {
            *mean += weight.as_f64().unwrap() / 100.0;
        }
    }
    // Of all points that are allowed, each weight is an eleventh on average.
    assert!(
        means.iter().all(|mean| (0.05..0.15).contains(mean)),
        "{means:?}"
    );
}

#[test]
fn sums_that_pull_against_each_other_are_kept_together() {
    // The first weight is at least nine tenths, and more than the second by so much.
    let more = r#",{"terms":{"w0":-1},"at_most":-0.9},{"terms":{"w0":-1,"w1":1},"at_most":-0.89}"#;
    let space = weights(more);
    let study = Study::new(space, vec![Objective::minimize("loss")]).unwrap();
    for seed in 0..10 {
        let point = Random {}.suggest(&study, Seed(seed));
        assert!(study.space().contains(&point));
    }
}

#[test]
fn an_unknown_key_is_refused() {
    let error = spec(r#"{"parameters":[{"name":"x","type":"float","low":0,"hihg":1}]}"#);
    assert!(error.unwrap_err().contains("hihg"));
}

#[test]
fn children_have_values_exactly_where_their_conditions_hold() {
    let space = nested();
    let point = |pairs: &[(&str, ParamValue)]| -> ParamMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    };
    let plain = [
        ("booster", text("tree")),
        ("kind", text("plain")),
        ("depth", ParamValue::Int(3)),
    ];
    assert!(space.contains(&point(&[("booster", text("linear"))])));
    assert!(space.contains(&point(&plain)));
    let mut dart = point(&plain);
    dart.insert("drop".to_owned(), ParamValue::Float(0.5));
    assert!(!space.contains(&dart), "drop is active only for dart");
    dart.insert("kind".to_owned(), text("dart"));
    assert!(space.contains(&dart));
    assert!(
        !space.contains(&point(&[("booster", text("tree"))])),
        "depth is missing"
    );
    assert_eq!(space.groups(), [vec![0], vec![1, 2], vec![3]]);
}

#[test]
fn draws_keep_clauses_even_where_few_points_do() {
    let space = spec(
        r#"{"parameters":[{"name":"a","type":"float","low":0,"high":1},{"name":"b","type":"float","low":0,"high":1},
             {"name":"c","type":"float","low":0,"high":1}],
            "constraints":[{"terms":{"a":1,"b":1,"c":1},"at_most":0.2}]}"#,
    )
    .unwrap();
    let study = Study::new(space, vec![Objective::minimize("loss")]).unwrap();
    for seed in 0..50 {
        let point = Random {}.suggest(&study, Seed(seed));
        let sum: f64 = point.values().filter_map(ParamValue::as_f64).sum();
        assert!(sum <= 0.2 + 1e-9, "{sum}");
    }
}

#[test]
fn beliefs_pull_draws() {
    let peak = Prior::Peak {
        at: 0.001,
        width: 0.05,
    };
    let weights = Prior::Weights(vec![0.0, 3.0, 1.0]);
    let space = Space::new([
        Parameter::new("rate", Domain::log_float(1e-5, 1.0)).with_prior(peak),
        Parameter::new("size", Domain::categorical(["s", "m", "l"])).with_prior(weights),
    ])
    .unwrap();
    let mut draws = draws(Seed(1));
    let points: Vec<ParamMap> = (0..400)
        .map(|_| space.point(&space.draw(&mut draws)))
        .collect();
    let is_near = |point: &&ParamMap| {
        let rate = point["rate"].as_f64().unwrap();
        rate > 1e-4 && rate < 1e-2
    };
    assert!(points.iter().filter(is_near).count() > 360);
    assert!(points.iter().all(|point| point["size"] != text("s")));
    let n_medium = points
        .iter()
        .filter(|point| point["size"] == text("m"))
        .count();
    assert!((260..340).contains(&n_medium), "{n_medium}");
    // The belief is a density: its mean over even points is one.
    let mean: f64 = (0..1000)
        .map(|at| {
            space.axes()[0]
                .log_belief((f64::from(at) + 0.5) / 1000.0)
                .exp()
                / 1000.0
        })
        .sum();
    assert!((mean - 1.0).abs() < 0.01, "{mean}");
}

#[test]
fn the_reverse_log_scale_is_fine_near_the_high_end() {
    let domain = Domain::Float {
        low: 1.0,
        high: 1000.0,
        scale: Scale::ReverseLog,
        step: None,
    };
    let axis = Axis::new(domain, None).unwrap();
    assert!((axis.number(0.0).unwrap() - 1.0).abs() < 1e-9);
    assert!((axis.number(1.0).unwrap() - 1000.0).abs() < 1e-9);
    assert!(axis.number(0.5).unwrap() > 960.0);
    assert!((axis.coordinate(&ParamValue::Float(500.0)).unwrap() - 0.1).abs() < 0.01);
}

/// Only some parameters are searched.
#[derive(Params, Debug, Clone)]
struct Example {
    /// Searched in a part of its range.
    #[param(default = 0.1, range = 0.0..=1.0, log, search = 0.01..=0.3)]
    rate: f64,
    /// Not searched.
    #[param(default = 3, range = 1..=9)]
    depth: usize,
}

#[test]
fn a_space_of_parameters_holds_their_search_domains() {
    let space = Space::of_params(Example::SPECS).unwrap();
    assert_eq!(space.n_dimensions(), 1);
    assert_eq!(space.parameters()[0].domain, Domain::log_float(0.01, 0.3));
}

#[test]
fn points_are_counted() {
    assert_eq!(Space::default().n_points(), Some(1));
    let count = |domain| {
        Space::new([Parameter::new("x", domain)])
            .unwrap()
            .n_points()
    };
    assert_eq!(count(Domain::integer(-3, 3)), Some(7));
    assert_eq!(count(Domain::float(0.0, 1.0)), None);
    let stepped = Domain::Float {
        low: 0.0,
        high: 1.0,
        scale: Scale::Linear,
        step: Some(0.1),
    };
    assert_eq!(count(stepped), Some(11));
}

fn any_domain() -> impl Strategy<Value = Domain> {
    let scale = prop_oneof![
        Just(Scale::Linear),
        Just(Scale::Log),
        Just(Scale::ReverseLog)
    ];
    prop_oneof![
        (-1e6..1e6_f64, 0.0..1e6_f64).prop_map(|(low, width)| Domain::float(low, low + width)),
        (1e-9..1e3_f64, 1.0..1e6_f64, scale.clone()).prop_map(|(low, factor, scale)| {
            Domain::Float {
                low,
                high: low * factor,
                scale,
                step: None,
            }
        }),
        (-10.0..10.0_f64, 0.0..9.0_f64, 0.01..2.0_f64).prop_map(|(low, width, step)| {
            Domain::Float {
                low,
                high: low + width,
                scale: Scale::Linear,
                step: Some(step),
            }
        }),
        (-1000..1000_i64, 0..100_i64, 1..9_i64).prop_map(|(low, width, step)| Domain::Integer {
            low,
            high: low + width,
            scale: Scale::Linear,
            step
        }),
        (1..1000_i64, 0..1000_i64, scale).prop_map(|(low, width, scale)| Domain::Integer {
            low,
            high: low + width,
            scale,
            step: 1
        }),
        prop::collection::btree_set(-50..50_i32, 1..6).prop_map(|values| Domain::Discrete {
            values: values.into_iter().map(f64::from).collect()
        }),
        (1..=4_usize).prop_map(|n| Domain::categorical(["a", "b", "c", "d"].into_iter().take(n))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn values_and_coordinates_are_the_same_thing(domain in any_domain(), at in 0.0..1.0_f64) {
        let axis = Axis::new(domain, None).unwrap();
        let at = axis.n_codes().map_or(at, |n| (at * n as f64).floor());
        let value = axis.value(at);
        let back = axis.coordinate(&value).expect("values are in the domain");
        prop_assert!((back - axis.snap(at)).abs() < 1e-6, "{} {}", back, axis.snap(at));
        // Discrete values come back exactly, so a log replays to the same study.
        if axis.n_values().is_some() {
            prop_assert_eq!(axis.value(back), value);
            prop_assert_eq!(axis.snap(back), back);
            prop_assert_eq!(axis.nth(axis.rank(at)), axis.snap(at));
        }
    }
}

#[test]
fn whole_numbers_on_any_scale_have_a_rank_and_a_cell() {
    for scale in [Scale::Linear, Scale::Log, Scale::ReverseLog] {
        let domain = Domain::Integer {
            low: 1,
            high: 40,
            scale,
            step: 1,
        };
        let axis = Axis::new(domain, None).unwrap();
        let mut end = 0.0;
        for rank in 0..40 {
            let at = axis.nth(rank);
            assert_eq!(axis.value(at), ParamValue::Int(1 + rank as i64));
            assert_eq!(axis.rank(at), rank);
            let (low, high) = axis.cell(at);
            assert!(low < at && at < high && (low - end).abs() < 1e-12);
            for inside in [low + 1e-9, high - 1e-9] {
                assert_eq!(axis.rank(inside), rank, "{scale:?}");
            }
            let next = axis.spacing(at) + 1e-9;
            assert!(axis.rank(at - next) < rank || axis.rank(at + next) > rank);
            end = high;
        }
        assert!((end - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_point_of_another_space_is_taken_as_far_as_names_and_kinds_agree() {
    let space = Space::new([
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("kind", Domain::categorical(["a", "b"])),
        Parameter::new("depth", Domain::integer(1, 9)).when(Condition::is("kind", "b")),
        Parameter::new("rate", Domain::log_float(1e-4, 1.0)).with_default(ParamValue::Float(0.01)),
    ])
    .unwrap();
    let text = |name: &'static str| ParamValue::Text(name.into());
    let point: ParamMap = [
        ("x".to_owned(), ParamValue::Int(1)),
        ("kind".to_owned(), text("a")),
        ("depth".to_owned(), ParamValue::Int(3)),
        ("rate".to_owned(), text("fast")),
        ("other".to_owned(), ParamValue::Bool(true)),
    ]
    .into();
    assert_eq!(space.shared_with(&point), ["x", "kind", "depth"]);
    let at = space.adapted(&point).unwrap();
    assert_eq!((at[0], at[1]), (1.0, 0.0));
    assert!(at[2].is_nan(), "not active where the kind is a");
    assert!((at[3] - 0.5).abs() < 1e-9, "its default");
    let far: ParamMap = [("x".to_owned(), ParamValue::Float(2.0))].into();
    assert_eq!(space.adapted(&far), None, "outside the domain");
    let odd: ParamMap = [("kind".to_owned(), text("c"))].into();
    assert_eq!(space.adapted(&odd), None);
}
