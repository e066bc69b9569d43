//! One graph for ONNX runtimes.

use crate::modeldir;
use automl_core::{Field, Levels};
use automl_data::{LevelCoder, ReadOptions};
use automl_onnx::Source;
use automl_store::ReadModel;

/// Words for truth values, in small letters.
const TRUTHS: [&str; 12] = [
    "true", "false", "yes", "no", "t", "f", "y", "n", "0", "1", "0.0", "1.0",
];

/// The bytes of a model's graph.
pub(super) fn graph(read: &ReadModel) -> anyhow::Result<Vec<u8>> {
    let inputs = &read.manifest.inputs;
    let usual = ReadOptions::default().missing;
    let missing = if inputs.missing.is_empty() {
        &usual
    } else {
        &inputs.missing
    };
    Ok(automl_onnx::export(&Source {
        artifact: &read.artifact,
        inputs,
        missing,
        spellings: &|field| spellings(field, missing),
        decision: &modeldir::decision(&read.manifest)?,
    })?)
}

/// The other texts that are usual for a field's levels, as tables are read: `True` for `true`, `1.0` for `1`.
fn spellings(field: &Field, missing: &[String]) -> Vec<(String, usize)> {
    let levels = Levels::new(field.levels.iter().map(String::as_str));
    let coder = LevelCoder::new(levels, missing);
    let cased = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let title: String = first.into_iter().chain(letters).collect();
        [word.to_owned(), title, word.to_ascii_uppercase()]
    };
    let truths = TRUTHS.into_iter().flat_map(cased);
    let numbers = field
        .levels
        .iter()
        .filter_map(|level| level.parse::<f64>().ok());
    let numbers = numbers.flat_map(|value| {
        [
            format!("{value}"),
            format!("{value:?}"),
            format!("{value:.2}"),
        ]
    });
    let coded = truths.chain(numbers).map(|text| {
        let code = coder.code(&text) as usize;
        (text, code)
    });
    coded
        .filter(|(_, code)| *code < field.levels.len())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::{Kind, Role};

    #[test]
    fn levels_have_their_usual_spellings() {
        let mut field = Field {
            name: "a".into(),
            kind: Kind::Boolean,
            role: Role::Feature,
            levels: ["false".to_owned(), "true".to_owned()].into(),
            format: None,
        };
        let found = spellings(&field, &[]);
        for (text, level) in [("True", 1), ("1", 1), ("1.0", 1), ("NO", 0), ("false", 0)] {
            assert!(found.contains(&(text.to_owned(), level)), "{text}");
        }
        field.levels = ["1".to_owned(), "2".to_owned()].into();
        let found = spellings(&field, &[]);
        assert!(found.contains(&("2.0".to_owned(), 1)));
        assert!(!found.iter().any(|(text, _)| text == "True"));
    }
}
