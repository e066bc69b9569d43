"""Tables in object stores, from which and into which the command line predicts: moto's S3, Azurite, and the stand-in of Google's."""
import json, os, signal, subprocess, time, urllib.error, urllib.request
from pathlib import Path

import pytest
from conftest import BIN, Server
from test_azure import ACCOUNT as AZURE_ACCOUNT, KEY as AZURE_KEY, Azure
from test_google import ACCOUNT as GOOGLE_ACCOUNT, Google
from test_object_store import N_SECONDS_AWAY, s3, store  # noqa: F401

N_DAYS = 6
MIB = 1 << 20


def table(n_rows, seed):
    """Rows whose target is plain from their columns."""
    rows = ["id,area,kind,price"]
    for row in range(n_rows):
        value = (row * 37 + seed * 101) % 211
        rows.append(f"{seed}-{row},{value},{'abc'[value % 3]},{value * 3 + (value % 3) * 50 + row % 5}")
    return "\n".join(rows) + "\n"


def automl(*args, cwd, code=0, env=None):
    command = [BIN, *args]
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, env={**os.environ, **(env or {})})
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "train.csv").write_text(table(400, 0))
    automl("fit", "train.csv", "--target", "price", "--drop", "id", "--max-trials", "1", "--holdout", "0.3", "--output", "model", cwd=folder)
    return folder / "model"


@pytest.fixture
def here(tmp_path):
    """A folder with tables of days."""
    for day in range(N_DAYS):
        folder = tmp_path / f"days/day={day}"
        folder.mkdir(parents=True)
        (folder / "x.csv").write_text(table(50 + day, day))
    (tmp_path / "days/readme.md").write_text("no table")
    return tmp_path


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def put_all(s3, here):
    for name, content in files(here / "days").items():
        s3.client.put_object(Bucket="bucket", Key=f"days/{name}", Body=content)


def objects(s3, prefix):
    listed = s3.client.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
    return {found["Key"][len(prefix):]: s3.client.get_object(Bucket="bucket", Key=found["Key"])["Body"].read() for found in listed}


def parts(found):
    return {name: content for name, content in found.items() if not name.startswith("_")}


def account(found):
    return json.loads(found["_manifest.json"])


def predict_into(model, here, *args, code=0):
    done = automl("predict", model, *args, "--format", "json", cwd=here, code=code)
    return json.loads(done.stdout) if code == 0 else done.stderr


def left_in_workspace(here):
    folder = here / ".automl/tables"
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def test_a_bucket_predicted_into_a_bucket_has_the_bytes_of_folders(s3, model, here):
    put_all(s3, here)
    local = predict_into(model, here, "days/", "--output", "out/", "--keep", "id")
    told = predict_into(model, here, "s3://bucket/days/", "--output", "s3://bucket/out/", "--keep", "id")
    for key in "n_parts", "n_rows", "n_parts_failed", "n_rows_refused":
        assert told[key] == local[key], key
    assert told["output"] == "s3://bucket/out/"
    there, here_files = objects(s3, "out/"), files(here / "out")
    assert parts(there) == parts(here_files) and there["_SUCCESS"] == b""
    ours, theirs = account(here_files), account(there)
    assert theirs["totals"] == ours["totals"]
    for mine, other in zip(ours["parts"], theirs["parts"], strict=True):
        assert other["input"] == f"s3://bucket/{mine['input']}"
        for key in "output", "input_bytes", "input_sha256", "rows_read", "rows_predicted", "rows_refused", "output_bytes", "output_sha256":
            assert other[key] == mine[key], key
        assert other["rows_read"] == other["rows_predicted"] + other["rows_refused"]
    assert not left_in_workspace(here), "what was fetched and sent is gone"
    for pattern in "s3://bucket/days/day=*/*.csv", "s3://bucket/days/**/x.csv":
        predict_into(model, here, pattern, "--output", "s3://bucket/out/", "--keep", "id", "--overwrite")
        assert parts(objects(s3, "out/")) == parts(here_files)
    # From a bucket into a folder, and from a folder into a bucket.
    predict_into(model, here, "s3://bucket/days/", "--output", "out2/", "--keep", "id")
    predict_into(model, here, "days/", "--output", "s3://bucket/out2/", "--keep", "id")
    assert parts(files(here / "out2")) == parts(objects(s3, "out2/")) == parts(here_files)


