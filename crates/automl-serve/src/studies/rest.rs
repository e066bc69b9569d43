//! Asking and telling in JSON: studies with a space, whose trials this server proposes.
//!
//! Errors have the stable codes of `automl_serve::tuning`, such as `study-trial-finished`.

use crate::error::ApiError;
use crate::fields::{Fields, absent, wrong};
use crate::routes::{Routes, get, post};
use crate::state::App;
use crate::tuning::{self, Ask, Spec, Tell, TuneError};
use automl_core::{Coded, ParamMap};
use automl_store::studies::{
    self, Attribute, StudiesError, StudyState, TrialState, Wanted, events_since,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// Trials that are asked for at once.
const COUNT_MAX: i64 = 1000;
/// Events of a page.
const EVENTS_MAX: i64 = 10_000;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .route(
            "/api/studies",
            get(list)
                .viewer("All studies, whatever client made them")
                .post(create)
                .editor("Makes a study of a name, a space and objectives"),
        )
        .route(
            "/api/studies/{name}",
            get(show)
                .viewer("A study")
                .patch(set_state)
                .editor("Ends a study or goes on with it: state is active, inactive or completed")
                .delete(remove)
                .editor("Deletes a study with its trials"),
        )
        .route(
            "/api/studies/{name}/suggest",
            post(suggest).editor("Gives trials to run: count, client, request_id"),
        )
        .route(
            "/api/studies/{name}/join",
            post(join).editor("Says that a worker comes: trials are held for a time from then on"),
        )
        .route(
            "/api/studies/{name}/best",
            get(best).viewer("The best trial, or the front of several objectives"),
        )
        .route(
            "/api/studies/{name}/report",
            get(report)
                .viewer("What a study found out: best trials, importance of parameters, states"),
        )
        .route(
            "/api/studies/{name}/events",
            get(events).viewer("What happened in a study after a place of its log"),
        )
        .merge(of_trials())
}

fn of_trials() -> Routes {
    Routes::new()
        .route(
            "/api/studies/{name}/trials",
            get(trials)
                .viewer("Trials of a study, of one state or all")
                .post(add)
                .editor("Adds a point of one's own, to be run or evaluated already"),
        )
        .route(
            "/api/studies/{name}/trials/{number}",
            get(trial).viewer("A trial"),
        )
        .route(
            "/api/studies/{name}/trials/{number}/tell",
            post(tell).editor("Says how a trial ended: state, values, constraints, note"),
        )
        .route(
            "/api/studies/{name}/trials/{number}/measure",
            post(measure).editor("Keeps what a trial measured; says whether to end it"),
        )
        .route(
            "/api/studies/{name}/trials/{number}/heartbeat",
            post(heartbeat).editor("Holds a trial longer; says whether to end it"),
        )
        .route(
            "/api/studies/{name}/trials/{number}/release",
            post(release).editor("Gives a trial up that a client holds: it waits for another"),
        )
        .route(
            "/api/studies/{name}/trials/{number}/stop",
            post(stop).editor("Asks whoever runs a trial to end it"),
        )
        .route(
            "/api/studies/{name}/trials/{number}/attributes",
            post(set_attribute).editor("Keeps a text with a trial: key, value"),
        )
}

impl From<TuneError> for ApiError {
    fn from(error: TuneError) -> Self {
        let status = match &error {
            TuneError::Record(StudiesError::Db(error)) => return error.clone().into(),
            TuneError::Record(
                StudiesError::StudyMissing { .. } | StudiesError::TrialMissing { .. },
            ) => StatusCode::NOT_FOUND,
            TuneError::Record(
                StudiesError::StudyExists { .. }
                | StudiesError::StudyClosed { .. }
                | StudiesError::TrialFinished { .. }
                | StudiesError::TrialNotHeld { .. },
            ) => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        let told = match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        Self::new(status, error.code(), told)
    }
}

impl From<StudiesError> for ApiError {
    fn from(error: StudiesError) -> Self {
        TuneError::from(error).into()
    }
}

/// Work that waits for the database and computes, on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TuneError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}

async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let found = app.db.read(|sql| studies::list(sql, W)).await?;
    let views: Vec<Value> = found.iter().map(tuning::study_view).collect();
    Ok(Json(json!({ "studies": views })))
}

async fn create(State(app): State<App>, fields: Fields) -> Result<Json<Value>, ApiError> {
    let name = fields.required("name")?;
    let mut map = fields.into_map();
    map.remove("name");
    let made = blocking(move || {
        let spec = Spec::read(&Value::Object(map))?;
        app.db
            .write(move |sql| tuning::create(sql, &name, &spec))
            .wait()
    });
    Ok(Json(json!({ "study": tuning::study_view(&made.await?) })))
}

async fn show(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let read = app.db.read(move |sql| studies::by_name(sql, W, &name));
    Ok(Json(json!({ "study": tuning::study_view(&read.await?) })))
}

