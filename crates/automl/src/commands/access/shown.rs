//! `automl audit`.

use super::users::tell;
use super::{open, time};
use crate::cli::AuditArgs;
use crate::commands::Status;
use crate::console::Console;
use crate::text::{self, Align};
use automl_store::access::audit::{Entry, Search, search};
use automl_store::tracking::now_ms;
use serde_json::{Value, json};

pub(crate) fn run(args: AuditArgs, console: Console) -> anyhow::Result<Status> {
    let wish = Search {
        since_ms: args.since.map(|since| now_ms() - since.as_millis() as i64),
        user: args.user,
        before: None,
        n_max: args.top as usize,
    };
    let db = open(&args.ask)?;
    let found = db.read(move |sql| search(sql, &wish)).wait();
    let found = found?;
    let json =
        json!({ "entries": found.iter().map(|(id, entry)| wire(*id, entry)).collect::<Value>() });
    tell(console, table(&found).trim_end(), &json)
}

fn wire(id: i64, entry: &Entry) -> Value {
    json!({
        "id": id,
        "at": time(entry.at_ms),
        "user": entry.user,
        "means": entry.means,
        "address": entry.address,
        "method": entry.method,
        "route": entry.route,
        "object": entry.object,
        "status": entry.outcome,
        "request_id": entry.request_id,
    })
}

fn table(found: &[(i64, Entry)]) -> String {
    if found.is_empty() {
        return "nothing".into();
    }
    let heading = ["when", "who", "from", "what", "of", "answer"].map(|name| (name, Align::Left));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(_, entry)| {
            let who = if entry.user.is_empty() {
                "-"
            } else {
                &entry.user
            };
            vec![
                time(entry.at_ms),
                who.to_owned(),
                entry.address.clone(),
                format!("{} {}", entry.method, entry.route),
                entry.object.escape_debug().to_string(),
                entry.outcome.to_string(),
            ]
        })
        .collect();
    text::table(&heading, &rows)
}