def test_a_job_of_the_server_predicts_a_bucket_into_a_bucket(s3, model, here):
    put_all(s3, here)
    predict_into(model, here, "s3://bucket/days/", "--output", "s3://bucket/out/", "--keep", "id")
    automl("models", "register", "prices", model, "--workspace", "record", cwd=here)
    places = ["--data-dir", "s3://bucket/days", "--data-dir", "s3://bucket/jobs/"]
    server = Server("--workspace", here / "record", *places, cwd=here)
    try:
        def ask(method, path="", **body):
            asked = urllib.request.Request(f"{server.url}/api/batch-predictions{path}", method=method, data=json.dumps(body).encode(),
                                           headers={"content-type": "application/json"})
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)

        def done(job):
            while job["state"] in ("waiting", "running"):
                time.sleep(0.05)
                job = ask("GET", f"/{job['id']}")[1]["job"]
            assert job["state"] == "done", job
            return job

        wanted = {"model": "prices/1", "input": ["s3://bucket/days/*/x.csv"], "output": "s3://bucket/jobs/today/", "keep": ["id"]}
        job = done(ask("POST", **wanted)[1]["job"])
        assert job["progress"]["n_parts"] == N_DAYS
        assert parts(objects(s3, "jobs/today/")) == parts(objects(s3, "out/"))
        s3.client.put_object(Bucket="bucket", Key="days/day=9/x.csv", Body=table(9, 9).encode())
        assert done(ask("POST", f"/{job['id']}/resume")[1]["job"])["progress"]["n_kept"] == N_DAYS
        for key, place in ("input", ["s3://bucket/other/x.csv"]), ("input", ["s3://bucket/days*/x.csv"]), ("output", "s3://bucket/out/"):
            status, told = ask("POST", **{**wanted, key: place})
            assert status == 403 and "--data-dir" in told["message"], told
    finally:
        server.stop()
    assert not [path for path in (here / "record/tables").rglob("*") if path.is_file()], "what was fetched and sent is gone"


def test_what_changed_is_predicted_again_and_nothing_else(s3, model, here):
    put_all(s3, here)
    begin = ("s3://bucket/days/", "--output", "s3://bucket/out/")
    predict_into(model, here, *begin)
    told = predict_into(model, here, *begin, code=2)
    assert "output-exists" in told and "s3://bucket/out/" in told, told
    before = {found["Key"]: found["LastModified"] for found in s3.client.list_objects_v2(Bucket="bucket", Prefix="out/day")["Contents"]}
    time.sleep(1.1)
    s3.client.put_object(Bucket="bucket", Key="days/day=2/x.csv", Body=table(70, 9).encode())
    s3.client.put_object(Bucket="bucket", Key="days/day=9/x.csv", Body=table(20, 9).encode())
    s3.client.put_object(Bucket="bucket", Key="out/day=4/x.csv", Body=b"damaged")
    done = predict_into(model, here, *begin, "--resume")
    assert (done["n_parts"], done["n_parts_kept"]) == (N_DAYS + 1, N_DAYS - 2)
    after = {found["Key"]: found["LastModified"] for found in s3.client.list_objects_v2(Bucket="bucket", Prefix="out/day")["Contents"]}
    assert {key for key in after if after[key] != before.get(key)} == {f"out/day={day}/x.csv" for day in (2, 4, 9)}
    (here / "days/day=2/x.csv").write_text(table(70, 9))
    (here / "days/day=9").mkdir()
    (here / "days/day=9/x.csv").write_text(table(20, 9))
    predict_into(model, here, "days/", "--output", "out/")
    assert parts(objects(s3, "out/")) == parts(files(here / "out"))
    # Another place for the same account is another folder: nothing but what it names goes.
    s3.client.put_object(Bucket="bucket", Key="out/mine.txt", Body=b"mine")
    predict_into(model, here, "s3://bucket/days/day=1/*.csv", "--output", "s3://bucket/out", "--parts", "jsonl", "--overwrite")
    assert set(objects(s3, "out/")) == {"x.jsonl", "mine.txt", "_manifest.json", "_SUCCESS"}
    s3.client.delete_object(Bucket="bucket", Key="days/day=9/x.csv")


