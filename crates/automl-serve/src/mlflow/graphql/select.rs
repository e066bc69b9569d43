//! What an operation selects: variables, arguments, fragments and directives, checked against the schema.

use super::schema::{Input, InputType, Kind, Root, RootField, Type, camel};
use async_graphql_parser::Positioned;
use async_graphql_parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql_value::ConstValue;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One execution: the document, and the values of its variables.
pub(super) struct Run<'a> {
    document: &'a ExecutableDocument,
    variables: Map<String, Value>,
}

/// The fields of one name in an answer: they are one, selected several times.
pub(super) type Group<'a> = (String, Vec<&'a Field>);

impl<'a> Run<'a> {
    /// Checks the variables and fills in their defaults.
    pub(super) fn new(
        document: &'a ExecutableDocument,
        operation: &'a OperationDefinition,
        mut variables: Map<String, Value>,
    ) -> Result<Self, String> {
        for definition in &operation.variable_definitions {
            let name = definition.node.name.node.as_str();
            if variables.contains_key(name) {
                continue;
            }
            let default = definition.node.default_value().ok_or_else(|| {
                format!(
                    "Variable '${name}' of required type '{}' was not provided.",
                    definition.node.var_type.node
                )
            })?;
            let default = default
                .clone()
                .into_json()
                .map_err(|error| error.to_string())?;
            variables.insert(name.to_owned(), default);
        }
        Ok(Self {
            document,
            variables,
        })
    }

    /// The argument of a root field, under the names of the wire.
    pub(super) fn input(
        &self,
        root: &RootField,
        field: &Field,
    ) -> Result<Map<String, Value>, String> {
        let mut given = Map::new();
        for (name, value) in &field.arguments {
            let value = value.node.clone().into_const_with(|variable| {
                let value = self.variables.get(variable.as_str()).cloned();
                let value =
                    value.ok_or_else(|| format!("Variable '${variable}' is not defined."))?;
                ConstValue::from_json(value).map_err(|error| error.to_string())
            })?;
            let value = value.into_json().map_err(|error| error.to_string())?;
            given.insert(name.node.to_string(), value);
        }
        if let Root::Echo = root.root {
            return coerced(root.input, given);
        }
        let input = given.remove("input").unwrap_or_default();
        if let Some(name) = given.keys().next() {
            return Err(format!(
                "Unknown argument '{name}' on field '{}'.",
                root.name
            ));
        }
        match input {
            Value::Object(input) => coerced(root.input, input),
            Value::Null => Ok(Map::new()),
            input => Err(format!(
                "Expected type '{}' to be an object, found {input}.",
                root.input.name
            )),
        }
    }

