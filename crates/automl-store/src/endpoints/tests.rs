//! Endpoints: what is deployed, how requests are shared out, and what can be taken back.

use super::*;
use crate::db::Sql;
use crate::lineage::{self, Node};
use crate::registry::approvals::{self, State};
use crate::registry::{models, versions};
use crate::tracking::TrackingError;
use crate::tracking::experiments::DEFAULT_WORKSPACE as W;
use crate::tracking::tests::Desk as Record;
use automl_core::Coded;

const ADA: Who<'static> = Who {
    user: "ada",
    note: None,
};

/// With the model `churn` of four versions, of which the second is `@champion`, and the endpoint `e`.
struct Desk(Record);

impl Desk {
    fn new() -> Self {
        let desk = Self(Record::new());
        desk.0.write(|sql| {
            models::create(sql, W, "churn", None, &[])?;
            for number in 1..=4 {
                let new = versions::NewVersion {
                    name: "churn".into(),
                    source: format!("runs:/r{number}/model"),
                    storage_location: format!("mlflow-artifacts:/{number}"),
                    ..Default::default()
                };
                versions::create(sql, W, &new)?;
            }
            models::set_alias(sql, W, "churn", "champion", 2)
        });
        desk.ok(|sql| {
            let new = NewEndpoint {
                name: "e".into(),
                description: None,
                max_at_once: 8,
            };
            create(sql, W, &new, ADA)
        });
        desk
    }

    fn ok<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, EndpointError> + Send + 'static,
    ) -> T {
        self.0.db.write(work).wait().unwrap()
    }

    fn refused<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, EndpointError> + Send + 'static,
    ) -> &'static str {
        let error = self.0.db.write(work).wait().err();
        error.expect("a refusal").code()
    }

    fn deploy(&self, reference: &str, share: Option<u32>) -> Endpoint {
        let reference = reference.to_owned();
        self.ok(move |sql| {
            let new = plain(sql, &reference, share)?;
            super::deploy(sql, W, "e", &new, ADA)
        })
    }

    fn endpoint(&self) -> Endpoint {
        self.ok(|sql| by_name(sql, W, "e"))
    }
}

fn plain(
    sql: &mut dyn Sql,
    reference: &str,
    share: Option<u32>,
) -> Result<NewDeployment, EndpointError> {
    let target = resolve(sql, W, reference)?;
    Ok(NewDeployment {
        digest: format!("digest of {}", target.version.version),
        target,
        name: None,
        share,
        is_shadow: false,
        replicas: None,
    })
}

/// `v1=90 v2=10`, and `v3~` for one in the shadow.
fn told(endpoint: &Endpoint) -> String {
    let one = |one: &Deployment| {
        if one.is_shadow {
            format!("{}~", one.name)
        } else {
            format!("{}={}", one.name, one.share)
        }
    };
    let all: Vec<String> = endpoint.deployments.iter().map(one).collect();
    all.join(" ")
}

#[test]
fn the_first_answers_all_and_others_what_they_are_given() {
    let desk = Desk::new();
    assert_eq!(desk.endpoint().state(true), "empty");
    assert_eq!(told(&desk.deploy("churn/1", None)), "v1=100");
    assert_eq!(told(&desk.deploy("churn/3", None)), "v1=100 v3=0");
    assert_eq!(
        told(&desk.deploy("churn@champion", Some(10))),
        "v1=90 v3=0 champion=10"
    );
    let shared = desk.ok(|sql| {
        let shares = [("v3".to_owned(), 25), ("champion".to_owned(), 75)];
        set_shares(sql, W, "e", &shares, ADA)
    });
    assert_eq!(told(&shared), "v1=0 v3=25 champion=75");
    let champion = &shared.deployments[2];
    assert_eq!(
        (champion.version, champion.alias.as_deref()),
        (2, Some("champion"))
    );
    let promoted = desk.ok(|sql| promote(sql, W, "e", "v1", ADA));
    assert_eq!(told(&promoted), "v1=100 v3=0 champion=0");
    assert_eq!(promoted.state(true), "waiting");
}