def test_a_killed_run_goes_on_and_nothing_half_is_seen(s3, model, here):
    put_all(s3, here)
    n_tables = 40
    for number in range(n_tables):
        content = table(3000, number).encode()
        s3.client.put_object(Bucket="bucket", Key=f"many/{number:02}.csv", Body=content)
        (here / "many").mkdir(exist_ok=True)
        (here / f"many/{number:02}.csv").write_bytes(content)
    predict_into(model, here, "many/", "--output", "out/")
    wanted = parts(files(here / "out"))
    command = [str(part) for part in (BIN, "predict", model, "s3://bucket/many/", "--output", "s3://bucket/out/", "--threads", "2")]
    n_before = 0
    for turn in range(3):
        process = subprocess.Popen(command + ["--resume"] * (turn > 0), cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            there = [key for key in s3.keys() if key.startswith("out/")]
            if len(there) > n_before + 3:
                process.send_signal(signal.SIGINT if turn == 1 else signal.SIGKILL)
                break
        ended = process.wait()
        assert turn != 1 or ended in (130, 0), ended
        there = parts(objects(s3, "out/"))
        assert all(wanted[name] == content for name, content in there.items()), "what is seen is whole"
        n_before = len(there)
        if n_before == n_tables:
            break
    assert n_before >= 3
    done = predict_into(model, here, "s3://bucket/many/", "--output", "s3://bucket/out/", "--resume")
    there = objects(s3, "out/")
    assert parts(there) == wanted and "_SUCCESS" in there
    totals = account(there)["totals"]
    assert totals["parts"] == n_tables and totals["rows_read"] == totals["rows_predicted"] == done["n_rows"] == 3000 * n_tables
    # The one that was sent but not noted when the kill came is predicted again.
    assert done["n_parts_kept"] >= n_before - 2
    assert not left_in_workspace(here) and not s3.open_uploads()


def test_tables_that_fail_are_told_of_by_their_addresses(s3, model, here):
    put_all(s3, here)
    s3.client.put_object(Bucket="bucket", Key="days/day=3/x.csv", Body=b"id,area\n1,2\n")
    told = predict_into(model, here, "s3://bucket/days/", "--output", "s3://bucket/out/", code=2)
    assert "batch-incomplete" in told
    there = objects(s3, "out/")
    failed = account(there)["failed"]
    assert [one["input"] for one in failed] == ["s3://bucket/days/day=3/x.csv"] and "s3://bucket/days/day=3/x.csv" in failed[0]["message"], failed
    assert "_SUCCESS" not in there and len(parts(there)) == N_DAYS - 1
    put_all(s3, here)
    done = predict_into(model, here, "s3://bucket/days/", "--output", "s3://bucket/out/", "--resume")
    assert done["n_parts_kept"] == N_DAYS - 1 and "_SUCCESS" in objects(s3, "out/")


def test_one_file_goes_into_a_bucket(s3, model, here):
    put_all(s3, here)
    automl("predict", model, "days/*/*.csv", "--output", "all.csv", cwd=here)
    done = predict_into(model, here, "s3://bucket/days/*/*.csv", "--output", "s3://bucket/all.csv")
    assert done["output"] == "s3://bucket/all.csv"
    assert objects(s3, "all.csv")[""] == (here / "all.csv").read_bytes()
    told = predict_into(model, here, "s3://bucket/days/day=1/x.csv", "--output", "s3://bucket/all.csv", code=2)
    assert "output-exists" in told
    predict_into(model, here, "s3://bucket/days/day=1/x.csv", "--output", "s3://bucket/all.csv", "--overwrite")
    assert objects(s3, "all.csv")[""].count(b"\n") == 52
    for data, output in ("s3://bucket/days/*/*.csv", "s3://bucket/days/day=1/x.csv"), ("s3://bucket/days/", "s3://bucket/days/out/"):
        told = predict_into(model, here, data, "--output", output, "--overwrite", code=2)
        assert "output-is-input" in told, told
    # More than goes in one request.
    (here / "large.csv").write_text(table(400_000, 3))
    automl("predict", model, "large.csv", "--keep", "id,area,kind", "--output", "large-out.csv", cwd=here)
    predict_into(model, here, "large.csv", "--keep", "id,area,kind", "--output", "s3://bucket/large.csv")
    large = (here / "large-out.csv").read_bytes()
    assert len(large) > 9 * MIB and objects(s3, "large.csv")[""] == large and not s3.open_uploads()
    assert [name for name in left_in_workspace(here) if "large" in name] == []


def test_other_verbs_read_tables_of_a_bucket(s3, model, here):
    put_all(s3, here)
    for args in (["evaluate", model], ["importance", model]):
        local = automl(*args, "days/day=1/x.csv", "--format", "json", cwd=here).stdout
        assert automl(*args, "s3://bucket/days/day=1/x.csv", "--format", "json", cwd=here).stdout == local
    local = automl("profile", "days/*/*.csv", cwd=here).stdout
    assert automl("profile", "s3://bucket/days/*/*.csv", cwd=here).stdout.replace("s3://bucket/", "") == local
    copies = {path: path.stat().st_mtime_ns for path in (here / ".automl/tables").rglob("*.csv")}
    assert len(copies) == N_DAYS + 1
    # What has not changed is not fetched again; what is gone is dropped.
    s3.client.put_object(Bucket="bucket", Key="days/day=2/x.csv", Body=table(70, 9).encode())
    s3.client.delete_object(Bucket="bucket", Key="days/day=4/x.csv")
    automl("profile", "s3://bucket/days/*/*.csv", cwd=here)
    after = {path: path.stat().st_mtime_ns for path in (here / ".automl/tables").rglob("*.csv")}
    assert len(after) == N_DAYS and len(set(after.items()) & set(copies.items())) == N_DAYS - 1
    fit = ["--target", "price", "--drop", "id", "--max-trials", "1", "--holdout", "0.3", "--output", "remote", "--format", "json"]
    automl("fit", "s3://bucket/days/*/*.csv", *fit, cwd=here)
    assert json.loads((here / "remote/manifest.json").read_text())["lineage"]["config"]["data"] == "s3://bucket/days/*/*.csv"
    automl("predict", "remote", "s3://bucket/days/day=1/x.csv", cwd=here)
    told = automl("lineage", "s3://bucket/days/*/*.csv", cwd=here).stdout
    assert "s3://bucket/days/*/*.csv" in told and ".automl" not in told, told


def test_what_is_wrong_is_bad_input_with_a_next_step(s3, model, here):
    put_all(s3, here)
    s3.client.put_object(Bucket="bucket", Key="ragged.csv", Body=b"id,area,kind\n1,2\n")
    for data, code, said in (
        ("s3://nothere/days/*.csv", "bucket-missing", "no such bucket: s3://nothere"),
        ("s3://nothere/days/x.csv", "bucket-missing", "no such bucket: s3://nothere"),
        ("s3://bucket/days/*.parquet", "data-not-found", "s3://bucket/days/*.parquet"),
        ("s3://bucket/days/day=1/x.cvs", "data-not-found", "did you mean 'x.csv'"),
        ("s3://id:hidden@bucket/x.csv", "bucket-address", "s3://…@bucket"),
        ("s3:///x.csv", "bucket-address", "names no bucket"),
        ("s3://bucket/ragged.csv", "data-ragged", "s3://bucket/ragged.csv"),
    ):
        told = automl("predict", model, data, "--output", "p.csv", cwd=here, code=2).stderr
        assert f"error[{code}]" in told and said in told and "hint" in told and "hidden" not in told, told
        assert not (here / "p.csv").exists()
    told = automl("evaluate", model, "s3://bucket/days/", cwd=here, code=2).stderr
    assert "data-is-directory" in told and "s3://bucket/days/*.csv" in told
    told = automl("predict", model, "s3://bucket/empty/", "--output", "out/", cwd=here, code=2).stderr
    assert "error[data-not-found]" in told and "s3://bucket/empty/" in told
    assert not (here / "out").exists()
    told = automl("predict", model, "days/", "--output", "s3://nothere/out/", cwd=here, code=2).stderr
    assert "error[bucket-missing]" in told, told


def test_a_store_that_is_away_for_a_while_is_waited_for(s3, model, here):
    put_all(s3, here)
    s3.process.send_signal(signal.SIGSTOP)
    command = [str(part) for part in (BIN, "predict", model, "s3://bucket/days/", "--output", "s3://bucket/out/")]
    process = subprocess.Popen(command, cwd=here)
    time.sleep(min(N_SECONDS_AWAY, 5))
    s3.process.send_signal(signal.SIGCONT)
    assert process.wait() == 0 and "_SUCCESS" in objects(s3, "out/")


def round_trip(model, here, at):
    """Predictions that keep the columns can be predicted again, so that no other program needs to put tables there."""
    keep = ("--keep", "id,area,kind")
    predict_into(model, here, "days/", "--output", "out/", *keep)
    predict_into(model, here, "days/", "--output", f"{at}/a/", *keep)
    predict_into(model, here, f"{at}/a/", "--output", f"{at}/b/", *keep)
    predict_into(model, here, f"{at}/b/*/*.csv", "--output", "back/", *keep)
    assert parts(files(here / "back")) == parts(files(here / "out"))
    done = predict_into(model, here, f"{at}/a/", "--output", f"{at}/b/", *keep, "--resume")
    assert done["n_parts_kept"] == N_DAYS, done
    predict_into(model, here, "days/day=1/x.csv", "--output", f"{at}/b/day=1/x.csv", "--overwrite")
    done = predict_into(model, here, f"{at}/a/", "--output", f"{at}/b/", *keep, "--resume")
    assert done["n_parts_kept"] == N_DAYS - 1, done
    (here / "large.csv").write_text(table(400_000, 3))
    predict_into(model, here, "large.csv", *keep, "--output", f"{at}/large.csv")
    automl("predict", model, "large.csv", *keep, "--output", "large-out.csv", cwd=here)
    automl("predict", model, f"{at}/large.csv", *keep, "--output", "large-back.csv", cwd=here)
    assert (here / "large-back.csv").read_bytes() == (here / "large-out.csv").read_bytes()
    told = automl("predict", model, f"{at}/a/*.parquet", cwd=here, code=2).stderr
    assert "error[data-not-found]" in told, told
    nowhere = at.replace("bucket", "nothere")
    told = automl("predict", model, f"{nowhere}/*.csv", cwd=here, code=2).stderr
    assert "error[bucket-missing]" in told, told


def test_tables_in_google_cloud_storage(model, here, monkeypatch):
    google = Google()
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", GOOGLE_ACCOUNT)
    monkeypatch.setenv("GOOGLE_BASE_URL", google.url)
    try:
        round_trip(model, here, "gs://bucket")
    finally:
        google.process.kill()
        google.process.wait()


def test_tables_in_azure(model, here, tmp_path_factory, monkeypatch):
    azure = Azure(tmp_path_factory.mktemp("azurite"))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
    monkeypatch.setenv("AZURE_ENDPOINT", f"http://127.0.0.1:{azure.port}/{AZURE_ACCOUNT}")
    try:
        round_trip(model, here, "az://bucket")
    finally:
        azure.process.kill()
        azure.process.wait()
