//! Why many tables are not predicted into a folder, or not all of them.

use crate::text;
use automl_core::Coded;
use automl_store::buckets::BucketError;
use std::path::PathBuf;

/// Why many tables are not predicted into a folder, or not all of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    /// Several tables have no single file.
    #[error("{} are predicted into a folder, and {} is none", text::counted(*n_tables, "table"), .output.display())]
    NeedsFolder { n_tables: u64, output: PathBuf },
    /// What is for folders was said of a file.
    #[error("{option} is for predictions into a folder, and {} is none", .output.display())]
    OnlyFolders {
        option: &'static str,
        output: PathBuf,
    },
    /// Stdin is no file.
    #[error("stdin cannot be predicted into a folder")]
    Stdin,
    /// A table lies where its predictions go.
    #[error("a table to predict is in the folder for the predictions: {}", .path.display())]
    InputInOutput { path: PathBuf },
    /// The next run would predict the predictions.
    #[error("the folder for the predictions is in the one of the tables: {}", .path.display())]
    AmongTables { path: PathBuf },
    /// A server reads and writes in the places that its operator names.
    #[error("it is below no place that is allowed: {}", .path.display())]
    Outside { path: PathBuf },
    /// A link among the tables leads out of those folders.
    #[error("a link in {} leads out of the folders that are allowed", .path.display())]
    LedOutside { path: PathBuf },
    /// A pipe or the like, which cannot be read twice.
    #[error("this is no file: {}", .path.display())]
    NotFile { path: PathBuf },
    /// Predictions would be elsewhere than in their folder.
    #[error("a link is where predictions were to be: {}", .path.display())]
    Link { path: PathBuf },
    /// A table is there more than once.
    #[error("a table is named twice: {}", .path.display())]
    NamedTwice { path: PathBuf },
    /// Two tables would have one file.
    #[error("the predictions of two tables would be {}: of {} and {}", .output.display(), .first.display(), .second.display())]
    SameOutput {
        output: PathBuf,
        first: PathBuf,
        second: PathBuf,
    },
    /// Predictions are there, and nobody said what to do with them.
    #[error("{}: {}", state_of(*n_whole, *is_complete), .output.display())]
    There {
        output: PathBuf,
        n_whole: u64,
        is_complete: bool,
    },
    /// The predictions that are there are of another model.
    #[error("the folder holds predictions of another model: {}", .output.display())]
    OtherModel { output: PathBuf },
    /// The predictions that are there were made otherwise.
    #[error("the predictions to go on with had {setting} {then}, now it is {now}: {}", .output.display())]
    Differs {
        setting: String,
        then: String,
        now: String,
        output: PathBuf,
    },
    /// Predictions are there of tables that are not named.
    #[error("the folder holds {file}{}{}, whose table is not named now: {}", of_table(.input.as_deref()), and_more(*n_more), .output.display())]
    OtherTables {
        file: String,
        input: Option<String>,
        n_more: u64,
        output: PathBuf,
    },
    /// A table changed while it was read.
    #[error("the table was changed while it was read: {}", .path.display())]
    Changed { path: PathBuf },
    /// A table of an object store cannot be fetched, though others may be.
    #[error(transparent)]
    Fetch(BucketError),
    /// Some tables were not predicted.
    #[error("{} of {} not predicted, the first because: {first}", text::count(*n_failed), were(*n_parts))]
    Failed {
        n_failed: u64,
        n_parts: u64,
        first: String,
    },
    /// The user stopped it.
    #[error("interrupted, {n_whole} of {} done: {}", text::counted(*n_parts, "table"), .output.display())]
    Stopped {
        n_whole: u64,
        n_parts: u64,
        output: PathBuf,
    },
}

fn state_of(n_whole: u64, is_complete: bool) -> String {
    let whole = text::counted(n_whole, "file");
    if is_complete {
        format!("predictions are in the folder already, {whole}")
    } else {
        format!("predictions into the folder were not finished, {whole} done")
    }
}

fn of_table(input: Option<&str>) -> String {
    input.map_or_else(String::new, |input| format!(" of {input}"))
}