#[test]
fn one_in_the_shadow_answers_nobody_until_it_is_promoted() {
    let desk = Desk::new();
    desk.deploy("churn/1", None);
    let shadowed = desk.ok(|sql| {
        let new = NewDeployment {
            is_shadow: true,
            ..plain(sql, "churn/3", None)?
        };
        deploy(sql, W, "e", &new, ADA)
    });
    assert_eq!(told(&shadowed), "v1=100 v3~");
    let code = desk.refused(|sql| {
        let shares = [("v1".to_owned(), 50), ("v3".to_owned(), 50)];
        set_shares(sql, W, "e", &shares, ADA)
    });
    assert_eq!(code, "endpoint-invalid");
    let promoted = desk.ok(|sql| promote(sql, W, "e", "v3", ADA));
    assert_eq!(told(&promoted), "v1=0 v3=100");
}

#[test]
fn changes_are_taken_back_one_by_one() {
    let desk = Desk::new();
    desk.deploy("churn/1", None);
    desk.deploy("churn/3", Some(20));
    desk.ok(|sql| promote(sql, W, "e", "v3", ADA));
    let back = || desk.ok(|sql| roll_back(sql, W, "e", ADA));
    assert_eq!(told(&back()), "v1=80 v3=20");
    assert_eq!(told(&back()), "v1=100");
    assert_eq!(
        desk.refused(|sql| roll_back(sql, W, "e", ADA)),
        "endpoint-no-earlier"
    );
    assert_eq!(told(&desk.deploy("churn/4", Some(50))), "v1=50 v4=50");
    assert_eq!(told(&back()), "v1=100");
    let endpoint = desk.endpoint();
    let history = desk.ok(move |sql| changes(sql, &endpoint, 99));
    let whats: Vec<&str> = history.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "rolled-back",
            "deployed",
            "rolled-back",
            "rolled-back",
            "promoted",
            "deployed",
            "deployed",
            "created"
        ]
    );
    assert!(history.iter().all(|one| one.user_id == "ada"));
}

#[test]
fn what_was_refused_changes_nothing() {
    let desk = Desk::new();
    desk.deploy("churn/1", None);
    desk.deploy("churn/3", Some(10));
    let before = desk.endpoint();
    let shares = |shares: &[(&str, u32)]| {
        let shares: Vec<(String, u32)> = shares
            .iter()
            .map(|(name, share)| ((*name).to_owned(), *share))
            .collect();
        desk.refused(move |sql| set_shares(sql, W, "e", &shares, ADA))
    };
    assert_eq!(shares(&[("v1", 50), ("v3", 49)]), "endpoint-shares");
    assert_eq!(shares(&[("v1", u32::MAX), ("v3", 101)]), "endpoint-shares");
    assert_eq!(shares(&[("v9", 100)]), "endpoint-deployment-missing");
    assert_eq!(
        desk.refused(|sql| {
            let new = plain(sql, "churn/3", None)?;
            deploy(sql, W, "e", &new, ADA)
        }),
        "endpoint-deployment-exists"
    );
    assert_eq!(
        desk.refused(|sql| undeploy(sql, W, "e", ("v1", false), ADA)),
        "endpoint-still-answers"
    );
    assert_eq!(
        desk.refused(|sql| promote(sql, W, "f", "v1", ADA)),
        "endpoint-missing"
    );
    assert_eq!(
        desk.refused(|sql| {
            promote(sql, W, "e", "v1", ADA)?;
            undeploy(sql, W, "e", ("v3", false), ADA)?;
            undeploy(sql, W, "e", ("v1", false), ADA)
        }),
        "endpoint-would-silence",
        "the last goes only by force"
    );
    assert_eq!(
        desk.refused(|sql| delete(sql, W, "e", false)),
        "endpoint-would-lose"
    );
    assert_eq!(
        desk.refused(|sql| resolve(sql, W, "churn/9")),
        "record-missing"
    );
    for name in ["", "-a", "a/b", "a b", "ä", &"a".repeat(64)] {
        let new = NewEndpoint {
            name: name.to_owned(),
            description: None,
            max_at_once: 1,
        };
        assert_eq!(
            desk.refused(move |sql| create(sql, W, &new, ADA)),
            "endpoint-invalid"
        );
    }
    assert_eq!(desk.endpoint(), before);
}

