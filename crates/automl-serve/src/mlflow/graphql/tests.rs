//! Limits, and queries against a record.

use super::limits;
use crate::tests::Desk;
use serde_json::{Value, json};

fn limit(query: &str) -> String {
    limits::check_text(query)
        .and_then(|()| limits::check(&async_graphql_parser::parse_query(query).unwrap()))
        .err()
        .unwrap_or_default()
}

async fn ask(desk: &Desk, body: Value) -> Value {
    let (status, answer) = desk.call("POST", "/graphql", &body).await;
    assert_eq!(status.as_u16(), 200, "{answer}");
    answer
}

async fn query(desk: &Desk, query: &str) -> Value {
    ask(desk, json!({ "query": query })).await
}

#[test]
fn a_document_asks_for_only_so_much() {
    let roots: Vec<String> = (0..11)
        .map(|i| format!("a{i}: test {{ output }} "))
        .collect();
    let roots = roots.concat();
    let aliases: Vec<String> = (0..11).map(|i| format!("a{i}: name ")).collect();
    let aliases = aliases.concat();
    let many = "name ".repeat(1001);
    let spread = "{ test { ...A ...B } } fragment A on Test { a: x b: x c: x d: x e: x f: x } fragment B on Test { g: x h: x i: x j: x k: x }";
    for (text, told) in [
        ("{ test { output } }".to_owned(), ""),
        (
            format!("{{ {roots} }}"),
            "GraphQL queries should have at most 10 root fields, got 11",
        ),
        (
            format!("{{ test {{ {aliases} }} }}"),
            "GraphQL queries should have at most 10 aliases, got 11",
        ),
        (spread.to_owned(), "at most 10 aliases, got 11"),
        (
            format!("{{ test {{ {many} }} }}"),
            "Query exceeds maximum total selections of 1000",
        ),
        (
            format!("{}x{}", "{ a ".repeat(11), " }".repeat(11)),
            "Query exceeds maximum depth of 10",
        ),
        (
            format!("{{ test(x: {}", "[".repeat(50_000)),
            "Query exceeds maximum depth of 10",
        ),
        (" ".repeat(100_001), "Query exceeds maximum length"),
        (
            "{ ...A } fragment A on Query { test { output } ...A }".to_owned(),
            "",
        ),
    ] {
        let found = limit(&text);
        assert!(
            found.contains(told) && found.is_empty() == told.is_empty(),
            "{found:?}, not {told:?}"
        );
    }
}

#[tokio::test]
async fn a_run_is_told_with_what_hangs_on_it() {
    let desk = Desk::new();
    let run = desk.run().await;
    desk.post("registered-models/create", json!({ "name": "m" }))
        .await;
    let source = format!("runs:/{run}/model");
    desk.post(
        "model-versions/create",
        json!({ "name": "m", "source": source, "run_id": run }),
    )
    .await;
    for (key, value) in [("a", json!(1.5)), ("b", json!("NaN"))] {
        desk.post(
            "runs/log-metric",
            json!({ "run_id": run, "key": key, "value": value, "timestamp": 7 }),
        )
        .await;
    }
    let answer = query(&desk, &format!(
        r#"query q @component(name: "Page") {{ mine: mlflowGetRun(input: {{ runId: "{run}" }}) {{ __typename run {{
            info {{ status endTime }} ...Rest }} apiError {{ code }} }} }}
        fragment Rest on MlflowRunExtension {{ data {{ metrics {{ key value timestamp step }} }}
            experiment {{ name }} modelVersions {{ name version }} }}"#
    )).await;
    assert_eq!(
        answer,
        json!({
            "data": { "mine": {
                "__typename": "MlflowGetRunResponse",
                "run": {
                    "info": { "status": "RUNNING", "endTime": "0" },
                    "data": { "metrics": [
                        { "key": "a", "value": 1.5, "timestamp": "7", "step": "0" },
                        { "key": "b", "value": null, "timestamp": "7", "step": "0" },
                    ] },
                    "experiment": { "name": "Default" },
                    "modelVersions": [{ "name": "m", "version": "1" }],
                },
                "apiError": null,
            } },
            "errors": null,
        })
    );
}

#[tokio::test]
async fn variables_and_directives_choose() {
    let desk = Desk::new();
    let text = "query a($text: String, $wanted: Boolean = false) { test(inputString: $text) { output more: output @include(if: $wanted) } } query b { test { output } }";
    let body = |wanted: bool| json!({ "query": text, "operationName": "a", "variables": { "text": "x", "wanted": wanted } });
    assert_eq!(
        ask(&desk, body(true)).await["data"]["test"],
        json!({ "output": "x", "more": "x" })
    );
    assert_eq!(
        ask(&desk, body(false)).await["data"]["test"],
        json!({ "output": "x" })
    );
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let desk = Desk::new();
    for (text, told) in [
        ("{", "Syntax Error"),
        ("{ nope }", "Cannot query field 'nope' on type 'Query'."),
        (
            "mutation { mlflowGetRun { run { info { status } } } }",
            "Cannot query field 'mlflowGetRun' on type 'Mutation'.",
        ),
        (
            r#"{ mlflowGetRun(input: { runId: "x" }) { run { info { nope } } } }"#,
            "Cannot query field 'nope' on type 'MlflowRunInfo'.",
        ),
        (
            r#"{ mlflowGetRun(input: { runId: "x" }) { run } }"#,
            "must have a selection of subfields",
        ),
        ("{ test { output { x } } }", "must not have a selection"),
        (
            r#"{ mlflowGetRun(input: { id: "x" }) { run { info { status } } } }"#,
            "Field 'id' is not defined by type 'MlflowGetRunInput'.",
        ),
        (
            "{ mlflowGetRun(input: { runId: 5 }) { run { info { status } } } }",
            "String cannot represent a non string value: 5",
        ),
        (
            r#"{ mlflowGetRun(input: { runId: "x" }) { run { info { status } } } }"#,
            "Run with id=x not found",
        ),
        (
            "query a { test { output } } query b { test { output } }",
            "Must provide operation name",
        ),
        (
            "query a($x: String!) { test(inputString: $x) { output } }",
            "Variable '$x' of required type 'String!' was not provided.",
        ),
        ("{ test { ...Lost } }", "Unknown fragment 'Lost'."),
        (
            "{ test { a: output a: __typename } }",
            "Fields 'a' conflict",
        ),
        (
            "{ __schema { types { name } } }",
            "Cannot query field '__schema' on type 'Query'.",
        ),
    ] {
        let answer = query(&desk, text).await;
        let found = answer["errors"][0].as_str().unwrap_or_default();
        assert!(found.contains(told), "{text}: {answer}");
    }
}