fn and_more(n_more: u64) -> String {
    match n_more {
        0 => String::new(),
        n => format!(" and {} more", text::count(n)),
    }
}

fn were(n_parts: u64) -> String {
    let were = if n_parts == 1 { "was" } else { "were" };
    format!("{} {were}", text::counted(n_parts, "table"))
}

impl BatchError {
    /// What to do about it for who asked a server for it, where that is something else than on the command line.
    pub(crate) fn hint_of_request(&self) -> Option<&'static str> {
        Some(match self {
            Self::There { .. } => {
                "ask with resume for tables that are new or have changed, with overwrite to begin anew, or for another output"
            }
            Self::OtherModel { .. } | Self::Differs { .. } => {
                "ask for the model and the settings that they were begun with, with overwrite to begin anew, or for another output"
            }
            Self::OtherTables { .. } => "ask for that table, too, or with overwrite to begin anew",
            Self::Failed { .. } => {
                "_manifest.json in the folder tells of each; mend them and let the job go on (POST to its /resume)"
            }
            Self::InputInOutput { .. } | Self::AmongTables { .. } | Self::Link { .. } => {
                "ask for another output"
            }
            _ => return None,
        })
    }
}

impl Coded for BatchError {
    fn code(&self) -> &'static str {
        match self {
            Self::NeedsFolder { .. } => "batch-needs-folder",
            Self::OnlyFolders { .. } => "usage-option",
            Self::Stdin => "batch-stdin",
            Self::InputInOutput { .. } | Self::AmongTables { .. } => "output-is-input",
            Self::Outside { .. } | Self::LedOutside { .. } => "batch-outside",
            Self::NotFile { .. } => "batch-not-a-file",
            Self::Link { .. } => "batch-link",
            Self::NamedTwice { .. } => "batch-named-twice",
            Self::SameOutput { .. } => "batch-same-output",
            Self::There { .. } => "output-exists",
            Self::OtherModel { .. } => "batch-other-model",
            Self::Differs { .. } => "batch-differs",
            Self::OtherTables { .. } => "batch-other-tables",
            Self::Changed { .. } => "batch-table-changed",
            Self::Fetch(error) => error.code(),
            Self::Failed { .. } => "batch-incomplete",
            Self::Stopped { .. } => "interrupted",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NeedsFolder { .. } => {
                "give --output a folder, such as predictions/; a pattern in quotes is read as one table, into one file".into()
            }
            Self::OnlyFolders { .. } => {
                "give --output a folder, such as predictions/, or leave the option out".into()
            }
            Self::Stdin => "give --output a file, or leave it out".into(),
            Self::InputInOutput { .. } | Self::AmongTables { .. } => {
                "give --output another folder, or name the tables with a pattern that leaves it out"
                    .into()
            }
            Self::Outside { .. } | Self::LedOutside { .. } => {
                "the server's --data-dir says which are".into()
            }
            Self::NotFile { .. } => {
                "write it to a file first, or predict it alone, into one file".into()
            }
            Self::Link { .. } => "remove the link, or give --output another folder".into(),
            Self::NamedTwice { .. } => "name each table once".into(),
            Self::SameOutput { .. } => {
                "name the folder that holds both, or predict them into folders of their own".into()
            }
            Self::There {
                is_complete: true, ..
            } => "say --resume to predict tables that are new or have changed, --overwrite to begin anew, or give --output another name".into(),
            Self::There { .. } => "go on with them by --resume, or begin anew with --overwrite".into(),
            Self::OtherModel { .. } | Self::Differs { .. } => {
                "give the model and the settings that they were begun with, begin anew with --overwrite in place of --resume, or give --output another name".into()
            }
            Self::OtherTables { .. } => {
                "name that table, too, or begin anew with --overwrite in place of --resume".into()
            }
            Self::Changed { .. } => "predict it again when nothing writes to it".into(),
            Self::Fetch(error) => return error.hint(),
            Self::Failed { .. } => {
                "_manifest.json in the folder tells of each; mend them and say --resume".into()
            }
            Self::Stopped { .. } => "go on with it by --resume".into(),
        })
    }
}
