//! Executes an operation: calls handlers for the root fields and keeps what was selected of their answers.

use super::super::{artifacts, experiments, history, inputs, runs, versions};
use super::schema::{Kind, Link, ROOTS, Root, RootField, Type};
use super::select::{Run, unknown};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::state::App;
use async_graphql_parser::types::{Field, OperationDefinition, OperationType, SelectionSet};
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};
use std::future::Future;
use std::pin::Pin;

/// A future that may hold itself: objects lie inside objects.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

impl<'a> Run<'a> {
    /// The data of an operation, and what went wrong; a root field that fails is null.
    pub(super) async fn data(
        &self,
        app: &App,
        operation: &'a OperationDefinition,
    ) -> (Value, Vec<String>) {
        let root_type = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => {
                return (
                    Value::Null,
                    vec!["Schema is not configured to execute subscription operation.".into()],
                );
            }
        };
        let groups = match self.grouped(&[&operation.selection_set.node], root_type) {
            Ok(groups) => groups,
            Err(error) => return (Value::Null, vec![error]),
        };
        let (mut data, mut errors) = (Map::new(), Vec::new());
        for (key, fields) in groups {
            let name = fields[0].name.node.as_str();
            if name == "__typename" {
                data.insert(key, root_type.into());
                continue;
            }
            let found = ROOTS
                .iter()
                .find(|root| root.name == name && root.is_of(root_type));
            let Some(root) = found else {
                return (Value::Null, vec![unknown(name, root_type)]);
            };
            let value = self.root(app, root, &fields).await.unwrap_or_else(|error| {
                errors.push(error);
                Value::Null
            });
            data.insert(key, value);
        }
        (data.into(), errors)
    }

    async fn root(
        &self,
        app: &App,
        root: &RootField,
        fields: &[&'a Field],
    ) -> Result<Value, String> {
        self.check(root.output, fields)?;
        let input = self.input(root, fields[0])?;
        let answer = match root.root {
            Root::Echo => Map::from_iter([(
                "output".to_owned(),
                input.get("input_string").cloned().unwrap_or_default(),
            )])
            .into(),
            _ => call(app, root.root, input)
                .await
                .map_err(|error| error.message().to_owned())?,
        };
        self.object(app, root.output, answer, fields).await
    }

    /// What was selected of an object of the wire.
    fn object<'s>(
        &'s self,
        app: &'s App,
        of: &'static Type,
        value: Value,
        fields: &'s [&'a Field],
    ) -> Boxed<'s, Value> {
        Box::pin(async move {
            let sets: Vec<&SelectionSet> = fields
                .iter()
                .map(|field| &field.selection_set.node)
                .collect();
            let mut selected = Map::new();
            for (key, group) in self.grouped(&sets, of.name)? {
                let name = group[0].name.node.as_str();
                let told = match of.field(name) {
                    Some((_, Kind::Linked(link))) => self.linked(app, link, &value, &group).await?,
                    Some((wire, kind)) => self.field(app, kind, value.get(wire), &group).await?,
                    None => of.name.into(),
                };
                selected.insert(key, told);
            }
            Ok(selected.into())
        })
    }

    async fn field(
        &self,
        app: &App,
        kind: Kind,
        value: Option<&Value>,
        group: &[&'a Field],
    ) -> Result<Value, String> {
        let value = value.filter(|value| !value.is_null());
        Ok(match (kind, value) {
            (Kind::Object(of), value) => {
                let value = value.cloned().unwrap_or_else(|| Map::new().into());
                self.object(app, of, value, group).await?
            }
            (Kind::Objects(of), value) => self.objects(app, of, value, group).await?,
            (Kind::Nothing(_) | Kind::Linked(_), _) | (Kind::Choice, None) => Value::Null,
            (Kind::Text, None) => "".into(),
            (Kind::Long, None) => "0".into(),
            (Kind::Long, Some(Value::Number(number))) => number.to_string().into(),
            (Kind::Float, Some(value)) if !value.is_number() => Value::Null,
            (Kind::Float, None) => 0.0.into(),
            (Kind::Flag, None) => false.into(),
            (Kind::Texts, None) => Value::Array(Vec::new()),
            (_, Some(value)) => value.clone(),
        })
    }

    async fn objects(
        &self,
        app: &App,
        of: &'static Type,
        value: Option<&Value>,
        group: &[&'a Field],
    ) -> Result<Value, String> {
        let mut items = Vec::new();
        for item in value.and_then(Value::as_array).into_iter().flatten() {
            items.push(self.object(app, of, item.clone(), group).await?);
        }
        Ok(items.into())
    }

    /// What hangs on a run, read now.
    async fn linked(
        &self,
        app: &App,
        link: Link,
        run: &Value,
        group: &[&'a Field],
    ) -> Result<Value, String> {
        let info = |name: &str| run["info"][name].as_str().unwrap_or_default().to_owned();
        let (of, _) = link.target();
        let told = |error: ApiError| error.message().to_owned();
        match link {
            Link::Experiment => {
                let input =
                    Map::from_iter([("experiment_id".to_owned(), info("experiment_id").into())]);
                let answer = call(app, Root::Experiment, input).await.map_err(told)?;
                self.object(app, of, answer["experiment"].clone(), group)
                    .await
            }
            Link::ModelVersions => {
                let filter = format!("run_id = '{}'", info("run_id"));
                let input = Map::from_iter([("filter".to_owned(), filter.into())]);
                let answer = call(app, Root::Versions, input).await.map_err(told)?;
                self.objects(app, of, answer.get("model_versions"), group)
                    .await
            }
        }
    }
}

impl RootField {
    fn is_of(&self, root_type: &str) -> bool {
        if root_type == "Query" {
            self.is_query
        } else {
            self.is_mutation
        }
    }
}

/// Calls the handler of the REST route that a root field stands for.
async fn call(app: &App, root: Root, input: Map<String, Value>) -> Result<Value, ApiError> {
    let (app, fields) = (State(app.clone()), Fields::of_map(input));
    let Json(answer) = match root {
        Root::Echo => Json(Value::Null),
        Root::Experiment => experiments::read(app, fields).await?,
        Root::Run => runs::read(app, fields).await?,
        Root::Runs => runs::search_runs(app, fields).await?,
        Root::Artifacts => artifacts::list(app, fields).await?,
        Root::Interval => history::interval(app, fields).await?,
        Root::Versions => versions::find(app, fields).await?,
        Root::Datasets => inputs::search_datasets(app, fields).await?,
    };
    Ok(answer)
}
