//! Webhooks: addresses that are told what happens in the registry, each with the events that it wants to hear of.

use crate::args;
use crate::db::{self, Row, Sql};
use crate::sealed::Sealer;
use crate::tracking::{Page, TrackingError, new_id, now_ms, offset, page};

/// What happens to what, such as `created` to a `model_version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Event {
    pub entity: String,
    pub action: String,
}

/// The actions that each entity knows.
const KNOWN: &[(&str, &[&str])] = &[
    ("registered_model", &["created"]),
    ("model_version", &["created"]),
    ("model_version_tag", &["set", "deleted"]),
    ("model_version_alias", &["created", "deleted"]),
    ("prompt", &["created"]),
    ("prompt_version", &["created"]),
    ("prompt_tag", &["set", "deleted"]),
    ("prompt_version_tag", &["set", "deleted"]),
    ("prompt_alias", &["created", "deleted"]),
];

impl Event {
    /// An event of this record, by its names in any case.
    ///
    /// # Errors
    /// Names the events that there are.
    pub fn new(entity: &str, action: &str) -> Result<Self, TrackingError> {
        let (entity, action) = (entity.to_lowercase(), action.to_lowercase());
        let known = KNOWN.iter().find(|(name, _)| *name == entity);
        if known.is_some_and(|(_, actions)| actions.contains(&action.as_str())) {
            return Ok(Self { entity, action });
        }
        let names = KNOWN.iter().flat_map(|(entity, actions)| {
            actions
                .iter()
                .map(move |action| format!("{entity}.{action}"))
        });
        Err(TrackingError::Invalid(format!(
            "Invalid webhook event '{entity}.{action}'. Valid events are: {}.",
            names.collect::<Vec<_>>().join(", ")
        )))
    }
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Webhook {
    pub id: String,
    pub name: String,
    pub url: String,
    pub description: Option<String>,
    pub is_active: bool,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub events: Vec<Event>,
}

/// What signs deliveries; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret; an empty text is none.
    pub fn new(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// The secret itself, to sign with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What to set; what is `None` stays as it is, or is empty in a new one.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Change {
    pub name: Option<String>,
    pub url: Option<String>,
    pub description: Option<String>,
    pub secret: Option<Secret>,
    pub is_active: Option<bool>,
    pub events: Option<Vec<Event>>,
}

const NAME_MAX: usize = 62;
/// Webhooks of a page.
const PAGE_MAX: usize = 1000;
const COLUMNS: &str =
    "w.id, w.name, w.url, w.description, w.status, w.created_ms, w.updated_ms, w.sealed";

fn status(is_active: bool) -> &'static str {
    if is_active { "ACTIVE" } else { "DISABLED" }
}

fn check_name(name: &str) -> Result<(), TrackingError> {
    let is_end = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let is_right = name.len() <= NAME_MAX
        && is_end(name.chars().next())
        && is_end(name.chars().next_back())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    if is_right {
        return Ok(());
    }
    Err(TrackingError::Invalid(format!(
        "Webhook name '{name}' is invalid. It must start and end with a letter or digit, be less than 63 characters \
         long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
    )))
}

fn check_events(events: &[Event]) -> Result<(), TrackingError> {
    if events.is_empty() {
        return Err(TrackingError::Invalid(
            "Webhook events must be a non-empty list.".into(),
        ));
    }
    Ok(())
}

/// Makes a webhook; it is active unless it is said otherwise.
///
/// # Errors
/// If its name is not one, or it has no events.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    new: &Change,
    sealer: &Sealer,
) -> Result<Webhook, TrackingError> {
    let (name, url) = (
        new.name.as_deref().unwrap_or_default(),
        new.url.as_deref().unwrap_or_default(),
    );
    let events = new.events.as_deref().unwrap_or_default();
    check_name(name)?;
    check_events(events)?;
    let (id, now) = (new_id()?, now_ms());
    let sealed = sealed(new.secret.as_ref(), &id, sealer)?;
    sql.execute(
        "INSERT INTO webhooks (id, workspace, name, url, description, sealed, status, created_ms, updated_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        args![
            &id, workspace, name, url, new.description.as_deref(), sealed.as_deref(),
            status(new.is_active.unwrap_or(true)), now, now,
        ],
    )?;
    put_events(sql, &id, events)?;
    get(sql, workspace, &id)
}

