//! What a store keeps, on a disk and in an object store alike.

use super::objects::{Objects, Remote};
use super::*;
use crate::db::Place as DbPlace;
use object_store::memory::InMemory;
use proptest::prelude::*;
use std::collections::BTreeMap as Map;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

struct Desk {
    directory: tempfile::TempDir,
    db: Database,
    store: ArtifactStore,
    memory: Option<Arc<InMemory>>,
}

impl Desk {
    fn folder() -> Self {
        Self::new(false)
    }

    fn objects() -> Self {
        Self::new(true)
    }

    fn both() -> [Self; 2] {
        [Self::folder(), Self::objects()]
    }

    fn new(has_objects: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(&DbPlace::File(directory.path().join("t.db"))).unwrap();
        let memory = has_objects.then(|| Arc::new(InMemory::new()));
        let store = match &memory {
            Some(memory) => {
                let remote =
                    Remote::with(memory.clone(), memory.clone(), None, "some/prefix".into())
                        .unwrap();
                ArtifactStore::Objects(Objects::with(remote, &db).unwrap())
            }
            None => ArtifactStore::Folder(Folder::open(directory.path().join("a")).unwrap()),
        };
        Self {
            directory,
            db,
            store,
            memory,
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let mut upload = self.store.begin(path).unwrap();
        for chunk in bytes.chunks(1 << 20) {
            upload.write(chunk).unwrap();
        }
        upload.finish().unwrap();
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, ArtifactError> {
        self.store.read(path, Wanted::Whole)?.all()
    }

    fn names(&self, path: &str) -> Vec<String> {
        let entries = self.store.list(path).unwrap().into_iter();
        entries.map(|entry| entry.name).collect()
    }

    /// Blobs that take room.
    fn n_blobs(&self) -> usize {
        if let Some(memory) = &self.memory {
            use futures_util::StreamExt;
            use object_store::ObjectStore;
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            return runtime.unwrap().block_on(memory.list(None).count());
        }
        let folders = std::fs::read_dir(self.directory.path().join("a/.blobs")).unwrap();
        let blobs = folders.filter_map(|folder| std::fs::read_dir(folder.unwrap().path()).ok());
        blobs.map(Iterator::count).sum()
    }

    fn sweep(&self) -> Swept {
        self.store.sweep(0, Sweep::Remove).unwrap()
    }
}

/// More than one part of an object.
fn long() -> Vec<u8> {
    (0..(9 << 20) / 8_u64)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect()
}

#[test]
fn files_are_kept_listed_and_removed_by_path() {
    for desk in Desk::both() {
        for (path, bytes) in [
            ("0/a/x", b"one".as_slice()),
            ("0/a.b", b"two".as_slice()),
            ("0/a/y/z", b"".as_slice()),
            ("1", b"three".as_slice()),
        ] {
            desk.put(path, bytes);
            assert_eq!(desk.get(path).unwrap(), bytes);
        }
        assert_eq!(desk.names(""), ["0", "1"]);
        assert_eq!(desk.names("0"), ["a", "a.b"]);
        assert_eq!(desk.names("0/a/"), ["x", "y"]);
        assert_eq!(desk.names("1"), [""; 0]);
        assert_eq!(desk.store.list("0").unwrap()[1].n_bytes, Some(3));
        assert_eq!(desk.store.n_bytes("0").unwrap(), 6);
        desk.put("0/a/x", b"other");
        assert_eq!(desk.get("0/a/x").unwrap(), b"other");
        desk.store.remove("0/a").unwrap();
        assert_eq!(desk.names("0"), ["a.b"]);
        assert!(matches!(
            desk.get("0/a/x"),
            Err(ArtifactError::Missing { .. })
        ));
        assert!(matches!(
            desk.store.remove("0/a"),
            Err(ArtifactError::Missing { .. })
        ));
    }
}

#[test]
fn no_path_leaves_the_store() {
    for desk in Desk::both() {
        for path in ["../x", "a/../../x", "a\\b", "a\0", "", "."] {
            assert!(
                matches!(desk.store.begin(path), Err(ArtifactError::Path)),
                "{path}"
            );
        }
    }
}

#[test]
fn the_same_content_takes_its_room_once() {
    for desk in Desk::both() {
        let long = long();
        for path in ["a", "b/c", "d"] {
            desk.put(path, &long);
            assert_eq!(desk.get(path).unwrap(), long);
        }
        desk.put("e", b"short");
        desk.put("f", b"short");
        assert_eq!(desk.n_blobs(), 2);
    }
}

#[test]
fn a_part_of_a_file_is_read() {
    for desk in Desk::both() {
        desk.put("a", b"0123456789");
        let read = |wanted| desk.store.read("a", wanted).map(|part| part.all().unwrap());
        assert_eq!(read(Wanted::From(2, Some(4))).unwrap(), b"234");
        assert_eq!(read(Wanted::From(7, None)).unwrap(), b"789");
        assert_eq!(read(Wanted::From(7, Some(99))).unwrap(), b"789");
        assert_eq!(read(Wanted::Last(3)).unwrap(), b"789");
        for wanted in [Wanted::From(10, None), Wanted::Last(0)] {
            assert!(matches!(
                read(wanted),
                Err(ArtifactError::Range { n_bytes: 10 })
            ));
        }
    }
}

#[test]
fn an_upload_that_is_dropped_leaves_nothing() {
    for desk in Desk::both() {
        let mut upload = desk.store.begin("a").unwrap();
        upload.write(&long()).unwrap();
        drop(upload);
        assert!(desk.get("a").is_err());
        assert_eq!(desk.sweep(), Swept::default());
        assert_eq!(desk.n_blobs(), 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_was_edited_in_place_is_damaged() {
    let desk = Desk::folder();
    desk.put("a", b"what was written");
    let place = desk.directory.path().join("a/a");
    if rustix::fs::getxattr(&place, "user.automl.sha256", &mut [0_u8; 64]).is_err() {
        // This file system keeps no digests.
        return;
    }
    std::fs::write(&place, b"what was altered").unwrap();
    assert!(matches!(desk.get("a"), Err(ArtifactError::Damaged { path }) if path == "a"));
    // What another program puts in its place is its own affair.
    std::fs::remove_file(&place).unwrap();
    std::fs::write(&place, b"new").unwrap();
    assert_eq!(desk.get("a").unwrap(), b"new");
}

#[test]
fn an_object_that_changed_is_damaged() {
    use object_store::{ObjectStore, ObjectStoreExt};
    let desk = Desk::objects();
    desk.put("a", b"what was written");
    let memory = desk.memory.clone().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        use futures_util::StreamExt;
        let object = memory.list(None).next().await.unwrap().unwrap();
        memory
            .put(&object.location, "what was altered".into())
            .await
            .unwrap();
    });
    assert!(matches!(desk.get("a"), Err(ArtifactError::Damaged { path }) if path == "a"));
}

#[test]
fn a_sweep_takes_only_what_no_path_leads_to() {
    for desk in Desk::both() {
        desk.put("a", b"one");
        desk.put("b", b"one");
        desk.put("c", b"two");
        desk.store.remove("a").unwrap();
        desk.store.remove("c").unwrap();
        let counted = desk.store.sweep(0, Sweep::Count).unwrap();
        assert_eq!(
            (counted.n_blobs, counted.blob_bytes, desk.n_blobs()),
            (1, 3, 2)
        );
        assert_eq!(desk.sweep(), counted);
        assert_eq!(
            (desk.get("b").unwrap(), desk.n_blobs()),
            (b"one".to_vec(), 1)
        );
        desk.put("d", b"two");
        assert_eq!(desk.get("d").unwrap(), b"two");
    }
}

#[test]
fn a_sweep_leaves_files_that_are_being_written() {
    for desk in Desk::both() {
        let mut upload = desk.store.begin("a").unwrap();
        upload.write(b"one").unwrap();
        assert_eq!(desk.sweep(), Swept::default());
        upload.finish().unwrap();
        assert_eq!(desk.get("a").unwrap(), b"one");
    }
}

#[test]
fn a_sweep_that_was_killed_is_finished_by_the_next() {
    let desk = Desk::objects();
    desk.put("a", b"one");
    desk.store.remove("a").unwrap();
    let condemned = desk
        .db
        .write(|sql| sql.execute("UPDATE artifact_blobs SET is_condemned = 1", &[]));
    condemned.wait().unwrap();
    // Content that is condemned gets no new path: it comes again.
    desk.put("b", b"one");
    assert_eq!(desk.n_blobs(), 2);
    assert_eq!(desk.sweep().n_blobs, 1);
    assert_eq!(
        (desk.get("b").unwrap(), desk.n_blobs()),
        (b"one".to_vec(), 1)
    );
}

#[test]
fn what_a_dead_process_left_goes_when_the_folder_is_opened() {
    let desk = Desk::folder();
    let left = desk.directory.path().join("a/.unfinished/left");
    std::fs::write(&left, b"half").unwrap();
    let mut upload = desk.store.begin("a").unwrap();
    Folder::open(desk.directory.path().join("a")).unwrap();
    assert!(!left.exists());
    upload.write(b"one").unwrap();
    upload.finish().unwrap();
    assert_eq!(desk.get("a").unwrap(), b"one");
}

fn send(store: &ArtifactStore, id: &str, number: usize, bytes: &[u8]) -> String {
    let mut part = store.begin_part(id, number).unwrap();
    part.write(bytes).unwrap();
    part.finish().unwrap()
}

#[test]
fn parts_come_in_any_order_and_again() {
    let desk = Desk::folder();
    let upload = desk.store.begin_parts("d/a", 3).unwrap();
    let three = send(&desk.store, &upload.id, 3, b"three");
    send(&desk.store, &upload.id, 1, b"wrong");
    let one = send(&desk.store, &upload.id, 1, b"one-");
    let two = send(&desk.store, &upload.id, 2, b"two-");
    // They outlive the process that took them.
    let store = ArtifactStore::Folder(Folder::open(desk.directory.path().join("a")).unwrap());
    let parts = [(2, format!("\"{two}\"")), (1, one), (3, three)];
    store.complete_parts("d/a", &upload.id, &parts).unwrap();
    assert_eq!(desk.get("d/a").unwrap(), b"one-two-three");
    let again = store.complete_parts("d/a", &upload.id, &parts);
    assert!(matches!(again, Err(ArtifactError::Missing { .. })));
    assert_eq!(desk.sweep(), Swept::default());
}

#[test]
fn parts_that_are_missing_or_altered_make_no_file() {
    let desk = Desk::folder();
    let upload = desk.store.begin_parts("a", 2).unwrap();
    let one = send(&desk.store, &upload.id, 1, b"one");
    for (parts, told) in [
        (vec![], "no parts"),
        (vec![(2, one.clone())], "part 1 is missing"),
        (
            vec![(1, one.clone()), (1, one.clone())],
            "part 2 is missing or given twice",
        ),
        (
            vec![(1, one.clone()), (2, one.clone())],
            "part 2 was not sent",
        ),
        (vec![(1, "00".into())], "part 1 is not the one"),
    ] {
        let error = desk
            .store
            .complete_parts("a", &upload.id, &parts)
            .unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    assert!(
        desk.store
            .complete_parts("b", &upload.id, &[(1, one.clone())])
            .is_err()
    );
    assert!(matches!(
        desk.store.begin_part("../..", 1),
        Err(ArtifactError::Missing { .. })
    ));
    assert!(matches!(
        desk.store.begin_parts("a", 10_001),
        Err(ArtifactError::Parts(_))
    ));
    assert!(desk.get("a").is_err());
    desk.store
        .complete_parts("a", &upload.id, &[(1, one)])
        .unwrap();
    assert_eq!(desk.get("a").unwrap(), b"one");
}

#[test]
fn parts_that_nobody_went_on_with_are_swept() {
    let desk = Desk::folder();
    let upload = desk.store.begin_parts("a", 1).unwrap();
    send(&desk.store, &upload.id, 1, b"one");
    let young = desk.store.sweep(0, Sweep::Remove).unwrap();
    assert_eq!(young.n_unfinished, 0);
    let old = desk.store.sweep(i64::MAX, Sweep::Remove).unwrap();
    assert_eq!((old.n_unfinished, old.unfinished_bytes), (1, 4));
    assert!(matches!(
        desk.store.begin_part(&upload.id, 2),
        Err(ArtifactError::Missing { .. })
    ));
}

#[test]
fn an_upload_in_parts_to_a_store_that_signs_nothing_is_refused() {
    let desk = Desk::objects();
    assert!(!desk.store.takes_parts());
    assert!(matches!(
        desk.store.begin_parts("a", 1),
        Err(ArtifactError::NoParts)
    ));
}

#[test]
fn a_blob_with_all_links_that_the_disk_allows_is_not_needed() {
    let desk = Desk::folder();
    desk.put("a", b"one");
    desk.put("b", b"one");
    let links = |name: &str| {
        std::fs::metadata(desk.directory.path().join("a").join(name))
            .unwrap()
            .nlink()
    };
    assert_eq!((links("a"), links("b")), (3, 3));
}

#[test]
fn signatures_hold_for_one_text_and_time_in_one_workspace() {
    let desk = Desk::folder();
    let ours = Signatures::open(&desk.db).unwrap();
    let signature = ours.sign("part/1", 7);
    let again = Signatures::open(&desk.db).unwrap();
    assert!(again.is_of("part/1", 7, &signature));
    for (text, until, signature) in [
        ("part/2", 7, signature.as_str()),
        ("part/1", 8, &signature),
        ("part/1", 7, "zz"),
        ("part/1", 7, ""),
    ] {
        assert!(!ours.is_of(text, until, signature));
    }
    let other = Signatures::open(&Desk::folder().db).unwrap();
    assert!(!other.is_of("part/1", 7, &signature));
}

#[test]
fn locations_are_read_with_the_options_of_their_kind() {
    let options: Map<String, String> = [
        ("aws_access_key_id", "id"),
        ("aws_secret_access_key", "key"),
        ("aws_endpoint_url", "http://127.0.0.1:9000"),
        ("azure_storage_account_name", "account"),
        ("azure_storage_account_key", "a2V5"),
        ("google_service_account_key", r#"{"private_key":"none","private_key_id":"i","client_email":"e","disable_oauth":true}"#),
        ("aws_unheard_of", "x"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for text in [
        "s3://bucket",
        "s3://bucket/a/b",
        "gs://bucket/a",
        "az://container/a",
    ] {
        assert!(
            matches!(
                Location::parse(text, &options),
                Ok(Location::Objects { .. })
            ),
            "{text}"
        );
    }
    for (text, folder) in [
        ("file:///srv/a%20b", "/srv/a b"),
        ("/srv/a", "/srv/a"),
        ("a", "a"),
    ] {
        assert_eq!(
            Location::parse(text, &options).unwrap(),
            Location::Folder(folder.into())
        );
    }
    for (text, told) in [
        ("ftp://host/a", "expected s3://BUCKET/PREFIX"),
        ("file://a", "absolute path"),
        ("memory:///a", "expected s3://"),
    ] {
        let error = Location::parse(text, &options).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    let error = Location::parse("az://container/a", &Map::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("artifacts cannot be kept at 'az://container/a'"),
        "{error}"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Remove(u8),
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, 0..3_u8).prop_map(|(path, content)| Step::Put(path, content)),
        2 => (0..6_u8).prop_map(Step::Remove),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is put, removed and swept: each path has what was last put there, and nothing else takes room.
    #[test]
    fn a_store_is_a_map_from_paths_to_contents(steps in steps()) {
        for desk in Desk::both() {
            let mut model: Map<u8, u8> = Map::new();
            for step in &steps {
                match step {
                    Step::Put(path, content) => {
                        desk.put(&format!("d/{path}"), &[*content; 5]);
                        model.insert(*path, *content);
                    }
                    Step::Remove(path) => {
                        let is_there = model.remove(path).is_some();
                        prop_assert_eq!(desk.store.remove(&format!("d/{path}")).is_ok(), is_there);
                    }
                    Step::Sweep => {
                        desk.sweep();
                        let contents: std::collections::BTreeSet<&u8> = model.values().collect();
                        prop_assert_eq!(desk.n_blobs(), contents.len());
                    }
                }
                for (path, content) in &model {
                    prop_assert_eq!(desk.get(&format!("d/{path}")).unwrap(), [*content; 5]);
                }
            }
        }
    }
}
