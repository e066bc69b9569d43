//! Users, as MLflow's client of its basic authentication manages them.

use crate::access::{Asker, hashed};
use crate::error::ApiError;
use crate::fields::{Fields, absent};
use crate::routes::{Routes, delete, get, patch, post};
use crate::state::App;
use automl_store::access::Role;
use automl_store::access::users::{self, User};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};

pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/users/create",
            post(create).admin("Add a user; a viewer, if no role is given"),
        )
        .route(
            "/users/get",
            get(read).viewer("A user: oneself, or any for admins"),
        )
        .route("/users/current", get(current).viewer("Who asks"))
        .route("/users/list", get(list).admin("All users"))
        .route(
            "/users/update-password",
            patch(update_password).own("Change a password: one's own, or any for admins"),
        )
        .route(
            "/users/update-admin",
            patch(update_admin).admin("Make a user an admin, or an editor again"),
        )
        .route(
            "/users/update-role",
            patch(update_role).admin("Give a user another role"),
        )
        .route(
            "/users/delete",
            delete(remove).admin("Remove a user with their tokens"),
        )
}

type Answer = Result<Json<Value>, ApiError>;

fn wire(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.name,
        "is_admin": user.role == Some(Role::Admin),
        "role": user.role.map(Role::name),
    })
}

fn one(user: &User) -> Json<Value> {
    Json(json!({ "user": wire(user) }))
}

fn role_of(name: &str) -> Result<Role, ApiError> {
    Role::of_name(name).ok_or_else(|| {
        ApiError::invalid(format!(
            "Invalid role '{}': it is viewer, editor or admin",
            name.escape_debug()
        ))
    })
}

/// What is of a user is for them and for admins; for all where everyone may do everything.
fn check_own(asker: &Asker, name: &str) -> Result<(), ApiError> {
    let Some(Extension(asker)) = asker else {
        return Ok(());
    };
    if asker.role == Some(Role::Admin) || (asker.is_user() && asker.name == name) {
        return Ok(());
    }
    Err(ApiError::denied(
        "Permission denied: this is for the user and for admins.",
    ))
}

async fn create(State(app): State<App>, fields: Fields) -> Answer {
    let name = fields.required("username")?;
    let hash = hashed(fields.required("password")?).await?;
    let role = fields.text("role")?;
    let role = role.map_or(Ok(Role::Viewer), |role| role_of(&role))?;
    let user = app
        .db
        .write(move |sql| users::create(sql, DEFAULT_WORKSPACE, &name, Some(&hash), role))
        .await?;
    Ok(one(&user))
}

async fn get_user(app: &App, name: String) -> Answer {
    let user = app
        .db
        .read(move |sql| users::get(sql, DEFAULT_WORKSPACE, &name))
        .await?;
    Ok(one(&user))
}

async fn read(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    let name = fields.required("username")?;
    check_own(&asker, &name)?;
    get_user(&app, name).await
}

async fn current(asker: Asker) -> Answer {
    let Some(Extension(asker)) = asker else {
        return Err(ApiError::missing("this server does not ask who calls"));
    };
    Ok(Json(json!({ "user": {
        "username": asker.name,
        "is_admin": asker.role == Some(Role::Admin),
        "role": asker.role.map(Role::name),
    }})))
}

async fn list(State(app): State<App>) -> Answer {
    let found = app
        .db
        .read(|sql| users::list(sql, DEFAULT_WORKSPACE))
        .await?;
    Ok(Json(
        json!({ "users": found.iter().map(wire).collect::<Value>() }),
    ))
}

async fn update_password(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    let name = fields.required("username")?;
    check_own(&asker, &name)?;
    if let Some(Extension(asker)) = &asker
        && asker.role != Some(Role::Admin)
        && asker.means != "password"
    {
        // Else a token that leaks would outlive its end.
        return Err(ApiError::denied(
            "Permission denied: a password is changed by who shows the old one, or by an admin.",
        ));
    }
    let hash = hashed(fields.required("password")?).await?;
    app.db
        .write(move |sql| users::set_password(sql, &name, Some(&hash)))
        .await?;
    changed(&app);
    Ok(Json(json!({})))
}

async fn update_admin(State(app): State<App>, fields: Fields) -> Answer {
    let is_admin = fields.flag("is_admin")?.ok_or_else(|| absent("is_admin"))?;
    let role = if is_admin { Role::Admin } else { Role::Editor };
    set_role(&app, fields.required("username")?, role).await
}

async fn update_role(State(app): State<App>, fields: Fields) -> Answer {
    let role = role_of(&fields.required("role")?)?;
    set_role(&app, fields.required("username")?, role).await
}

async fn set_role(app: &App, name: String, role: Role) -> Answer {
    app.db
        .write(move |sql| users::set_role(sql, DEFAULT_WORKSPACE, &name, role))
        .await?;
    changed(app);
    Ok(Json(json!({})))
}

async fn remove(State(app): State<App>, fields: Fields) -> Answer {
    let name = fields.required("username")?;
    app.db
        .write(move |sql| users::remove(sql, DEFAULT_WORKSPACE, &name))
        .await?;
    changed(&app);
    Ok(Json(json!({})))
}

/// What is remembered of users is asked for anew at once.
fn changed(app: &App) {
    if let Some(access) = &app.access {
        access.changed();
    }
}
