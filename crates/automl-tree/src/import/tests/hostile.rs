//! No file makes the reader panic, ask for memory that the file does not pay for, or give a model that fails later.

use super::*;
use automl_core::Threads;

/// The model's predictions and attributions of rows that have everything which can stand in a table.
///
/// Scores are bounded when a model is read, so predictions are numbers.
fn use_model(imported: &ImportedModel, what: &str) {
    for n_rows in [1, 300] {
        let column = |feature: &ImportedFeature| {
            let column = match &feature.levels {
                None => {
                    let values = [f64::NAN, 0.0, -1.5, 1e300, f64::MIN, 0.1, f64::MAX];
                    Column::Number(values.into_iter().cycle().take(n_rows).collect())
                }
                Some(levels) => {
                    let n = levels.len() as u32;
                    let codes = (0..n).chain([MISSING_CODE]).cycle().take(n_rows).collect();
                    Column::category(codes, Levels::new(levels.iter().map(String::as_str)))
                }
            };
            (feature.name.clone(), column)
        };
        let table = Table::new(imported.features.iter().map(column).collect()).unwrap();
        let predicted = imported.model.predict(&table.view()).unwrap();
        assert_eq!(predicted.n_rows(), n_rows, "{what}");
        assert!(predicted.values().iter().all(|v| v.is_finite()), "{what}");
        let few = &[0, n_rows as u32 - 1];
        match imported.model.explain(&table.rows(few), &Threads::one()) {
            Ok(explained) => assert!(explained.values.iter().all(|v| v.is_finite()), "{what}"),
            Err(error) => {
                assert!(["explain-unsupported", "explain-no-cover"].contains(&error.code()));
            }
        }
    }
}

#[test]
fn damage_names_its_place() {
    let text = std::str::from_utf8(file("lightgbm_regression.txt")).unwrap();
    let damaged = |text: &str| import(text.as_bytes()).err().unwrap().to_string();
    assert_eq!(
        damaged(&text.replacen("num_leaves=7", "num_leaves=8", 1)),
        "not a whole LightGBM model: line 21: 'leaf_value' has not 8 numbers"
    );
    assert_eq!(
        damaged(text.split("end of trees").next().unwrap())
            .split(": ")
            .last(),
        Some("the file ends before 'end of trees'")
    );
    let text = std::str::from_utf8(file("xgboost_regression.json")).unwrap();
    assert_eq!(
        damaged(&text.replacen("\"left_children\"", "\"left\"", 1)),
        "not a whole XGBoost model: learner.gradient_booster.model.trees[0].left_children: is missing"
    );
}

#[test]
fn names_of_levels_that_are_cut_are_not_taken_for_none() {
    let text = std::str::from_utf8(file("lightgbm_regression.txt")).unwrap();
    let end = text.find("\"dark grey").unwrap();
    let error = import(&text.as_bytes()[..end]).err().unwrap().to_string();
    assert!(
        error.ends_with("'pandas_categorical' is not a list of lists"),
        "{error}"
    );
}

#[test]
fn a_loop_of_nodes_is_no_tree() {
    let text = std::str::from_utf8(file("lightgbm_regression.txt")).unwrap();
    let start = text.find("left_child=").unwrap() + "left_child=".len();
    let end = start + text[start..].find('\n').unwrap();
    let n = text[start..end].split(' ').count();
    let zeros = vec!["0"; n].join(" ");
    let looped = format!("{}{zeros}{}", &text[..start], &text[end..]);
    let error = import(looped.as_bytes()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "not a whole LightGBM model: trees: a node has two parents"
    );
}

/// Beside the corpus of the fuzzer: many cuts and changed bytes of each reference file. What still loads can be used.
#[test]
fn no_cut_and_no_changed_byte_makes_the_reader_panic() {
    for (name, bytes) in FILES {
        for end in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
            let cut = import(&bytes[..end]);
            // What follows are the names that pandas had for levels, which not every file has.
            let names_alone_are_cut = bytes[..end]
                .windows(17)
                .any(|window| window == b"end of parameters");
            assert!(cut.is_err() || names_alone_are_cut, "{name} cut at {end}");
            if let Ok(imported) = cut {
                use_model(&imported, name);
            }
        }
        for at in (0..bytes.len()).step_by(bytes.len() / 300 + 1) {
            for value in [0, b'-', b'9', b'{', b'[', b'$', 0x7f, 0xff] {
                let mut changed = bytes.to_vec();
                changed[at] = value;
                if let Ok(imported) = import(&changed) {
                    assert!(
                        imported.n_trees > 0 || imported.features.is_empty(),
                        "{name} at {at}"
                    );
                    use_model(&imported, &format!("{name}, {value} at {at}"));
                }
            }
        }
    }
}

