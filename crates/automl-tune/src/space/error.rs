//! Why data do not make a search space.

use automl_core::Coded;

/// Why parameters, clauses and constraints do not make a space.
#[derive(Debug, Clone, PartialEq)]
pub enum SpaceError {
    /// A parameter's name is empty.
    Nameless,
    /// Two parameters share one name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// A domain or belief makes no sense.
    Domain {
        /// The parameter.
        name: String,
        /// What is wrong.
        reason: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A condition, clause or constraint speaks of a parameter that is not in the space.
    UnknownParameter {
        /// Whose condition it is, or `forbidden` or `constraints`.
        owner: String,
        /// The name that is not known.
        name: String,
        /// Known names that look like it.
        near: Vec<String>,
    },
    /// A condition looks at a parameter that comes later, or at itself.
    LaterParameter {
        /// The parameter with the condition.
        owner: String,
        /// The parameter looked at.
        name: String,
    },
    /// A condition or clause lists a value that its parameter cannot take.
    UnknownValue {
        /// Whose condition it is, or `forbidden`.
        owner: String,
        /// The parameter looked at.
        name: String,
        /// The value as text.
        value: String,
    },
    /// A constraint sums a parameter without numbers.
    NotNumeric {
        /// The parameter.
        name: String,
    },
    /// No point was found that forbidden clauses and constraints leave.
    Empty {
        /// Points at random that were tried.
        n_draws: usize,
        /// Points from which the least violation was looked for.
        n_starts: usize,
        /// What the nearest point breaks.
        broken: String,
    },
}

impl std::fmt::Display for SpaceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nameless => f.write_str("a parameter has an empty name"),
            Self::Duplicate { name } => write!(f, "parameter '{name}' appears twice"),
            Self::Domain { name, reason, .. } => write!(f, "parameter '{name}' {reason}"),
            Self::UnknownParameter { owner, name, .. } => {
                write!(f, "'{owner}' speaks of '{name}', which is no parameter")
            }
            Self::LaterParameter { owner, name } => write!(
                f,
                "parameter '{owner}' has a condition on '{name}', which does not come before it"
            ),
            Self::UnknownValue { owner, name, value } => write!(
                f,
                "'{owner}' speaks of the value {value}, which '{name}' cannot take"
            ),
            Self::NotNumeric { name } => {
                write!(f, "a constraint sums '{name}', whose values are no numbers")
            }
            Self::Empty {
                n_draws,
                n_starts,
                broken,
            } => write!(
                f,
                "no point was found that keeps the forbidden clauses and the constraints, neither among {n_draws} at random nor by \
                 going downhill from {n_starts}: the nearest breaks {broken}"
            ),
        }
    }
}

impl std::error::Error for SpaceError {}

impl Coded for SpaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Nameless => "space-parameter-nameless",
            Self::Duplicate { .. } => "space-parameter-duplicate",
            Self::Domain { .. } => "space-domain-invalid",
            Self::UnknownParameter { .. } => "space-parameter-unknown",
            Self::LaterParameter { .. } => "space-condition-later",
            Self::UnknownValue { .. } => "space-value-unknown",
            Self::NotNumeric { .. } => "space-constraint-not-numeric",
            Self::Empty { .. } => "space-empty",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nameless | Self::Duplicate { .. } => {
                "give each parameter a name of its own".to_owned()
            }
            Self::Domain { hint, .. } => (*hint).to_owned(),
            Self::UnknownParameter { near, .. } if near.is_empty() => {
                "name one of the space's parameters".to_owned()
            }
            Self::UnknownParameter { near, .. } => format!("did you mean {}?", near.join(" or ")),
            Self::LaterParameter { name, .. } => format!("move '{name}' before it"),
            Self::UnknownValue { name, .. } => format!("list values of the domain of '{name}'"),
            Self::NotNumeric { .. } => "sum floats, integers or discrete numbers".to_owned(),
            Self::Empty { .. } => {
                "loosen a clause or a constraint, or give defaults that keep them".to_owned()
            }
        })
    }
}
