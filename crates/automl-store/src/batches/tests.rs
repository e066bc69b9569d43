//! Jobs are found again as they were told last.

use super::*;

fn job(id: &str, created_ms: i64) -> BatchJob {
    BatchJob {
        id: id.to_owned(),
        order: BatchOrder {
            model: "churn".into(),
            version: 3,
            input: vec!["/data/*.csv".into()],
            output: "/data/out".into(),
            parts: "csv".into(),
            keep: Vec::new(),
            threshold: None,
            interval: vec![0.9],
            allow_missing_columns: false,
            skip_bad_rows: true,
        },
        begin: BatchBegin::New,
        user: "ada".into(),
        state: BatchState::Waiting,
        created_ms,
        started_ms: None,
        ended_ms: None,
        progress: BatchProgress::default(),
        error: None,
        run_id: None,
    }
}

#[test]
fn jobs_are_found_again_in_the_order_in_which_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("batches");
    let (one, mut two) = (job("b", 1), job("a", 2));
    {
        let batches = Batches::open(&path).unwrap().unwrap();
        batches.put(&one).unwrap();
        batches.put(&two).unwrap();
        two.state = BatchState::Running;
        batches.put(&two).unwrap();
        let other = Batches::open(&path).unwrap();
        assert!(other.is_none(), "one process has them");
    }
    fs::write(path.join("c.json"), "{").unwrap();
    fs::copy(path.join("a.json"), path.join("d.json")).unwrap();
    let batches = Batches::open(&path).unwrap().unwrap();
    let (jobs, mut odd) = batches.all().unwrap();
    assert_eq!(jobs, [one, two]);
    odd.sort();
    assert_eq!(odd, [path.join("c.json"), path.join("d.json")]);
    batches.remove("a").unwrap();
    batches.remove("a").unwrap();
    assert_eq!(batches.all().unwrap().0.len(), 1);
}
