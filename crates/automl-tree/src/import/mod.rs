//! Models that other programs trained, read as our own: LightGBM's text files and XGBoost's JSON and UBJSON files.
//!
//! An imported model predicts what its own program predicts, to the rounding of the sums. Trees are translated node by
//! node: LightGBM's thresholds are doubles and mean the same here; XGBoost compares in single precision, and its
//! thresholds become the doubles that split the same numbers. Nothing in a file is executed, and every index is checked.
//!
//! Of an XGBoost model that was fitted with early stopping, the trees up to the best round count, as in XGBoost's
//! scikit-learn classes. (Its `Booster` adds up all of them unless it is told the rounds.)
//!
//! What cannot be said with our nodes and links is refused by name:
//! - of either program, more than 255 levels of one category, and objectives of one's own;
//! - of LightGBM, `zero_as_missing` where zero goes against its order, targets under the square root (`reg_sqrt`), and
//!   the objectives `multiclassova` and `cross_entropy_lambda`;
//! - of XGBoost, the booster `gblinear`, leaves that hold vectors, more than one target, and the objectives of survival,
//!   hinge and logistic regression on rates (`reg:logistic`).

mod build;
mod levels;
mod lightgbm;
#[cfg(test)]
mod tests;
mod ubjson;
mod xgboost;

use automl_core::{Coded, Model};

/// A model of another program.
pub struct ImportedModel {
    /// The program, such as `LightGBM`.
    pub source: &'static str,
    /// The objective it was trained for, as the program calls it.
    pub objective: String,
    /// The columns it reads, in its order.
    pub features: Vec<ImportedFeature>,
    /// Number of classes; 0 for regression.
    pub n_classes: usize,
    /// Number of trees.
    pub n_trees: usize,
    /// What predicts.
    pub model: Box<dyn Model>,
}

/// A column that an imported model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedFeature {
    /// Its name.
    pub name: String,
    /// The levels of a category in code order; none for a number.
    pub levels: Option<Vec<String>>,
}

/// Why a model cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is no model of a known program.
    #[error("neither a LightGBM text model nor an XGBoost JSON or UBJSON model")]
    UnknownFormat,
    /// The file is cut or altered.
    #[error("not a whole {program} model: {place}: {reason}")]
    Damaged {
        /// The program.
        program: &'static str,
        /// A line, a byte or a key.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// Names were given for other columns than it has features.
    #[error("{given} distinct columns were given, the model has {} features", features.len())]
    Columns {
        /// Distinct names given.
        given: usize,
        /// The features as the file calls them.
        features: Vec<String>,
    },
    /// The model has something that ours have not.
    #[error("{program} models with {what} cannot be imported")]
    Unsupported {
        /// The program.
        program: &'static str,
        /// What it has.
        what: String,
    },
}

impl Coded for ImportError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownFormat => "import-format",
            Self::Damaged { .. } => "import-damaged",
            Self::Columns { .. } => "import-columns",
            Self::Unsupported { .. } => "import-unsupported",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownFormat => {
                "save the model with LightGBM's save_model('model.txt') or XGBoost's save_model('model.json')"
            }
            Self::Damaged { .. } => "save or copy the model again",
            Self::Columns { features, .. } => {
                let shown: Vec<&str> = features.iter().take(5).map(String::as_str).collect();
                let more = if features.len() > 5 { ", …" } else { "" };
                let shown = shown.join(", ");
                return Some(format!(
                    "name a column for each feature once, in the order of {shown}{more}"
                ));
            }
            Self::Unsupported { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Reads the bytes of a model file; its format is found from the first ones.
///
/// # Errors
/// An unknown format, a damaged file, or a model that ours cannot stand for.
pub fn import(bytes: &[u8]) -> Result<ImportedModel, ImportError> {
    build::model(parse(bytes)?)
}

/// Reads the bytes of a model file, and calls its features by the names of `columns`, which stand in their order.
///
/// # Errors
/// Those of [`import`], or not as many distinct names as the model has features.
pub fn import_with_columns(
    bytes: &[u8],
    columns: Vec<String>,
) -> Result<ImportedModel, ImportError> {
    let mut parsed = parse(bytes)?;
    let mut distinct: Vec<&str> = columns.iter().map(String::as_str).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != parsed.features.len() || columns.len() != distinct.len() {
        let names = parsed.features.into_iter().map(|feature| feature.name);
        return Err(ImportError::Columns {
            given: distinct.len(),
            features: names.collect(),
        });
    }
    for (feature, name) in parsed.features.iter_mut().zip(columns) {
        feature.name = name;
    }
    build::model(parsed)
}

fn parse(bytes: &[u8]) -> Result<Parsed, ImportError> {
    match bytes {
        [b't', b'r', b'e', b'e', b'\n' | b'\r', ..] => lightgbm::parse(bytes),
        [b'{', b'i' | b'I' | b'U' | b'l' | b'L' | b'$' | b'#', ..] => {
            xgboost::parse(&ubjson::parse(bytes)?)
        }
        _ if bytes.trim_ascii_start().starts_with(b"{") => {
            let document = serde_json::from_slice(bytes).map_err(|error| ImportError::Damaged {
                program: xgboost::PROGRAM,
                place: format!("line {} column {}", error.line(), error.column()),
                reason: "not JSON".to_owned(),
            })?;
            xgboost::parse(&document)
        }
        _ => Err(ImportError::UnknownFormat),
    }
}

/// A model as its file says it.
#[derive(Debug)]
struct Parsed {
    program: &'static str,
    objective: String,
    features: Vec<ImportedFeature>,
    link: crate::objective::Link,
    /// The raw scores before the first tree, one an output.
    base: Vec<f64>,
    /// Tree `t` adds to output `t % base.len()`.
    trees: Vec<ParsedTree>,
}

impl Parsed {
    fn has_linear_leaves(&self) -> bool {
        let mut nodes = self.trees.iter().flat_map(|tree| &tree.0);
        nodes.any(|node| {
            let role = &node.role;
            matches!(role, ParsedRole::Leaf { linear: Some(linear), .. } if !linear.terms.is_empty())
        })
    }
}

/// Nodes as they stand in the file; the first is the root.
#[derive(Debug)]
struct ParsedTree(Vec<ParsedNode>);

#[derive(Debug)]
struct ParsedNode {
    /// Rows, or the sum of their Hessians, that came here in training.
    cover: f64,
    role: ParsedRole,
}

#[derive(Debug)]
enum ParsedRole {
    Leaf {
        value: f64,
        /// What it adds beside, if it is linear; `value` is then for rows that lack a number.
        linear: Option<ParsedLinear>,
    },
    Inner {
        feature: usize,
        test: ParsedTest,
        left: usize,
        right: usize,
        gain: f64,
    },
}

/// `constant + Σ coefficient · x`.
#[derive(Debug)]
struct ParsedLinear {
    constant: f64,
    /// Features with their coefficients.
    terms: Vec<(usize, f64)>,
}

#[derive(Debug)]
enum ParsedTest {
    /// Left if `x <= threshold`, or if it is missing and `missing_left`.
    UpTo { threshold: f64, missing_left: bool },
    /// Levels of the set go left if `set_left`, else right; other levels go the other way. Missing and unseen ones go left
    /// if `missing_left`.
    Levels {
        set: levels::LevelSet,
        set_left: bool,
        missing_left: bool,
    },
}
