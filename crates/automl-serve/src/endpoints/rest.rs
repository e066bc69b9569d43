//! Endpoints in JSON: made, changed and looked at. A change is answered once this server serves it, or with why it does not.

use super::view::{change_view, endpoint_view};
use crate::access::Asker;
use crate::error::ApiError;
use crate::fields::{Fields, absent, wrong};
use crate::routes::{Routes, get, post};
use crate::state::App;
use automl_core::Coded;
use automl_store::db::Sql;
use automl_store::endpoints::{
    self, Endpoint, EndpointError, NewCapture, NewDeployment, NewEndpoint, Who, check_fits,
    digest_of,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Requests at once where nothing is said.
const AT_ONCE: u32 = 64;
/// Changes that are told.
const N_CHANGES: usize = 50;

type Answer = Result<Json<Value>, ApiError>;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route(
            "/api/endpoints",
            get(list)
                .viewer("All endpoints")
                .post(create)
                .editor("Makes an endpoint: name, description, max_at_once"),
        )
        .route(
            "/api/endpoints/{name}",
            get(show)
                .viewer("An endpoint: its deployments, what this server serves, its last changes")
                .delete(remove)
                .editor("Deletes an endpoint; with deployments only by force"),
        )
        .route(
            "/api/endpoints/{name}/update",
            post(update).editor("Says how many requests an endpoint answers at once: max_at_once"),
        )
        .route(
            "/api/endpoints/{name}/deploy",
            post(deploy).editor(
                "Deploys a version: model, name, share, is_shadow, replicas, allow_signature_change, note",
            ),
        )
        .route(
            "/api/endpoints/{name}/traffic",
            post(traffic).editor("Says which percents of requests deployments answer: shares"),
        )
        .route(
            "/api/endpoints/{name}/capture",
            post(capture).editor(
                "Says which part of the requests is kept: rate (0 for none), fields, redact",
            ),
        )
        .route(
            "/api/endpoints/{name}/promote",
            post(promote).editor("Lets one deployment answer all requests: deployment"),
        )
        .route(
            "/api/endpoints/{name}/rollback",
            post(roll_back).editor("Takes the last change back"),
        )
        .route(
            "/api/endpoints/{name}/undeploy",
            post(undeploy)
                .editor("Takes a deployment away, the last that answers only by force: deployment"),
        )
}

impl From<EndpointError> for ApiError {
    fn from(error: EndpointError) -> Self {
        let status = match error {
            EndpointError::Record(error) => return error.into(),
            EndpointError::Missing { .. } | EndpointError::DeploymentMissing { .. } => {
                StatusCode::NOT_FOUND
            }
            EndpointError::Exists { .. }
            | EndpointError::DeploymentExists { .. }
            | EndpointError::StillAnswers { .. }
            | EndpointError::WouldSilence { .. }
            | EndpointError::WouldLose { .. }
            | EndpointError::NoEarlier { .. }
            | EndpointError::Misfit { .. }
            | EndpointError::Unable { .. }
            | EndpointError::OfFolder { .. }
            | EndpointError::FolderExists { .. }
            | EndpointError::Gone { .. } => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        let told = match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        Self::new(status, error.code(), told)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EndpointError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}

/// Who asks, and why.
struct Asked {
    user: String,
    note: Option<String>,
}

impl Asked {
    fn of(asker: &Asker, fields: &Fields) -> Result<Self, ApiError> {
        Ok(Self {
            user: asker
                .as_ref()
                .map_or_else(String::new, |asker| asker.name.clone()),
            note: fields.text("note")?,
        })
    }

    fn who(&self) -> Who<'_> {
        Who {
            user: &self.user,
            note: self.note.as_deref(),
        }
    }
}

/// Writes a change, serves it, and tells what came of it.
async fn changed(
    app: &App,
    work: impl FnOnce(&mut dyn Sql) -> Result<Endpoint, EndpointError> + Send + 'static,
) -> Answer {
    let app = app.clone();
    let view = blocking(move || {
        let endpoint = app.db.write(work).wait()?;
        let name = endpoint.name;
        app.fleet.renew(&name)?;
        let endpoint = app.db.read(move |sql| endpoints::by_name(sql, W, &name));
        let endpoint = endpoint.wait()?;
        let is_served = endpoint.served_revision == Some(endpoint.revision);
        Ok((endpoint_view(&endpoint, &app.fleet), is_served))
    });
    let (view, is_served) = view.await?;
    match view["problem"].as_str().filter(|_| !is_served) {
        Some(problem) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "endpoint-not-served",
            format!(
                "the change is recorded, but not served: {problem}; what answered before goes on"
            ),
        )),
        None => Ok(Json(json!({ "endpoint": view }))),
    }
}

