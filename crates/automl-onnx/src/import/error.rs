//! Why a graph cannot be imported.

use automl_core::{Coded, size_text};

/// An ONNX file that cannot stand as a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum GraphError {
    #[error("not a whole ONNX file: {reason}")]
    Damaged { reason: String },
    #[error("the file has {}, at most {} are read", size_text(*n_bytes), size_text(*limit))]
    TooLarge { n_bytes: u64, limit: u64 },
    #[error("operator {operator} of {domain} is not run here")]
    Operator { operator: String, domain: String },
    #[error("ONNX graphs with {what} cannot be imported")]
    Unsupported { what: String },
    #[error("the graph does not run here: {reason}")]
    DoesNotRun { reason: String },
    #[error("{given} distinct columns were given, the graph takes {wanted}")]
    Columns {
        given: usize,
        wanted: usize,
        /// Inputs with their widths.
        inputs: Vec<String>,
    },
    #[error("input '{input}' does not say how many columns it has")]
    NoWidth { input: String },
    #[error("{}", if outputs.is_empty() { "the graph gives no numbers".to_owned() } else { format!("the graph gives several outputs of numbers: {}", outputs.join(", ")) })]
    Result { outputs: Vec<String> },
    #[error("the graph has no output '{name}' of numbers")]
    ResultUnknown { name: String, outputs: Vec<String> },
    #[error(
        "{given} classes were given or are named in the graph, its output '{output}' has {width} columns"
    )]
    Classes {
        given: usize,
        output: String,
        width: usize,
    },
    #[error("output '{output}' does not hold probabilities: {reason}")]
    NoProbabilities { output: String, reason: String },
    #[error("the graph tells its labels by {operator}, which is not done here")]
    Labels { operator: String },
    #[error("what the graph says of a row depends on the rows beside it")]
    RowsMixed,
}

impl Coded for GraphError {
    fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "import-damaged",
            Self::TooLarge { .. }
            | Self::Operator { .. }
            | Self::Unsupported { .. }
            | Self::DoesNotRun { .. }
            | Self::Labels { .. }
            | Self::RowsMixed => "import-unsupported",
            Self::Columns { .. } | Self::NoWidth { .. } => "import-columns",
            Self::Result { .. } | Self::ResultUnknown { .. } | Self::NoProbabilities { .. } => {
                "import-result"
            }
            Self::Classes { .. } => "import-classes",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Damaged { .. } => "save or copy the model again".into(),
            Self::Operator { .. } | Self::DoesNotRun { .. } => {
                "convert the model without it, or for another opset".into()
            }
            Self::Columns { inputs, .. } => {
                format!("name a column for each number once, in the order of {}", inputs.join(", "))
            }
            Self::NoWidth { .. } => "say with --columns what they are called, in their order".into(),
            Self::Result { outputs } if outputs.is_empty() => {
                "convert the model so that it gives numbers or probabilities beside labels".into()
            }
            Self::Result { .. } => "say with --result which one is predicted".into(),
            Self::ResultUnknown { outputs, .. } => format!("it has {}", outputs.join(", ")),
            Self::Classes { .. } => "name each class once with --classes, in the order of the columns".into(),
            Self::NoProbabilities { .. } => {
                "convert the model so that it gives probabilities (of a network's scores, with softmax behind them), or name the output that has them with --result".into()
            }
            Self::TooLarge { .. } | Self::Unsupported { .. } => return None,
            Self::Labels { .. } => {
                "convert the model so that the likeliest class is the label, or without labels".into()
            }
            Self::RowsMixed => "convert the model so that each row is by itself".into(),
        })
    }
}