async fn set_state(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let state = match fields.required("state")?.as_str() {
        "active" => StudyState::Active,
        "inactive" => StudyState::Inactive,
        "completed" => StudyState::Completed,
        other => return Err(wrong("state", &json!(other))),
    };
    let written = app.db.write(move |sql| {
        let study = studies::by_name(sql, W, &name)?;
        studies::set_state(sql, study.id, state)?;
        studies::get(sql, W, study.id)
    });
    Ok(Json(
        json!({ "study": tuning::study_view(&written.await?) }),
    ))
}

async fn remove(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let written = app.db.write(move |sql| {
        let study = studies::by_name(sql, W, &name)?;
        studies::delete(sql, W, study.id)
    });
    written.await?;
    Ok(Json(json!({})))
}

async fn suggest(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let count = fields.int("count")?.unwrap_or(1);
    if !(1..=COUNT_MAX).contains(&count) {
        return Err(wrong("count", &json!(count)));
    }
    let ask = Ask {
        count: count as usize,
        client: fields.text("client")?,
        request: fields.text("request_id")?,
        limit: fields.int("limit")?,
        ends: fields.flag("ends")?.unwrap_or_default(),
        resumes: false,
    };
    let views = blocking(move || {
        let (study, given) = app.tuning.suggest(&app.db, &name, &ask)?;
        let views = given.iter().map(|trial| tuning::trial_view(&study, trial));
        Ok(views.collect::<Vec<_>>())
    });
    Ok(Json(json!({ "trials": views.await? })))
}

async fn join(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let written = app.db.write(move |sql| tuning::join(sql, &name));
    let (study, _) = written.await?;
    Ok(Json(json!({ "study": tuning::study_view(&study) })))
}

async fn best(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let found = blocking(move || tuning::best(&app.tuning, &app.db, &name));
    Ok(Json(json!({ "trials": found.await? })))
}

async fn report(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(app.insights.of(&app.db, name).await?.figures()))
}

async fn events(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let since = fields.int("since")?.unwrap_or(0);
    let n_max = fields.int("max_results")?.unwrap_or(1000);
    if !(1..=EVENTS_MAX).contains(&n_max) {
        return Err(wrong("max_results", &json!(n_max)));
    }
    let read = app.db.read(move |sql| {
        let study = studies::by_name(sql, W, &name)?;
        events_since(sql, study.id, since, n_max as usize)
    });
    let events: Vec<Value> = (read.await?.into_iter())
        .map(|event| {
            let body = event.body.map(|body| serde_json::from_str::<Value>(&body).unwrap_or_else(|_odd| Value::String(body)));
            json!({ "place": event.place, "at_us": event.at_us, "trial_id": event.trial, "what": event.what, "body": body })
        })
        .collect();
    Ok(Json(json!({ "events": events })))
}

fn state_named(name: &str) -> Result<TrialState, ApiError> {
    use TrialState as T;
    let all = [
        T::Waiting,
        T::Running,
        T::Stopping,
        T::Complete,
        T::Pruned,
        T::Failed,
    ];
    let found = all.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| wrong("state", &json!(name)))
}

async fn trials(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let wanted = match fields.text("state")? {
        Some(state) => Wanted::In(state_named(&state)?),
        None => Wanted::All,
    };
    let read = app.db.read(move |sql| {
        let study = studies::by_name(sql, W, &name)?;
        let found = studies::trials(sql, study.id, &wanted)?;
        Ok::<_, StudiesError>((study, found))
    });
    let (study, found) = read.await?;
    let views: Vec<Value> = (found.iter())
        .map(|trial| tuning::trial_view(&study, trial))
        .collect();
    Ok(Json(json!({ "trials": views })))
}

fn told(fields: &Fields) -> Result<Tell, ApiError> {
    let constraints = fields.list("constraints")?;
    let constraints: Option<Vec<f64>> = constraints.iter().map(Value::as_f64).collect();
    let state = fields.text("state")?;
    let is_told = state.is_none() || state.as_deref() == Some("complete");
    let values = fields.value("values").or_else(|| fields.value("value"));
    if is_told && values.is_none() {
        return Err(absent("values"));
    }
    Ok(Tell {
        state: state.map_or(Ok(TrialState::Complete), |state| state_named(&state))?,
        values: values.cloned(),
        constraints: constraints.ok_or_else(|| {
            wrong(
                "constraints",
                fields.value("constraints").unwrap_or(&Value::Null),
            )
        })?,
        note: fields.text("note")?,
        request: fields.text("request_id")?,
    })
}