#[test]
fn a_rejected_version_is_not_deployed() {
    let desk = Desk::new();
    desk.0
        .write(|sql| approvals::decide(sql, W, ("churn", 1), State::Rejected, "ada", None));
    assert_eq!(
        desk.refused(|sql| resolve(sql, W, "churn/1")),
        "record-invalid"
    );
    desk.deploy("churn/2", None);
    desk.deploy("churn/3", Some(0));
    desk.0
        .write(|sql| approvals::decide(sql, W, ("churn", 3), State::Rejected, "ada", None));
    assert_eq!(
        desk.refused(|sql| promote(sql, W, "e", "v3", ADA)),
        "record-invalid"
    );
}

#[test]
fn what_is_deployed_is_not_deleted_and_moves_with_its_model() {
    let desk = Desk::new();
    desk.deploy("churn/1", None);
    assert_eq!(
        desk.0.refused(|sql| versions::delete(sql, W, "churn", 1)),
        "Version 1 of 'churn' is deployed at e"
    );
    assert_eq!(
        desk.0.refused(|sql| models::delete(sql, W, "churn")),
        "Registered Model 'churn' is deployed at e"
    );
    desk.0
        .write(|sql| models::rename(sql, W, "churn", "leaving"));
    assert_eq!(desk.endpoint().deployments[0].model, "leaving");
    desk.deploy("leaving/3", Some(100));
    desk.ok(|sql| undeploy(sql, W, "e", ("v1", false), ADA));
    desk.0.write(|sql| versions::delete(sql, W, "leaving", 1));
    assert_eq!(
        desk.refused(|sql| roll_back(sql, W, "e", ADA)),
        "endpoint-gone"
    );
}

#[test]
fn an_alias_is_followed_until_that_is_taken_back() {
    let desk = Desk::new();
    desk.deploy("churn@champion", None);
    desk.0
        .write(|sql| models::set_alias(sql, W, "churn", "champion", 4));
    let seen = desk.endpoint().deployments.remove(0);
    let first = seen.clone();
    let followed = desk.ok(move |sql| follow(sql, W, "e", (&first, 4, "new"), ADA));
    let one = &followed.unwrap().deployments[0];
    assert_eq!((one.version, one.digest.as_str()), (4, "new"));
    assert_eq!(one.alias.as_deref(), Some("champion"));
    let before = desk.endpoint();
    let late = desk.ok(move |sql| follow(sql, W, "e", (&seen, 3, "late"), ADA));
    assert_eq!(
        (late, desk.endpoint()),
        (None, before),
        "others were quicker"
    );
    let back = desk.ok(|sql| roll_back(sql, W, "e", ADA));
    let one = &back.deployments[0];
    assert_eq!((one.version, one.alias.as_deref()), (2, None));
}

#[test]
fn what_is_served_is_noted_until_the_next_change() {
    let desk = Desk::new();
    let deployed = desk.deploy("churn/1", None);
    let (id, revision) = (deployed.id, deployed.revision);
    desk.ok(move |sql| note_served(sql, id, Some(revision), None));
    assert_eq!(desk.endpoint().state(true), "serving");
    desk.deploy("churn/3", Some(50));
    assert_eq!(desk.endpoint().state(true), "waiting");
    desk.ok(move |sql| note_served(sql, id, Some(revision), Some("it is damaged")));
    assert_eq!(desk.endpoint().state(true), "failed");
    let endpoint = desk.endpoint();
    let before = desk.ok(move |sql| at_revision(sql, &endpoint, revision));
    assert_eq!(before.len(), 1);
}