async fn list(State(app): State<App>) -> Answer {
    let found = app.db.read(|sql| endpoints::list(sql, W)).await?;
    let found = app.fleet.beside_folders(found);
    let views: Vec<Value> = (found.iter())
        .map(|endpoint| endpoint_view(endpoint, &app.fleet))
        .collect();
    Ok(Json(json!({ "endpoints": views })))
}

async fn create(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    let new = NewEndpoint {
        name: fields.required("name")?,
        description: fields.text("description")?,
        max_at_once: at_once(&fields)?.unwrap_or(AT_ONCE),
    };
    app.fleet.check_no_folder(&new.name)?;
    changed(&app, move |sql| {
        endpoints::create(sql, W, &new, asked.who())
    })
    .await
}

/// How many requests at once are asked for.
fn at_once(fields: &Fields) -> Result<Option<u32>, ApiError> {
    let Some(number) = fields.int("max_at_once")? else {
        return Ok(None);
    };
    let number = u32::try_from(number).map_err(|_odd| wrong("max_at_once", &json!(number)))?;
    Ok(Some(number))
}

async fn update(
    State(app): State<App>,
    Path(name): Path<String>,
    asker: Asker,
    fields: Fields,
) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    app.fleet.check_no_folder(&name)?;
    let max_at_once = at_once(&fields)?.ok_or_else(|| absent("max_at_once"))?;
    changed(&app, move |sql| {
        endpoints::set_at_once(sql, W, &name, max_at_once, asked.who())
    })
    .await
}

async fn show(State(app): State<App>, Path(name): Path<String>) -> Answer {
    if let Some(endpoint) = app.fleet.of_folder(&name) {
        let view = endpoint_view(&endpoint, &app.fleet);
        return Ok(Json(json!({ "endpoint": view, "changes": [] })));
    }
    let read = app.db.read(move |sql| {
        let endpoint = endpoints::by_name(sql, W, &name)?;
        let changes = endpoints::changes(sql, &endpoint, N_CHANGES)?;
        Ok::<_, EndpointError>((endpoint, changes))
    });
    let (endpoint, changes) = read.await?;
    let changes: Vec<Value> = changes.iter().map(change_view).collect();
    Ok(Json(
        json!({ "endpoint": endpoint_view(&endpoint, &app.fleet), "changes": changes }),
    ))
}

async fn remove(State(app): State<App>, Path(name): Path<String>, fields: Fields) -> Answer {
    let loses = fields.flag("force")?.unwrap_or(false);
    app.fleet.check_no_folder(&name)?;
    blocking(move || {
        let deleted = app
            .db
            .write(move |sql| endpoints::delete(sql, W, &name, loses));
        app.fleet.renew(&deleted.wait()?.name)
    })
    .await?;
    Ok(Json(json!({})))
}

