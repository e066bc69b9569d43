//! A Postgres server: connections that come back by themselves after it was away.

use super::migrate::migrate;
use super::worker::{Connection, Workers};
use super::{Arg, DbError, Dialect, Row, Sql, Value};
use postgres::error::SqlState;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type};
use postgres::{Client, NoTls, Statement};
use std::collections::BTreeMap;
use std::time::Duration;

const N_READERS: usize = 4;
/// How long a statement waits for a server that is away, and how often it is asked.
const AWAY_TRIES: u32 = 60;
const AWAY_PAUSE: Duration = Duration::from_millis(500);
/// Statements kept ready a connection.
const STATEMENTS_KEPT: usize = 256;
const CONNECT_WAIT: Duration = Duration::from_secs(5);

pub(super) fn open(url: &str) -> Result<Workers, DbError> {
    let mut writer = Server::open(url)?;
    migrate(&mut writer)?;
    let readers: Vec<Server> = (0..N_READERS)
        .map(|_| Server::open(url))
        .collect::<Result<_, _>>()?;
    Workers::start(writer, readers)
}

/// A connection to a database of another program.
pub(super) fn open_foreign(url: &str) -> Result<impl Sql + use<>, DbError> {
    let mut server = Server::open(url)?;
    // What is read is one state, and nothing can be written by mistake.
    server.plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    Ok(server)
}

/// Writes the table of webhooks anew, so that nothing is left of what was deleted from it.
pub(super) fn scrub(url: &str) -> Result<(), DbError> {
    Server::open(url)?.plain("VACUUM FULL webhooks")
}

struct Server {
    config: postgres::Config,
    client: Option<Client>,
    statements: BTreeMap<String, Statement>,
}

impl Server {
    fn open(url: &str) -> Result<Self, DbError> {
        let mut config: postgres::Config = url.parse().map_err(|error: postgres::Error| {
            // The address may hold a password.
            DbError::Open {
                place: "the given postgres:// address".into(),
                reason: error.to_string(),
            }
        })?;
        config.connect_timeout(CONNECT_WAIT);
        let mut server = Self {
            config,
            client: None,
            statements: BTreeMap::new(),
        };
        server.connect()?;
        Ok(server)
    }

    fn connect(&mut self) -> Result<(), DbError> {
        self.statements.clear();
        self.client = None;
        let client = self.config.connect(NoTls).map_err(|error| failed(&error))?;
        self.client = Some(client);
        Ok(())
    }

    fn client(&mut self) -> Result<&mut Client, DbError> {
        self.client.as_mut().ok_or_else(|| DbError::Away {
            reason: "there is no connection".into(),
        })
    }

    fn plain(&mut self, sql: &str) -> Result<(), DbError> {
        self.client()?
            .batch_execute(sql)
            .map_err(|error| failed(&error))
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, DbError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= STATEMENTS_KEPT {
            self.statements.clear();
        }
        let text = numbered(sql);
        let statement = self
            .client()?
            .prepare(&text)
            .map_err(|error| failed(&error))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// `?1` as `$1`.
fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_place = letter == '?' && letters.peek().is_some_and(char::is_ascii_digit);
        text.push(if is_place { '$' } else { letter });
    }
    text
}

impl Sql for Server {
    fn execute(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64, DbError> {
        let statement = self.prepared(sql)?;
        let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
        let count = self.client()?.execute(&statement, &args);
        count.map_err(|error| failed(&error))
    }

    fn query(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, DbError> {
        let statement = self.prepared(sql)?;
        let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
        let rows = self.client()?.query(&statement, &args);
        let rows = rows.map_err(|error| failed(&error))?;
        rows.iter().map(row).collect()
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }
}

impl Connection for Server {
    fn ready(&mut self) -> Result<(), DbError> {
        let lives =
            |client: &mut Client| !client.is_closed() && client.is_valid(CONNECT_WAIT).is_ok();
        if self.client.as_mut().is_some_and(lives) {
            return Ok(());
        }
        let mut tries = 0;
        loop {
            match self.connect() {
                Ok(()) => return Ok(()),
                Err(error) if tries == AWAY_TRIES => return Err(error),
                Err(error) => tracing::warn!(%error, "waiting for the database"),
            }
            tries += 1;
            std::thread::sleep(AWAY_PAUSE);
        }
    }

    fn begin(&mut self, is_write: bool) -> Result<(), DbError> {
        self.plain(if is_write {
            "BEGIN"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        })
    }

    /// A server is never brief: it is asked by the thread that may wait.
    fn begin_soon(&mut self) -> Result<bool, DbError> {
        Ok(false)
    }

    fn commit(&mut self) -> Result<(), DbError> {
        self.plain("COMMIT")
    }

    fn roll_back(&mut self) {
        if let Err(error) = self.plain("ROLLBACK") {
            tracing::warn!(%error, "a transaction could not be undone; connecting anew");
            self.client = None;
        }
    }

    fn mark(&mut self) -> Result<(), DbError> {
        self.plain("SAVEPOINT job")
    }

    fn release(&mut self, is_kept: bool) -> Result<(), DbError> {
        self.plain(if is_kept {
            "RELEASE job"
        } else {
            "ROLLBACK TO job; RELEASE job"
        })
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *kind == Type::FLOAT8 => (value as f64).to_sql(kind, out),
            Self::Int(value) if *kind == Type::INT4 => i32::try_from(value)?.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Real(value) if *kind == Type::INT8 => (value as i64).to_sql(kind, out),
            Self::Real(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Blob(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

fn row(row: &postgres::Row) -> Result<Row, DbError> {
    let columns = row.columns().iter().enumerate();
    let values = columns.map(|(place, column)| {
        let value = match *column.type_() {
            Type::INT8 => row
                .try_get::<_, Option<i64>>(place)
                .map(|v| v.map(Value::Int)),
            Type::INT4 => {
                let value = row.try_get::<_, Option<i32>>(place);
                value.map(|v| v.map(|v| Value::Int(i64::from(v))))
            }
            Type::FLOAT8 => row
                .try_get::<_, Option<f64>>(place)
                .map(|v| v.map(Value::Real)),
            Type::BYTEA => row
                .try_get::<_, Option<Vec<u8>>>(place)
                .map(|v| v.map(Value::Blob)),
            _ => row
                .try_get::<_, Option<String>>(place)
                .map(|v| v.map(Value::Text)),
        };
        Ok(value
            .map_err(|error| failed(&error))?
            .unwrap_or(Value::Null))
    });
    Ok(Row(values.collect::<Result<_, DbError>>()?))
}

fn failed(error: &postgres::Error) -> DbError {
    let Some(state) = error.code() else {
        return DbError::Away {
            reason: chain(error),
        };
    };
    // The classes of connections that fail and of servers that are told to stop.
    let is_away = state.code().starts_with("08") || state.code().starts_with("57P");
    if *state == SqlState::UNIQUE_VIOLATION {
        DbError::Conflict
    } else if *state == SqlState::DISK_FULL {
        DbError::Full
    } else if is_away || *state == SqlState::TOO_MANY_CONNECTIONS {
        DbError::Away {
            reason: chain(error),
        }
    } else {
        DbError::Statement {
            reason: chain(error),
        }
    }
}

/// The message with its cause: that of a statement says only "db error".
fn chain(error: &postgres::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