async fn add(
    State(app): State<App>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let params = fields.value("params").cloned();
    let params = params.ok_or_else(|| absent("params"))?;
    let point: ParamMap =
        serde_json::from_value(params.clone()).map_err(|_odd| wrong("params", &params))?;
    let has_ended = ["state", "values", "value"]
        .iter()
        .any(|field| fields.value(field).is_some());
    let told = has_ended.then(|| told(&fields)).transpose()?;
    let request = fields.text("request_id")?;
    let written = app.db.write(move |sql| {
        let trial = tuning::add(sql, &name, &point, told.as_ref(), request.as_deref())?;
        let study = studies::by_name(sql, W, &name)?;
        Ok::<_, TuneError>(tuning::trial_view(&study, &trial))
    });
    Ok(Json(json!({ "trial": written.await? })))
}

/// The name of a study and the number of a trial, as they stand in a path.
type Place = (String, String);

fn numbered((name, number): Place) -> Result<(String, i64), ApiError> {
    match number.parse() {
        Ok(number) => Ok((name, number)),
        Err(_odd) => Err(wrong("number", &json!(number))),
    }
}

async fn trial(State(app): State<App>, Path(place): Path<Place>) -> Result<Json<Value>, ApiError> {
    let (name, number) = numbered(place)?;
    let read = app.db.read(move |sql| {
        let study = studies::by_name(sql, W, &name)?;
        let id = studies::id_of_number(sql, study.id, number)?;
        let trial = studies::trial(sql, W, id)?;
        Ok::<_, StudiesError>(tuning::trial_view(&study, &trial))
    });
    Ok(Json(json!({ "trial": read.await? })))
}

async fn tell(
    State(app): State<App>,
    Path(place): Path<Place>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let (name, number) = numbered(place)?;
    let (told, client) = (told(&fields)?, fields.text("client")?);
    let written = app.db.write_here(move |sql| {
        let trial = match client {
            Some(client) => tuning::tell_held(sql, (&name, number), &client, &told)?,
            None => tuning::tell(sql, &name, number, &told)?,
        };
        let study = studies::by_name(sql, W, &name)?;
        Ok::<_, TuneError>(tuning::trial_view(&study, &trial))
    });
    Ok(Json(json!({ "trial": written.await? })))
}

async fn measure(
    State(app): State<App>,
    Path(place): Path<Place>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let (name, number) = numbered(place)?;
    let step = fields.int("step")?.ok_or_else(|| absent("step"))?;
    let values = fields.value("values").or_else(|| fields.value("value"));
    let values = values.cloned().ok_or_else(|| absent("values"))?;
    let client = fields.text("client")?;
    let stops = blocking(move || {
        let named = name.clone();
        let written = app.db.write_here(move |sql| match client {
            Some(client) => tuning::measure_held(sql, (&named, number), &client, step, &values),
            None => tuning::measure(sql, &named, number, step, &values),
        });
        let trial = written.wait()?;
        tuning::should_stop(&app.tuning, &app.db, &name, &trial)
    });
    Ok(Json(json!({ "should_stop": stops.await? })))
}

/// Work on the id of a trial of a study.
async fn on_trial<T: Send + 'static>(
    app: &App,
    (name, number): (String, i64),
    work: impl FnOnce(&mut dyn automl_store::db::Sql, i64) -> Result<T, StudiesError> + Send + 'static,
) -> Result<T, ApiError> {
    let written = app.db.write_here(move |sql| {
        let study = studies::by_name(sql, W, &name)?;
        let id = studies::id_of_number(sql, study.id, number)?;
        work(sql, id)
    });
    Ok(written.await?)
}

async fn heartbeat(
    State(app): State<App>,
    Path(place): Path<Place>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let place = numbered(place)?;
    let client = fields.required("client")?;
    let beaten = on_trial(&app, place, move |sql, id| {
        studies::beat(sql, W, id, &client)
    });
    Ok(Json(json!({ "should_stop": beaten.await? })))
}

async fn release(
    State(app): State<App>,
    Path(place): Path<Place>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let place = numbered(place)?;
    let client = fields.required("client")?;
    on_trial(&app, place, move |sql, id| {
        studies::release(sql, W, id, &client)
    })
    .await?;
    Ok(Json(Value::Object(Map::new())))
}

async fn stop(State(app): State<App>, Path(place): Path<Place>) -> Result<Json<Value>, ApiError> {
    let place = numbered(place)?;
    on_trial(&app, place, |sql, id| studies::stop(sql, W, id)).await?;
    Ok(Json(Value::Object(Map::new())))
}

async fn set_attribute(
    State(app): State<App>,
    Path(place): Path<Place>,
    fields: Fields,
) -> Result<Json<Value>, ApiError> {
    let place = numbered(place)?;
    let attribute = Attribute {
        scope: "user".into(),
        key: fields.required("key")?,
        value: fields
            .value("value")
            .cloned()
            .unwrap_or_default()
            .to_string(),
    };
    on_trial(&app, place, move |sql, id| {
        studies::set_trial_attribute(sql, W, id, &attribute, true)
    })
    .await?;
    Ok(Json(json!({})))
}
