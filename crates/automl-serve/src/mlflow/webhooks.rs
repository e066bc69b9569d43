//! Webhooks: made, listed, changed and tried.

use super::wire;
use crate::error::ApiError;
use crate::fields::{Fields, absent};
use crate::routes::{Routes, get, post};
use crate::state::App;
use crate::webhooks::{check_url, example};
use automl_store::registry::webhooks::{self, Change, Event, Secret, Webhook};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

/// For admins: a webhook leads from inside the network to an address that its maker chose.
pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/webhooks",
            get(list)
                .admin("The webhooks")
                .post(create)
                .admin("Make a webhook"),
        )
        .route(
            "/webhooks/{id}",
            get(read)
                .admin("A webhook")
                .patch(update)
                .admin("Change a webhook")
                .delete(remove)
                .admin("Remove a webhook"),
        )
        .route(
            "/webhooks/{id}/test",
            post(test).admin("Send an example to a webhook"),
        )
}

type Answer = Result<Json<Value>, ApiError>;

const PAGE: i64 = 100;

fn wire_webhook(webhook: &Webhook) -> Value {
    let event = |event: &Event| {
        json!({
            "entity": event.entity.to_uppercase(),
            "action": event.action.to_uppercase(),
        })
    };
    let mut value = json!({
        "webhook_id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events.iter().map(event).collect::<Value>(),
        "status": if webhook.is_active { "ACTIVE" } else { "DISABLED" },
        "creation_timestamp": webhook.created_ms,
        "last_updated_timestamp": webhook.updated_ms,
    });
    wire::put(&mut value, "description", webhook.description.clone());
    value
}

fn one(webhook: &Webhook) -> Json<Value> {
    Json(json!({ "webhook": wire_webhook(webhook) }))
}

fn event(fields: &Fields) -> Result<Event, ApiError> {
    let (entity, action) = (fields.required("entity")?, fields.required("action")?);
    Ok(Event::new(&entity, &action)?)
}

fn events(fields: &Fields) -> Result<Option<Vec<Event>>, ApiError> {
    let mut events = Vec::new();
    for item in fields.list("events")? {
        let item = Fields::of(&item).ok_or_else(|| crate::fields::wrong("events", &item))?;
        events.push(event(&item)?);
    }
    Ok((!events.is_empty()).then_some(events))
}

/// What a request sets, with its address checked.
async fn change(app: &App, fields: &Fields) -> Result<Change, ApiError> {
    let is_active = match fields.text("status")?.as_deref() {
        None | Some("") => None,
        Some("ACTIVE") => Some(true),
        Some("DISABLED") => Some(false),
        Some(text) => return Err(crate::fields::wrong("status", &text.into())),
    };
    let url = fields.text("url")?.filter(|url| !url.is_empty());
    if let Some(url) = &url {
        check_url(url, app.webhooks.manner.allows_private).await?;
    }
    Ok(Change {
        name: fields.text("name")?.filter(|name| !name.is_empty()),
        url,
        description: fields.text("description")?,
        secret: fields.text("secret")?.and_then(Secret::new),
        is_active,
        events: events(fields)?,
    })
}

async fn create(State(app): State<App>, fields: Fields) -> Answer {
    for name in ["name", "url"] {
        fields.required(name)?;
    }
    if events(&fields)?.is_none() {
        return Err(absent("events"));
    }
    let new = change(&app, &fields).await?;
    let sealer = app.sealer.clone();
    let made = app
        .db
        .write(move |sql| webhooks::create(sql, DEFAULT_WORKSPACE, &new, &sealer))
        .await?;
    Ok(one(&made))
}

async fn list(State(app): State<App>, fields: Fields) -> Answer {
    let wish = fields.int("max_results")?.unwrap_or(PAGE);
    let n_max = usize::try_from(if wish == 0 { PAGE } else { wish }).unwrap_or_default();
    let token = fields.text("page_token")?;
    let found = app
        .db
        .read(move |sql| webhooks::list(sql, DEFAULT_WORKSPACE, n_max, token.as_deref()))
        .await?;
    let items = found.items.iter().map(wire_webhook).collect();
    Ok(Json(wire::page("webhooks", items, found.next)))
}

async fn read(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let found = app
        .db
        .read(move |sql| webhooks::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    Ok(one(&found))
}

async fn update(State(app): State<App>, Path(id): Path<String>, fields: Fields) -> Answer {
    let change = change(&app, &fields).await?;
    let sealer = app.sealer.clone();
    let found = app
        .db
        .write(move |sql| webhooks::update(sql, DEFAULT_WORKSPACE, &id, &change, &sealer))
        .await?;
    Ok(one(&found))
}

async fn remove(State(app): State<App>, Path(id): Path<String>) -> Answer {
    app.db
        .write(move |sql| webhooks::delete(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    Ok(Json(json!({})))
}

/// Sends an example and tells how that went; a webhook that cannot be reached is an answer, not an error.
async fn test(State(app): State<App>, Path(id): Path<String>, fields: Fields) -> Answer {
    let wanted = fields
        .object("event")?
        .map(|fields| event(&fields))
        .transpose()?;
    let sealer = app.sealer.clone();
    let (webhook, secret) = app
        .db
        .read(move |sql| webhooks::with_secret(sql, DEFAULT_WORKSPACE, &id, &sealer))
        .await?;
    let first = webhook.events.into_iter().next();
    let event = wanted
        .or(first)
        .ok_or_else(|| TrackingError::Invalid("Webhook events must be a non-empty list.".into()))?;
    let (poster, happening) = (app.webhooks.poster.clone(), example(event));
    let outcome = tokio::task::spawn_blocking(move || {
        poster.deliver(&webhook.url, secret.as_ref(), &happening)
    })
    .await
    .map_err(|error| ApiError::internal(error.to_string()))?;
    let result = match outcome {
        Ok(reply) => json!({
            "success": reply.status < 400,
            "response_status": reply.status,
            "response_body": reply.body,
        }),
        Err(error) => json!({
            "success": false,
            "error_message": format!("Failed to test webhook: {error}"),
        }),
    };
    Ok(Json(json!({ "result": result })))
}
