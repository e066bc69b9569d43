//! Attributions know their shape; errors have codes.

use super::*;

#[test]
fn rows_and_matrices_are_found() {
    let values = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<_>>();
    let columns = vec!["a".to_owned(), "b".to_owned()];
    let explanation = Explanation {
        columns: columns.clone(),
        n_outputs: 2,
        scale: Scale::Softmax,
        values: values(12),
    };
    assert_eq!(explanation.n_rows(), 2);
    assert_eq!(explanation.row(1, 0), [6.0, 7.0, 8.0]);
    let interactions = Interactions {
        columns,
        n_outputs: 2,
        scale: Scale::Softmax,
        values: values(36),
    };
    assert_eq!(interactions.matrix(1, 1), &values(36)[27..]);
}

#[test]
fn errors_have_codes_and_a_next_step() {
    let missing = ExplainError::from(PredictError::ColumnMissing { name: "a".into() });
    assert_eq!(missing.code(), "predict-column-missing");
    assert_eq!(missing.to_string(), "column 'a' is missing");
    assert_eq!(ExplainError::Unsupported.code(), "explain-unsupported");
    assert!(
        ExplainError::NoCover
            .hint()
            .unwrap()
            .contains("fit it again")
    );
}
