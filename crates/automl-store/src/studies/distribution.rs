//! What parameters are drawn from where the space of a study is found while it runs: JSON as Optuna writes it.

use serde_json::Value;

/// Why a parameter that had one distribution cannot have another in the same study; nothing if it can. A range may
/// change, what the parameter is may not.
pub(crate) fn difference(old: &str, new: &str) -> Option<&'static str> {
    if old == new {
        return None;
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let (Some(old), Some(new)) = (read(old), read(new)) else {
        return Some("it is not JSON");
    };
    if old["name"] != new["name"] {
        return Some("it was of another kind");
    }
    let (old, new) = (&old["attributes"], &new["attributes"]);
    if old["log"] != new["log"] {
        return Some("it was on another scale");
    }
    if old["choices"] != new["choices"] {
        return Some("it had other choices");
    }
    None
}
