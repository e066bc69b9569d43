//! Whether a version can stand in for another: callers send it the same columns and read the same from it.

use automl_core::{Field, Role};
use automl_store::Manifest;

/// Why `new` cannot stand in for `old`; nothing if it can. Columns that `new` does not read any more are no matter, since
/// columns that a model does not know are ignored.
pub(super) fn differences(old: &Manifest, new: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    for field in new.inputs.with_role(Role::Feature) {
        match old.inputs.field(&field.name) {
            Some(known) if known.kind != field.kind => found.push(format!(
                "column '{}' was {}, is {}",
                field.name,
                known.kind.name(),
                field.kind.name()
            )),
            Some(_) => {}
            None => found.push(format!("column '{}' is new", field.name)),
        }
    }
    let names = |manifest: &Manifest| -> Vec<String> {
        let fields = manifest.outputs.fields.iter();
        fields.map(|field: &Field| field.name.clone()).collect()
    };
    if old.task.kind() != new.task.kind() {
        found.push(format!(
            "the task was {}, is {}",
            old.task.kind().name(),
            new.task.kind().name()
        ));
    } else if names(old) != names(new) {
        found.push(format!(
            "it gave {}, gives {}",
            names(old).join(", "),
            names(new).join(", ")
        ));
    }
    found
}