#[test]
fn nothing_serves_where_no_server_tells_of_itself() {
    let desk = Desk::new();
    let deployed = desk.deploy("churn/1", None);
    let (id, revision) = (deployed.id, deployed.revision);
    desk.ok(move |sql| note_served(sql, id, Some(revision), None));
    let state = |desk: &Desk| {
        let is_alive = desk.ok(is_any_alive);
        desk.endpoint().state(is_alive)
    };
    assert_eq!(state(&desk), "stopped");
    desk.ok(|sql| note_alive(sql, "one"));
    desk.ok(|sql| note_alive(sql, "other"));
    assert_eq!(state(&desk), "serving");
    desk.ok(|sql| note_ended(sql, "one"));
    assert_eq!(state(&desk), "serving");
    // The other is killed and says nothing more.
    desk.ok(|sql| Ok(sql.execute("UPDATE servers SET seen_ms = seen_ms - 31000", &[])?));
    assert_eq!(state(&desk), "stopped");
    desk.ok(|sql| note_alive(sql, "third"));
    let left = desk.ok(|sql| Ok(sql.query("SELECT id FROM servers", &[])?.len()));
    assert_eq!(left, 1, "what is gone is forgotten");
}

#[test]
fn endpoints_are_followed_both_ways() {
    let desk = Desk::new();
    desk.deploy("churn/1", None);
    let trace = |text: &'static str| {
        desk.0.write(move |sql| {
            let start = lineage::resolve(sql, W, text)?;
            let graph = lineage::trace(sql, W, &start)?;
            let found = graph.nodes.into_iter();
            Ok::<_, TrackingError>(
                found
                    .map(|found| (found.distance, found.node))
                    .collect::<Vec<_>>(),
            )
        })
    };
    let version = Node::ModelVersion {
        name: "churn".into(),
        version: 1,
    };
    let endpoint = Node::Endpoint { name: "e".into() };
    assert_eq!(
        trace("endpoint:e"),
        [(-1, version.clone()), (0, endpoint.clone())]
    );
    assert_eq!(trace("churn/1"), [(0, version), (1, endpoint)]);
    assert_eq!(
        desk.0.refused(|sql| lineage::resolve(sql, W, "endpoint:f")),
        "No run, model, model version, endpoint or data is known as 'endpoint:f'"
    );
}

#[test]
fn how_many_are_answered_at_once_is_a_change_that_taking_back_passes_over() {
    let desk = Desk::new();
    desk.deploy("churn/1", None);
    desk.deploy("churn/3", Some(50));
    let limit = |n: u32| {
        desk.ok(move |sql| {
            let who = Who {
                note: Some("more callers"),
                ..ADA
            };
            set_at_once(sql, W, "e", n, who)
        })
    };
    let before = desk.endpoint();
    let after = limit(100);
    assert_eq!((before.max_at_once, after.max_at_once), (8, 100));
    assert_eq!(after.revision, before.revision + 1);
    assert_eq!(after.deployments, before.deployments);
    assert_eq!(limit(100).revision, after.revision, "nothing is changed");
    let last = desk.ok(|sql| {
        let endpoint = by_name(sql, W, "e")?;
        changes(sql, &endpoint, 1)
    });
    assert_eq!(last[0].what, "limited");
    assert_eq!(
        last[0].note.as_deref(),
        Some("100 requests at once, not 8: more callers")
    );
    let back = desk.ok(|sql| roll_back(sql, W, "e", ADA));
    assert_eq!(
        back.deployments.len(),
        1,
        "what was taken back is the deployment"
    );
    assert_eq!(back.max_at_once, 100);
    for n in [0, 10_001] {
        let code = desk.refused(move |sql| set_at_once(sql, W, "e", n, ADA));
        assert_eq!(code, "endpoint-invalid");
    }
    let code = desk.refused(|sql| set_at_once(sql, W, "f", 9, ADA));
    assert_eq!(code, "endpoint-missing");
}
