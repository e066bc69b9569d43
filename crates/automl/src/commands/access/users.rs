//! `automl users`.

use super::{open, time, write};
use crate::cli::{AskArgs, RoleArg, UsersVerb};
use crate::commands::Status;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::text::{self, Align};
use automl_store::access::users::{self, User};
use automl_store::access::{Role, password};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use serde_json::{Value, json};
use std::io::BufRead as _;

pub(crate) fn run(verb: UsersVerb, console: Console) -> anyhow::Result<Status> {
    match verb {
        UsersVerb::Add {
            name,
            role,
            password_stdin,
            ask,
        } => {
            let hash = password_stdin.then(hashed).transpose()?;
            let role = role_of(role);
            let db = open(&ask)?;
            let of = name.clone();
            let user = write(&db, ("users add", &of), move |sql| {
                users::create(sql, DEFAULT_WORKSPACE, &name, hash.as_deref(), role)
            })?;
            let next = if user.has_password {
                String::new()
            } else {
                format!(
                    "; make a token: automl tokens create {}",
                    text::shell_word(&user.name)
                )
            };
            tell(
                console,
                &format!("{} is {}{next}", user.name, role.name()),
                &wire(&user),
            )
        }
        UsersVerb::List { ask } => {
            let db = open(&ask)?;
            let found = db.read(|sql| users::list(sql, DEFAULT_WORKSPACE)).wait()?;
            let json = json!({ "users": found.iter().map(wire).collect::<Value>() });
            tell(console, table(&found).trim_end(), &json)
        }
        UsersVerb::Remove { name, ask } => {
            let told = format!("{name} is removed");
            let json = json!({ "removed": name });
            let db = open(&ask)?;
            let of = name.clone();
            write(&db, ("users remove", &of), move |sql| {
                users::remove(sql, DEFAULT_WORKSPACE, &name)
            })?;
            tell(console, &told, &json)
        }
        UsersVerb::Role { name, role, ask } => {
            let role = role_of(role);
            let db = open(&ask)?;
            let of = name.clone();
            let user = write(&db, ("users role", &of), move |sql| {
                users::set_role(sql, DEFAULT_WORKSPACE, &name, role)?;
                users::get(sql, DEFAULT_WORKSPACE, &name)
            })?;
            tell(
                console,
                &format!("{} is {}", user.name, role.name()),
                &wire(&user),
            )
        }
        UsersVerb::Password {
            name, none, ask, ..
        } => set_password(name, none, &ask, console),
    }
}

fn set_password(
    name: String,
    none: bool,
    ask: &AskArgs,
    console: Console,
) -> anyhow::Result<Status> {
    let hash = (!none).then(hashed).transpose()?;
    let db = open(ask)?;
    let of = name.clone();
    let user = write(&db, ("users password", &of), move |sql| {
        users::set_password(sql, &name, hash.as_deref())?;
        users::get(sql, DEFAULT_WORKSPACE, &name)
    })?;
    let has = if none {
        "no password"
    } else {
        "a new password"
    };
    tell(console, &format!("{} has {has}", user.name), &wire(&user))
}

fn role_of(role: RoleArg) -> Role {
    match role {
        RoleArg::Viewer => Role::Viewer,
        RoleArg::Editor => Role::Editor,
        RoleArg::Admin => Role::Admin,
    }
}

/// The hash of the first line of stdin.
fn hashed() -> anyhow::Result<String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let password = line.trim_end_matches(['\r', '\n']);
    if read.is_err() || password.is_empty() {
        return Err(CliError::NoPassword.into());
    }
    Ok(password::hash(password)?)
}

fn wire(user: &User) -> Value {
    json!({
        "name": user.name,
        "role": user.role.map(Role::name),
        "has_password": user.has_password,
        "created": time(user.created_ms),
    })
}

fn table(found: &[User]) -> String {
    if found.is_empty() {
        return "no users; make one: automl users add NAME --role admin".into();
    }
    let heading = ["name", "role", "password", "since"].map(|name| (name, Align::Left));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|user| {
            let role = user.role.map_or("none", Role::name);
            let password = if user.has_password { "yes" } else { "no" };
            vec![
                user.name.clone(),
                role.into(),
                password.into(),
                time(user.created_ms),
            ]
        })
        .collect();
    text::table(&heading, &rows)
}

/// Prints a result.
pub(super) fn tell(console: Console, text: &str, json: &Value) -> anyhow::Result<Status> {
    match console.format() {
        Format::Json => print_json(json)?,
        Format::Text => print_text(&format!("{text}\n"))?,
    }
    Ok(Status::Done)
}
