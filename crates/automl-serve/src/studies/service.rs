//! The calls of one gRPC service as routes.

use super::refusal::Refusal;
use crate::routes::{Methods, Routes, grpc};
use crate::unary::unary;
use automl_store::db::{Database, DbError, Sql};
use prost::Message;
use tonic::Status;

/// A call that reads or writes in one transaction.
type Call<Ask, Answer, Error> = fn(&mut dyn Sql, Ask) -> Result<Answer, Error>;

/// Routes of single calls.
pub(super) struct Service<'a> {
    name: &'static str,
    db: &'a Database,
    routes: Routes,
}

impl<'a> Service<'a> {
    pub(super) fn new(name: &'static str, db: &'a Database) -> Self {
        let routes = Routes::new();
        Self { name, db, routes }
    }

    pub(super) fn into_routes(self) -> Routes {
        self.routes
    }

    fn add<Ask, Answer, Answered>(
        mut self,
        name: &str,
        methods: Methods,
        answer: impl Fn(Ask) -> Answered + Clone + Send + Sync + 'static,
    ) -> Self
    where
        Ask: Message + Default + 'static,
        Answer: Message + Default + 'static,
        Answered: Future<Output = Result<Answer, Status>> + Send + 'static,
    {
        let path = format!("/{}/{name}", self.name);
        self.routes = self.routes.service(&path, unary(answer), methods);
        self
    }

    /// A call that reads one state of the record.
    pub(super) fn read<Ask, Answer, Error>(
        self,
        name: &str,
        summary: &'static str,
        call: Call<Ask, Answer, Error>,
    ) -> Self
    where
        Ask: Message + Default + 'static,
        Answer: Message + Default + 'static,
        Error: Refusal + From<DbError> + Send + 'static,
    {
        let db = self.db.clone();
        let answer = move |ask: Ask| {
            let read = db.read(move |sql| call(sql, ask));
            async move { read.await.map_err(|error: Error| error.status()) }
        };
        self.add(name, grpc().viewer(summary), answer)
    }

    /// A call that writes in one transaction.
    pub(super) fn write<Ask, Answer, Error>(
        self,
        name: &str,
        summary: &'static str,
        call: Call<Ask, Answer, Error>,
    ) -> Self
    where
        Ask: Message + Default + 'static,
        Answer: Message + Default + 'static,
        Error: Refusal + From<DbError> + Send + 'static,
    {
        let db = self.db.clone();
        let answer = move |ask: Ask| {
            let written = db.write(move |sql| call(sql, ask));
            async move { written.await.map_err(|error: Error| error.status()) }
        };
        self.add(name, grpc().editor(summary), answer)
    }

    /// A call that computes between transactions, on a thread that may wait.
    pub(super) fn work<Ask, Answer, Error>(
        self,
        name: &str,
        methods: Methods,
        call: impl Fn(&Database, Ask) -> Result<Answer, Error> + Clone + Send + Sync + 'static,
    ) -> Self
    where
        Ask: Message + Default + 'static,
        Answer: Message + Default + 'static,
        Error: Refusal + Send + 'static,
    {
        let db = self.db.clone();
        let answer = move |ask: Ask| {
            let (db, call) = (db.clone(), call.clone());
            let done = tokio::task::spawn_blocking(move || call(&db, ask));
            async move {
                match done.await {
                    Ok(done) => done.map_err(|error| error.status()),
                    Err(error) => Err(Status::internal(error.to_string())),
                }
            }
        };
        self.add(name, methods, answer)
    }
}
