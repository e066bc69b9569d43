//! What each column of a file is (kind) and what it is for (role).

use crate::Task;
use serde::{Deserialize, Serialize};

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A measured number.
    Number,
    /// Two values that mean true and false; a category column of two levels in memory.
    Boolean,
    /// One of a set of levels.
    Category,
    /// Free text.
    Text,
    /// A date or a date and time.
    Timestamp,
}

impl Kind {
    /// The kind's lower-case name, as in a schema file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Category => "category",
            Self::Text => "text",
            Self::Timestamp => "timestamp",
        }
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read by the model.
    #[default]
    Feature,
    /// What the model learns to predict.
    Target,
    /// How much each row counts.
    Weight,
    /// Rows of one group never stand on both sides of a split.
    Group,
    /// Orders the rows: validation follows training.
    Time,
    /// Names the row; carried, never learned from.
    Id,
    /// Left out.
    Ignored,
}

/// One column: its name, kind, role and, for categories, its levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// Levels of a category or boolean column in code order; empty for other kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// How times are written, as an strftime pattern; none means ISO 8601 and its usual relatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

impl Field {
    /// The column that a task is about, where no table says more of it.
    pub fn target(name: String, task: &Task) -> Self {
        Self {
            name,
            kind: if task.is_classification() {
                Kind::Category
            } else {
                Kind::Number
            },
            role: Role::Target,
            levels: task.classes().to_vec(),
            format: None,
        }
    }
}

/// The columns of a table in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// One field a column.
    pub fields: Vec<Field>,
    /// Cells that read as missing, compared without surrounding blanks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl Schema {
    /// The field called `name`.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The fields of one role, in order.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |field| field.role == role)
    }
}