fn put_events(sql: &mut dyn Sql, id: &str, events: &[Event]) -> Result<(), TrackingError> {
    for event in events {
        sql.execute(
            "INSERT INTO webhook_events (webhook_id, entity, action) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            args![id, &event.entity, &event.action],
        )?;
    }
    Ok(())
}

fn missing(id: &str) -> TrackingError {
    TrackingError::Absent(format!("Webhook with ID {id} not found."))
}

fn row(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<Row, TrackingError> {
    let query = format!("SELECT {COLUMNS} FROM webhooks w WHERE w.workspace = ?1 AND w.id = ?2");
    sql.query_one(&query, args![workspace, id])?
        .ok_or_else(|| missing(id))
}

fn whole(sql: &mut dyn Sql, row: &Row) -> Result<Webhook, TrackingError> {
    let id = row.text(0)?;
    let events = sql.query(
        "SELECT entity, action FROM webhook_events WHERE webhook_id = ?1 ORDER BY entity, action",
        args![&id],
    )?;
    let event = |row: &Row| {
        Ok(Event {
            entity: row.text(0)?,
            action: row.text(1)?,
        })
    };
    Ok(Webhook {
        id,
        name: row.text(1)?,
        url: row.text(2)?,
        description: row.maybe_text(3)?,
        is_active: row.text(4)? == status(true),
        created_ms: row.int(5)?,
        updated_ms: row.int(6)?,
        events: events
            .iter()
            .map(event)
            .collect::<Result<_, TrackingError>>()?,
    })
}

fn sealed(
    secret: Option<&Secret>,
    id: &str,
    sealer: &Sealer,
) -> Result<Option<String>, TrackingError> {
    let seal = |secret: &Secret| sealer.seal(id, secret.reveal());
    Ok(secret.map(seal).transpose()?)
}

fn secret(row: &Row, sealer: &Sealer) -> Result<Option<Secret>, TrackingError> {
    let Some(sealed) = row.maybe_text(7)? else {
        return Ok(None);
    };
    Ok(Secret::new(sealer.open(&row.text(0)?, &sealed)?))
}

/// Seals the secrets of webhooks that an earlier version kept as they were, and tells how many.
///
/// # Errors
/// If the database fails, or the system has no randomness.
pub fn seal_all(sql: &mut dyn Sql, sealer: &Sealer) -> Result<usize, TrackingError> {
    let rows = sql.query(
        "SELECT id, secret FROM webhooks WHERE secret IS NOT NULL",
        &[],
    )?;
    for row in &rows {
        let id = row.text(0)?;
        let secret = row.maybe_text(1)?.and_then(Secret::new);
        let sealed = sealed(secret.as_ref(), &id, sealer)?;
        sql.execute(
            "UPDATE webhooks SET sealed = ?1, secret = NULL WHERE id = ?2",
            args![sealed.as_deref(), &id],
        )?;
    }
    if !rows.is_empty() {
        db::note_unscrubbed(sql)?;
    }
    Ok(rows.len())
}

/// How many webhooks have a sealed secret.
///
/// # Errors
/// If the database fails.
pub fn n_sealed(sql: &mut dyn Sql) -> Result<usize, TrackingError> {
    let row = sql.query_one(
        "SELECT COUNT(*) FROM webhooks WHERE sealed IS NOT NULL",
        &[],
    )?;
    let count = row.map_or(Ok(0), |row| row.int(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The names of the webhooks whose secret this key does not open, in order; all that have one, without a key.
///
/// # Errors
/// If the database fails.
pub fn unopened(sql: &mut dyn Sql, sealer: Option<&Sealer>) -> Result<Vec<String>, TrackingError> {
    let rows = sql.query(
        &format!(
            "SELECT {COLUMNS} FROM webhooks w WHERE w.sealed IS NOT NULL ORDER BY w.name, w.id"
        ),
        &[],
    )?;
    let mut names = Vec::new();
    for row in &rows {
        if sealer.is_none_or(|sealer| secret(row, sealer).is_err()) {
            names.push(row.text(1)?);
        }
    }
    Ok(names)
}

/// One webhook.
pub fn get(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<Webhook, TrackingError> {
    let row = row(sql, workspace, id)?;
    whole(sql, &row)
}

/// One webhook with what signs its deliveries.
pub fn with_secret(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    sealer: &Sealer,
) -> Result<(Webhook, Option<Secret>), TrackingError> {
    let row = row(sql, workspace, id)?;
    Ok((whole(sql, &row)?, secret(&row, sealer)?))
}

/// All webhooks, the newest first.
pub fn list(
    sql: &mut dyn Sql,
    workspace: &str,
    n_max: usize,
    page_token: Option<&str>,
) -> Result<Page<Webhook>, TrackingError> {
    if !(1..=PAGE_MAX).contains(&n_max) {
        return Err(TrackingError::Invalid(format!(
            "max_results must be between 1 and {PAGE_MAX}."
        )));
    }
    let offset = offset(page_token)?;
    let query = format!(
        "SELECT {COLUMNS} FROM webhooks w WHERE w.workspace = ?1 ORDER BY w.created_ms DESC, w.id LIMIT ?2 OFFSET ?3"
    );
    let rows = sql.query(&query, args![workspace, n_max as i64 + 1, offset as i64])?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push(whole(sql, row)?);
    }
    Ok(page(found, n_max, offset))
}

/// A webhook that is to hear of something, with what signs its deliveries; or why that cannot be had.
pub type Listener = (Webhook, Result<Option<Secret>, TrackingError>);

/// The active webhooks that want to hear of an event.
pub fn listening(
    sql: &mut dyn Sql,
    workspace: &str,
    event: &Event,
    sealer: &Sealer,
) -> Result<Vec<Listener>, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM webhooks w JOIN webhook_events e ON e.webhook_id = w.id \
         WHERE w.workspace = ?1 AND w.status = ?2 AND e.entity = ?3 AND e.action = ?4 ORDER BY w.created_ms, w.id"
    );
    let rows = sql.query(
        &query,
        args![workspace, status(true), &event.entity, &event.action],
    )?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push((whole(sql, row)?, secret(row, sealer)));
    }
    Ok(found)
}

/// Changes a webhook.
///
/// # Errors
/// If it is not there, or what it is to have is not right.
pub fn update(
    sql: &mut dyn Sql,
    workspace: &str,
    id: &str,
    change: &Change,
    sealer: &Sealer,
) -> Result<Webhook, TrackingError> {
    get(sql, workspace, id)?;
    let sealed = sealed(change.secret.as_ref(), id, sealer)?;
    if let Some(name) = &change.name {
        check_name(name)?;
    }
    sql.execute(
        "UPDATE webhooks SET name = COALESCE(?1, name), url = COALESCE(?2, url), \
         description = COALESCE(?3, description), sealed = COALESCE(?4, sealed), status = COALESCE(?5, status), \
         updated_ms = ?6 WHERE id = ?7",
        args![
            change.name.as_deref(),
            change.url.as_deref(),
            change.description.as_deref(),
            sealed.as_deref(),
            change.is_active.map(status),
            now_ms(),
            id,
        ],
    )?;
    if let Some(events) = &change.events {
        check_events(events)?;
        sql.execute(
            "DELETE FROM webhook_events WHERE webhook_id = ?1",
            args![id],
        )?;
        put_events(sql, id, events)?;
    }
    get(sql, workspace, id)
}

/// Deletes a webhook.
///
/// # Errors
/// If it is not there.
pub fn delete(sql: &mut dyn Sql, workspace: &str, id: &str) -> Result<(), TrackingError> {
    get(sql, workspace, id)?;
    sql.execute("DELETE FROM webhooks WHERE id = ?1", args![id])?;
    Ok(())
}