async fn deploy(
    State(app): State<App>,
    Path(name): Path<String>,
    asker: Asker,
    fields: Fields,
) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    app.fleet.check_no_folder(&name)?;
    let reference = fields.required("model")?;
    let share = fields.int("share")?;
    let share = share
        .map(|share| u32::try_from(share).map_err(|_odd| wrong("share", &json!(share))))
        .transpose()?;
    let (own_name, is_shadow) = (fields.text("name")?, fields.flag("is_shadow")?);
    let replicas = fields.int("replicas")?;
    let replicas = replicas
        .map(|n| u32::try_from(n).map_err(|_odd| wrong("replicas", &json!(n))))
        .transpose()?;
    let may_differ = fields.flag("allow_signature_change")?.unwrap_or(false);
    let (found, endpoint) = (app.clone(), name.clone());
    let new = blocking(move || {
        let read = found.db.read(move |sql| {
            let target = endpoints::resolve(sql, W, &reference)?;
            Ok::<_, EndpointError>((target, endpoints::answering(sql, W, &endpoint)?))
        });
        let (target, answering) = read.wait()?;
        if !may_differ {
            check_fits(&found.artifacts, &answering, &target)?;
        }
        let digest = digest_of(&found.artifacts, &target.version)?;
        let ready = found.fleet.ready(&target, &digest)?;
        let new = NewDeployment {
            digest,
            target,
            name: own_name,
            share,
            is_shadow: is_shadow.unwrap_or(false),
            replicas,
        };
        Ok((new, ready))
    });
    let (new, ready) = new.await?;
    let answer = changed(&app, move |sql| {
        endpoints::deploy(sql, W, &name, &new, asked.who())
    });
    let answer = answer.await;
    // Until then it stays in memory.
    drop(ready);
    answer
}

async fn traffic(
    State(app): State<App>,
    Path(name): Path<String>,
    asker: Asker,
    fields: Fields,
) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    app.fleet.check_no_folder(&name)?;
    let shares = fields.value("shares").ok_or_else(|| absent("shares"))?;
    let read = |(name, share): (&String, &Value)| {
        let share = share.as_u64().and_then(|share| u32::try_from(share).ok());
        Some((name.clone(), share?))
    };
    let wanted: Option<Vec<(String, u32)>> = shares
        .as_object()
        .and_then(|shares| shares.iter().map(read).collect());
    let wanted = wanted.ok_or_else(|| wrong("shares", shares))?;
    changed(&app, move |sql| {
        endpoints::set_shares(sql, W, &name, &wanted, asked.who())
    })
    .await
}

async fn capture(
    State(app): State<App>,
    Path(name): Path<String>,
    asker: Asker,
    fields: Fields,
) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    app.fleet.check_no_folder(&name)?;
    let rate = fields.number("rate")?;
    let has_fields = fields.value("fields").is_some();
    let new = NewCapture {
        rate,
        fields: has_fields.then(|| fields.texts("fields")).transpose()?,
        redacted: fields.texts("redact")?,
    };
    let new = (rate != 0.0).then_some(new);
    let (fleet, named) = (app.fleet.clone(), (name.clone(), new.clone()));
    let checked = blocking(move || {
        let (name, new) = named;
        new.map_or(Ok(()), |new| {
            endpoints::check_columns(&new, &fleet.columns(&name))
        })
    });
    checked.await?;
    changed(&app, move |sql| {
        endpoints::set_capture(sql, W, &name, new.as_ref(), asked.who())
    })
    .await
}

async fn promote(
    State(app): State<App>,
    Path(name): Path<String>,
    asker: Asker,
    fields: Fields,
) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    app.fleet.check_no_folder(&name)?;
    let deployment = fields.required("deployment")?;
    changed(&app, move |sql| {
        endpoints::promote(sql, W, &name, &deployment, asked.who())
    })
    .await
}

async fn roll_back(
    State(app): State<App>,
    Path(name): Path<String>,
    asker: Asker,
    fields: Fields,
) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    app.fleet.check_no_folder(&name)?;
    changed(&app, move |sql| {
        endpoints::roll_back(sql, W, &name, asked.who())
    })
    .await
}

async fn undeploy(
    State(app): State<App>,
    Path(name): Path<String>,
    asker: Asker,
    fields: Fields,
) -> Answer {
    let asked = Asked::of(&asker, &fields)?;
    app.fleet.check_no_folder(&name)?;
    let deployment = fields.required("deployment")?;
    let silences = fields.flag("force")?.unwrap_or(false);
    changed(&app, move |sql| {
        endpoints::undeploy(sql, W, &name, (&deployment, silences), asked.who())
    })
    .await
}