    /// Groups what is selected of a type by its name in the answer, in order.
    pub(super) fn grouped(
        &self,
        sets: &[&'a SelectionSet],
        type_name: &str,
    ) -> Result<Vec<Group<'a>>, String> {
        let (mut groups, mut places) = (Vec::<Group<'a>>::new(), BTreeMap::new());
        let mut seen = BTreeSet::new();
        // What is left to look at, the next last.
        let mut waiting: Vec<&'a Positioned<Selection>> = sets
            .iter()
            .rev()
            .flat_map(|set| set.items.iter().rev())
            .collect();
        while let Some(item) = waiting.pop() {
            if !self.is_included(item.node.directives())? {
                continue;
            }
            let inner = match &item.node {
                Selection::Field(field) => {
                    let key = field
                        .node
                        .alias
                        .as_ref()
                        .unwrap_or(&field.node.name)
                        .node
                        .to_string();
                    let place = *places.entry(key.clone()).or_insert(groups.len());
                    match groups.get_mut(place) {
                        Some((_, fields)) if fields[0].name.node != field.node.name.node => {
                            return Err(format!(
                                "Fields '{key}' conflict because they are different fields."
                            ));
                        }
                        Some((_, fields)) => fields.push(&field.node),
                        None => groups.push((key, vec![&field.node])),
                    }
                    continue;
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map(|on| on.node.on.node.as_str());
                    (on.is_none_or(|on| on == type_name))
                        .then_some(&fragment.node.selection_set.node)
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    let fragment = self
                        .document
                        .fragments
                        .get(name)
                        .ok_or_else(|| format!("Unknown fragment '{name}'."))?;
                    let is_new =
                        seen.insert(name) && fragment.node.type_condition.node.on.node == type_name;
                    is_new.then_some(&fragment.node.selection_set.node)
                }
            };
            waiting.extend(inner.into_iter().flat_map(|set| set.items.iter().rev()));
        }
        Ok(groups)
    }

    /// What `@include` and `@skip` say; other directives mean nothing here.
    fn is_included(&self, directives: &[Positioned<Directive>]) -> Result<bool, String> {
        for directive in directives {
            let wanted = match directive.node.name.node.as_str() {
                "include" => true,
                "skip" => false,
                _ => continue,
            };
            let condition = directive
                .node
                .get_argument("if")
                .ok_or("a directive needs the argument 'if'")?;
            let value = condition.node.clone().into_const_with(|variable| {
                let value = self
                    .variables
                    .get(variable.as_str())
                    .cloned()
                    .unwrap_or_default();
                ConstValue::from_json(value)
            });
            let value = value
                .and_then(async_graphql_value::ConstValue::into_json)
                .map_err(|error| error.to_string())?;
            if value.as_bool() != Some(wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Checks that all that is selected is there, before anything is read.
    pub(super) fn check(&self, of: &'static Type, fields: &[&'a Field]) -> Result<(), String> {
        let sets: Vec<&SelectionSet> = fields
            .iter()
            .map(|field| &field.selection_set.node)
            .collect();
        for (_, group) in self.grouped(&sets, of.name)? {
            let name = group[0].name.node.as_str();
            if name == "__typename" {
                continue;
            }
            let (_, kind) = of.field(name).ok_or_else(|| unknown(name, of.name))?;
            let inner = kind.inner();
            let has_selection = group
                .iter()
                .any(|field| !field.selection_set.node.items.is_empty());
            match inner {
                Some(inner) if !has_selection => {
                    return Err(format!(
                        "Field '{name}' of type '{}' must have a selection of subfields. Did you mean '{name} {{ ... }}'?",
                        inner.name
                    ));
                }
                Some(inner) => self.check(inner, &group)?,
                None if has_selection => {
                    return Err(format!(
                        "Field '{name}' must not have a selection since it has no subfields."
                    ));
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl Kind {
    fn inner(self) -> Option<&'static Type> {
        match self {
            Self::Object(of) | Self::Objects(of) | Self::Nothing(of) => Some(of),
            Self::Linked(link) => Some(link.target().0),
            _ => None,
        }
    }
}

pub(super) fn unknown(name: &str, type_name: &str) -> String {
    format!("Cannot query field '{name}' on type '{type_name}'.")
}

/// Checks an input object and gives its fields the names of the wire.
fn coerced(of: &InputType, given: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut input = Map::new();
    for (name, value) in given {
        let found = of.fields.iter().find(|(wire, _)| camel(wire) == name);
        let Some(&(wire, kind)) = found else {
            return Err(format!(
                "Field '{name}' is not defined by type '{}'.",
                of.name
            ));
        };
        let value = match (kind, value) {
            (_, Value::Null) => continue,
            (Input::Text, Value::String(text)) => text.into(),
            (Input::Int, Value::Number(number)) if number.is_i64() => number.into(),
            (Input::Texts, Value::String(text)) => vec![text].into(),
            (Input::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => {
                items.into()
            }
            (Input::Int, value) => {
                return Err(format!("Int cannot represent non-integer value: {value}"));
            }
            (_, value) => {
                return Err(format!(
                    "String cannot represent a non string value: {value}"
                ));
            }
        };
        input.insert(wire.to_owned(), value);
    }
    Ok(input)
}
