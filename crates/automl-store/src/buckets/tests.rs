//! A bucket, by a store in memory; real ones are spoken to in `tests/mlflow`.

use super::{Address, Bucket, BucketError, Object};
use crate::artifacts::objects::Remote;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

fn bucket() -> Bucket {
    let store = Arc::new(InMemory::new());
    let remote = Remote::with(Arc::clone(&store) as _, store, None, Key::default());
    Bucket {
        remote: remote.unwrap(),
        url: "s3://bucket".into(),
    }
}

fn keys(objects: &[Object]) -> Vec<&str> {
    objects.iter().map(|object| object.key.as_str()).collect()
}

#[test]
fn addresses_are_those_of_object_stores() {
    for (text, bucket, key) in [
        ("s3://b/days/*.csv", "s3://b", "days/*.csv"),
        ("gs://b/x/", "gs://b", "x/"),
        ("az://c", "az://c", ""),
        (
            "abfss://c@account.dfs.core.windows.net/x?.csv",
            "abfss://c@account.dfs.core.windows.net",
            "x?.csv",
        ),
    ] {
        let address = Address::parse(text).unwrap();
        assert_eq!(
            (address.bucket.as_str(), address.key.as_str()),
            (bucket, key)
        );
    }
    for text in [
        "x.csv",
        "-",
        "C:/x.csv",
        "https://host/x.csv",
        "file:///x.csv",
    ] {
        assert_eq!(Address::parse(text), None, "{text}");
    }
}

#[test]
fn objects_are_listed_below_a_folder_without_marks_of_folders() {
    let bucket = bucket();
    for key in [
        "days/1.csv",
        "days/2.csv",
        "days/2/x.csv",
        "days",
        "daysbefore.csv",
        "other.csv",
    ] {
        bucket.write(key, b"a\n1\n").unwrap();
    }
    bucket.write("days/2", b"").unwrap();
    bucket.write("days/empty.csv", b"").unwrap();
    let found = bucket.list("days/").unwrap();
    assert_eq!(
        keys(&found),
        ["days/1.csv", "days/2.csv", "days/2/x.csv", "days/empty.csv"]
    );
    assert_eq!(bucket.list("").unwrap().len(), 7, "`days` has a content");
    assert_eq!(
        bucket.beside("days/3.csv").unwrap(),
        ["days/1.csv", "days/2.csv", "days/empty.csv"]
    );
}

#[test]
fn what_is_sent_comes_back_the_same_at_any_length() {
    let (bucket, folder) = (bucket(), tempfile::tempdir().unwrap());
    for n_bytes in [0, 5, super::PART as usize, 2 * super::PART as usize + 7] {
        let bytes: Vec<u8> = (0..n_bytes).map(|place| (place % 251) as u8).collect();
        let (from, to) = (folder.path().join("from"), folder.path().join("new/to"));
        fs::write(&from, &bytes).unwrap();
        let sent = bucket.send("a/b.csv", &from, &|_| true).unwrap();
        assert_eq!(bucket.find("a/b.csv").unwrap(), Some(sent.clone()));
        let sha256 = bucket.fetch(&sent, &to, &|_| true).unwrap();
        assert_eq!(fs::read(&to).unwrap(), bytes);
        assert_eq!(sha256, crate::hex::hex(&Sha256::digest(&bytes)));
    }
    bucket.remove("a/b.csv").unwrap();
    bucket.remove("a/b.csv").unwrap();
    assert_eq!(bucket.find("a/b.csv").unwrap(), None);
    assert_eq!(bucket.read("a/b.csv").unwrap(), None);
}

#[test]
fn what_was_changed_or_stopped_leaves_no_file() {
    let (bucket, folder) = (bucket(), tempfile::tempdir().unwrap());
    let to = folder.path().join("to");
    let old = bucket.write("a.csv", b"old").unwrap();
    let stopped = bucket.fetch(&old, &to, &|_| false);
    assert!(matches!(stopped, Err(BucketError::Stopped)));
    bucket.write("a.csv", b"new").unwrap();
    let changed = bucket.fetch(&old, &to, &|_| true);
    assert!(
        matches!(changed, Err(BucketError::Changed { .. })),
        "{changed:?}"
    );
    bucket.remove("a.csv").unwrap();
    let gone = bucket.fetch(&old, &to, &|_| true);
    assert!(matches!(gone, Err(BucketError::Missing { .. })), "{gone:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let large = folder.path().join("large");
    fs::write(&large, vec![1; 3 * super::PART as usize]).unwrap();
    assert!(bucket.send("large", &large, &|_| false).is_err());
    assert_eq!(bucket.find("large").unwrap(), None);
}

#[test]
fn a_password_in_an_address_is_refused_and_not_shown() {
    let open = |text: &str| {
        let address = Address::parse(text).unwrap();
        Bucket::open(&address, &BTreeMap::new())
            .unwrap_err()
            .to_string()
    };
    let told = open("s3://id:secret@bucket/x.csv");
    assert_eq!(
        told,
        "a password is in the address of an object store: s3://…@bucket"
    );
    assert!(open("s3:///x.csv").contains("it names no bucket"));
    assert!(open("az://container/x.csv").contains("Account must be specified"));
}

#[test]
fn what_a_store_says_is_told_without_secrets() {
    let of = |said: &str| {
        let error = object_store::Error::Generic {
            store: "S3",
            source: said.to_owned().into(),
        };
        super::told::told("s3://b", "s3://b/x", &error)
    };
    let denied = "Server returned non-2xx status code: 403 Forbidden: <?xml?><Error><Code>SignatureDoesNotMatch</Code><Message>not \
                  yours</Message><AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>";
    let told = of(denied);
    assert!(matches!(told, BucketError::Refused { .. }));
    assert_eq!(
        told.to_string(),
        "the object store refused s3://b/x: SignatureDoesNotMatch: not yours"
    );
    let away = of("error sending request for url https://host/x?sig=secret: refused");
    assert!(matches!(away, BucketError::Away { .. }));
    assert!(!away.to_string().contains("secret"), "{away}");
    let none = of("Server returned non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>");
    assert_eq!(none.to_string(), "there is no such bucket: s3://b");
    let nobody = of("Error performing PUT http://169.254.169.254/latest/api/token in 3s");
    assert!(matches!(nobody, BucketError::NoCredentials { .. }));
}
