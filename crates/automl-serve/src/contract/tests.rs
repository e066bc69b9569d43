//! Whether all is said, and nothing that is not there.

use super::{Contract, Gives};
use crate::routes::Answers;
use crate::tests::Desk;
use serde_json::Value;
use std::collections::BTreeMap;

/// The names of objects that a schema refers to.
fn names(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("$ref") {
                found.push(name.rsplit('/').next().unwrap().to_owned());
            }
            map.values().for_each(|inner| names(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| names(inner, found)),
        _ => {}
    }
}

#[tokio::test]
async fn each_route_says_what_it_takes_and_gives_and_nothing_else_is_said() {
    let desk = Desk::new();
    let contract = Contract::read();
    let mut n_said = 0;
    for (template, endpoints) in &desk.table {
        for endpoint in endpoints {
            let said = contract.of(endpoint.method.as_str(), template);
            let is_grpc = endpoint.answers == Answers::Grpc;
            assert_eq!(said.is_some(), !is_grpc, "{} {template}", endpoint.method);
            let is_alias = template.starts_with("/ajax-api/");
            n_said += usize::from(!is_grpc && !is_alias);
            let is_page = matches!(
                said.map(|said| &said.gives),
                Some(Gives::Other("text/html"))
            );
            assert!(
                !is_page || endpoint.answers == Answers::Browser,
                "{template}"
            );
        }
    }
    let n_all: usize = contract.operations.values().map(BTreeMap::len).sum();
    assert_eq!(
        n_all, n_said,
        "something is said of a route that is not there"
    );
}

#[test]
fn each_object_that_is_named_is_said_and_each_that_is_said_is_named() {
    let contract = Contract::read();
    let mut found = vec![super::ERROR.to_owned()];
    contract
        .objects
        .values()
        .for_each(|object| names(object, &mut found));
    for operation in contract.operations.values().flat_map(BTreeMap::values) {
        found.push(operation.error.to_owned());
        operation
            .fields
            .iter()
            .for_each(|field| names(&field.schema, &mut found));
        if let Gives::Json(schema) = &operation.gives {
            names(schema, &mut found);
        }
    }
    found.sort();
    found.dedup();
    let said: Vec<String> = contract
        .objects
        .keys()
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(found, said);
}