/// What each file of the fuzzer's corpus gives: a model, or an error.
const CORPUS: [(&str, Option<&str>); 15] = [
    (
        "json_deep",
        Some("not a whole XGBoost model: line 1 column 138: not JSON"),
    ),
    ("lightgbm_chain", None),
    (
        "lightgbm_counts_altered",
        Some("not a whole LightGBM model: line 20: 'leaf_count' is not a list of numbers"),
    ),
    (
        "lightgbm_cut",
        Some("not a whole LightGBM model: line 12: the file ends before 'end of trees'"),
    ),
    (
        "lightgbm_levels_shared",
        Some("LightGBM models with more than 255 levels of 'c' cannot be imported"),
    ),
    ("lightgbm_linear_steep", None),
    (
        "lightgbm_loop",
        Some("not a whole LightGBM model: trees: a node has two parents"),
    ),
    (
        "lightgbm_sum_overflows",
        Some(
            "not a whole LightGBM model: trees: 'leaf_values' of the gradient_boosting artifact is invalid: their sums could overflow",
        ),
    ),
    (
        "ubjson_deep",
        Some("not a whole XGBoost model: byte 69: nested too deep"),
    ),
    (
        "ubjson_endless_array",
        Some("not a whole XGBoost model: byte 17: more values than bytes"),
    ),
    (
        "ubjson_endless_string",
        Some("not a whole XGBoost model: byte 14: the file ends here"),
    ),
    (
        "xgboost_best_beyond",
        Some("not a whole XGBoost model: learner.attributes.best_iteration: names no round"),
    ),
    (
        "xgboost_features_unnamed",
        Some("XGBoost models with more than 100000 features without names cannot be imported"),
    ),
    (
        "xgboost_outputs_padded",
        Some(
            "not a whole XGBoost model: learner.gradient_booster.model.tree_info: gives the outputs too different numbers of trees",
        ),
    ),
    (
        "xgboost_runs_overlap",
        Some(
            "not a whole XGBoost model: learner.gradient_booster.model.trees[0].categories_segments: has runs that overlap",
        ),
    ),
];

#[test]
fn each_file_of_the_corpus_is_refused_or_gives_a_model_that_can_be_used() {
    let corpus = "../../fuzz/corpus/import";
    let read = |name: &str| std::fs::read(format!("{corpus}/{name}")).unwrap();
    let outcomes = CORPUS.map(|(name, _)| match import(&read(name)) {
        Ok(imported) => {
            use_model(&imported, name);
            (name, None)
        }
        Err(error) => (name, Some(error.to_string())),
    });
    assert_eq!(
        outcomes,
        CORPUS.map(|(name, error)| (name, error.map(str::to_owned)))
    );
    let files = std::fs::read_dir(corpus).unwrap();
    let mut files: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, CORPUS.map(|(name, _)| name), "each has an outcome");
}

#[test]
fn a_few_bytes_cannot_ask_for_endless_memory() {
    for bytes in [
        b"{i\x01a[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff".as_slice(),
        b"{i\x01a[#L\x7f\xff\xff\xff\xff\xff\xff\xff".as_slice(),
        b"{i\x01aSL\x7f\xff\xff\xff\xff\xff\xff\xff".as_slice(),
        b"{$[#i\x02".as_slice(),
    ] {
        assert!(matches!(import(bytes), Err(ImportError::Damaged { .. })));
    }
    let deep = [b"{i\x01a".as_slice(), &b"[".repeat(100_000)].concat();
    assert!(matches!(import(&deep), Err(ImportError::Damaged { .. })));
}

/// A split of thirty bytes can ask for all 255 levels of a feature, which need a thousand times as many as names.
#[test]
fn levels_that_are_named_by_their_codes_are_bounded_in_all() {
    let model = |n: usize| {
        let list = |values: &dyn Fn(usize) -> String, n| {
            (0..n).map(values).collect::<Vec<String>>().join(" ")
        };
        let same = |value: &str| list(&|_| value.to_owned(), n);
        let right = |node| {
            if node + 1 < n {
                node as i64 + 1
            } else {
                -(n as i64) - 1
            }
        };
        format!(
            "tree\nversion=v4\nnum_tree_per_iteration=1\nobjective=regression\nfeature_names={}\n\nTree=0\n\
             num_leaves={}\nnum_cat=1\ncat_boundaries=0 8\ncat_threshold={}\nsplit_feature={}\nthreshold={}\n\
             decision_type={}\nleft_child={}\nright_child={}\nleaf_value={}\n\nend of trees\n\nend of parameters\n",
            list(&|feature| format!("f{feature}"), n),
            n + 1,
            "0 0 0 0 0 0 0 1073741824",
            list(&|node| node.to_string(), n),
            same("0"),
            same("1"),
            list(&|node| format!("-{}", node + 1), n),
            list(&|node| right(node).to_string(), n),
            list(&|_| "0".to_owned(), n + 1),
        )
    };
    let imported = import(model(1028).as_bytes()).unwrap();
    assert_eq!(imported.features[1027].levels.as_ref().unwrap().len(), 255);
    assert_eq!(
        import(model(1029).as_bytes()).err().unwrap().to_string(),
        "LightGBM models with more than 262144 levels without names cannot be imported"
    );
}
