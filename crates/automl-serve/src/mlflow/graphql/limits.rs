//! How much one document may ask for, measured before anything is read from the record.

use async_graphql_parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use std::collections::BTreeSet;

const BYTES_MAX: usize = 100_000;
/// Open brackets at a place: the parser descends once for each.
const BRACKETS_MAX: usize = 64;
const DEPTH_MAX: usize = 10;
const SELECTIONS_MAX: usize = 1000;
const ROOT_FIELDS_MAX: usize = 10;
const ALIASES_MAX: usize = 10;

/// Checks a document before it is parsed.
pub(super) fn check_text(query: &str) -> Result<(), String> {
    if query.len() > BYTES_MAX {
        return Err(format!("Query exceeds maximum length of {BYTES_MAX} bytes"));
    }
    let (mut n_open, mut most) = (0_usize, 0);
    for byte in query.bytes() {
        match byte {
            b'{' | b'(' | b'[' => n_open += 1,
            b'}' | b')' | b']' => n_open = n_open.saturating_sub(1),
            _ => {}
        }
        most = most.max(n_open);
    }
    if most > BRACKETS_MAX {
        return Err(format!("Query exceeds maximum depth of {DEPTH_MAX}"));
    }
    Ok(())
}

/// Checks what a document selects: depth, selections, root fields, aliases.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), String> {
    let (mut n_root, mut n_selections, mut n_aliases) = (0, 0, 0);
    for (_, operation) in document.operations.iter() {
        let mut waiting = vec![(&operation.node.selection_set.node, 1)];
        while let Some((set, depth)) = waiting.pop() {
            if depth > DEPTH_MAX {
                return Err(format!("Query exceeds maximum depth of {DEPTH_MAX}"));
            }
            let fields = level(document, set);
            n_selections += fields.len();
            if n_selections > SELECTIONS_MAX {
                return Err(format!(
                    "Query exceeds maximum total selections of {SELECTIONS_MAX}"
                ));
            }
            n_root += if depth == 1 { fields.len() } else { 0 };
            n_aliases = n_aliases.max(fields.iter().filter(|field| field.alias.is_some()).count());
            let inner = fields.iter().map(|field| &field.selection_set.node);
            waiting.extend(
                inner
                    .filter(|set| !set.items.is_empty())
                    .map(|set| (set, depth + 1)),
            );
        }
    }
    for (what, limit, count) in [
        ("root fields", ROOT_FIELDS_MAX, n_root),
        ("aliases", ALIASES_MAX, n_aliases),
    ] {
        if count > limit {
            return Err(format!(
                "GraphQL queries should have at most {limit} {what}, got {count} {what}."
            ));
        }
    }
    Ok(())
}

/// The fields of one level, those of fragments among them; a fragment counts once a level.
fn level<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet) -> Vec<&'a Field> {
    let (mut fields, mut seen) = (Vec::new(), BTreeSet::new());
    let mut waiting = vec![set];
    while let Some(set) = waiting.pop() {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => fields.push(&field.node),
                Selection::InlineFragment(fragment) => {
                    waiting.push(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    let fragment = document.fragments.get(name);
                    if let Some(fragment) = fragment.filter(|_| seen.insert(name)) {
                        waiting.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    fields
}
