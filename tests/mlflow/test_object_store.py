"""Artifacts in an S3 store, which is moto's server."""
import json, os, signal, socket, subprocess, sys, threading, time
from pathlib import Path

import boto3, pytest, requests
from conftest import BIN, Server
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

MIB = 1 << 20
N_SECONDS_AWAY = float(os.environ.get("AUTOML_SECONDS_AWAY", 3))
# Until then a request waits for a store.
N_SECONDS_PATIENT = 10
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


class S3:
    """A server that forgets nothing while its process is only stopped."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        log = open(folder / "moto.log", "w")
        self.process = subprocess.Popen([Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log)
        self.client = boto3.client("s3", endpoint_url=self.url, aws_access_key_id="id", aws_secret_access_key="key", region_name="us-east-1")
        for _ in range(600):
            try:
                self.client.create_bucket(Bucket="bucket")
                break
            except Exception:
                time.sleep(0.1)

    def keys(self):
        return [found["Key"] for found in self.client.list_objects_v2(Bucket="bucket").get("Contents", [])]

    def open_uploads(self):
        return self.client.list_multipart_uploads(Bucket="bucket").get("Uploads", [])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    running = S3(tmp_path_factory.mktemp("s3"))
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def s3(store, monkeypatch):
    for key in store.keys():
        store.client.delete_object(Bucket="bucket", Key=key)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": store.url}.items():
        monkeypatch.setenv(name, value)
    return store


@pytest.fixture
def desk(backend, s3, tmp_path):
    place = backend(tmp_path)
    server = Server("--workspace", place, "--artifacts", "s3://bucket/some/prefix", cwd=tmp_path)

    def collect(*args):
        command = [BIN, "gc", "--workspace", place, "--artifacts", "s3://bucket/some/prefix", "--older-than", "1ms", "--format", "json", *args]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    server.collect = collect
    yield server
    server.stop()


def proxy(server):
    return f"{server.url}/api/2.0/mlflow-artifacts/artifacts"


def test_files_go_up_are_listed_and_come_down(desk, s3, tmp_path):
    client = MlflowClient(desk.url)
    run = client.create_run("0").info.run_id
    client.log_text(run, "hello", "a.txt")
    client.log_text(run, "there", "dir/b.txt")
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run)] == [("a.txt", False, 5), ("dir", True, None)]
    there = download_artifacts(run_id=run, artifact_path="dir", tracking_uri=desk.url)
    assert open(f"{there}/b.txt").read() == "there"
    url = f"{proxy(desk)}/0/{run}/artifacts/a.txt"
    answer = requests.get(url, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"el")
    assert requests.delete(url).status_code == 200 and requests.get(url).status_code == 404
    assert all(key.startswith("some/prefix/") for key in s3.keys())


def test_the_same_content_is_one_object(desk, s3):
    large = os.urandom(9 * MIB)
    for name in "a", "b/c", "d":
        assert requests.put(f"{proxy(desk)}/{name}", data=large).status_code == 200
        assert requests.get(f"{proxy(desk)}/{name}").content == large
        requests.put(f"{proxy(desk)}/{name}.txt", data=b"small")
    assert len(s3.keys()) == 2 and not s3.open_uploads()


def test_the_client_sends_and_reads_large_files_past_the_server(desk, s3, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(6 * MIB))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * MIB))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(5 * MIB))
    info = requests.get(f"{desk.url}/api/3.0/mlflow/server-info").json()
    assert info["multipart_uploads_enabled"] and info["multipart_downloads_enabled"]
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(12 * MIB))
    client = MlflowClient(desk.url)
    run = client.create_run("0").info.run_id
    client.log_artifact(run, str(file))
    assert [f.file_size for f in client.list_artifacts(run)] == [12 * MIB]
    assert open(download_artifacts(run_id=run, artifact_path="large.bin", tracking_uri=desk.url), "rb").read() == file.read_bytes()
    assert requests.get(f"{proxy(desk)}/0/{run}/artifacts/large.bin").content == file.read_bytes()
    assert not s3.open_uploads()


def test_a_damaged_object_is_not_given_out_whole(desk, s3):
    requests.put(f"{proxy(desk)}/a", data=b"what was written")
    s3.client.put_object(Bucket="bucket", Key=s3.keys()[0], Body=b"what was altered")
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(f"{proxy(desk)}/a")


def test_what_was_deleted_goes_from_the_store(desk, s3):
    client = MlflowClient(desk.url)
    gone, stays = (client.create_run("0").info.run_id for _ in range(2))
    for run in gone, stays:
        client.log_text(run, "text of " + run, "a.txt")
        client.log_text(run, "shared", "b.txt")
    client.delete_run(gone)
    time.sleep(0.01)
    listed = desk.collect("--dry-run")
    assert [run["id"] for run in listed["runs"]] == [gone] and len(s3.keys()) == 3
    assert desk.collect()["blobs"]["count"] == 1
    assert len(s3.keys()) == 2
    answer = requests.get(f"{desk.url}/get-artifact", params={"run_id": stays, "path": "b.txt"})
    assert answer.text == "shared"


def loses_nothing_while_away(desk, store):
    """A write that comes while a store does not answer waits for it, or is refused in the end; what was there stays."""
    requests.put(f"{proxy(desk)}/before", data=b"before")
    store.process.send_signal(signal.SIGSTOP)
    outcome = {}

    def put(name):
        outcome[name] = requests.put(f"{proxy(desk)}/{name}", data=name.encode())

    waits = threading.Thread(target=put, args=("waits",))
    waits.start()
    time.sleep(N_SECONDS_AWAY)
    # The record goes on while the store is away.
    assert MlflowClient(desk.url).create_run("0").info.run_id
    store.process.send_signal(signal.SIGCONT)
    waits.join()
    answer = outcome["waits"]
    if N_SECONDS_AWAY < N_SECONDS_PATIENT or answer.status_code == 200:
        assert answer.status_code == 200, answer.text
    else:
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE"), answer.text
        # Who was refused asks again.
        assert requests.put(f"{proxy(desk)}/waits", data=b"waits").status_code == 200
    assert requests.get(f"{proxy(desk)}/before").content == b"before"
    assert requests.get(f"{proxy(desk)}/waits").content == b"waits"


def test_a_store_that_is_away_loses_nothing_and_comes_back(desk, s3):
    loses_nothing_while_away(desk, s3)


def test_a_store_that_is_down_is_told_of(backend, s3, tmp_path, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{probe.getsockname()[1]}")
    server = Server("--workspace", backend(tmp_path), "--artifacts", "s3://bucket", cwd=tmp_path)
    begun = time.time()
    answer = requests.put(f"{proxy(server)}/a", data=b"x")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE"), answer.text
    assert time.time() - begun < 40
    assert requests.get(f"{proxy(server)}/a").status_code == 404
    server.stop()


def test_bad_places_are_bad_input(tmp_path):
    for place, told in ("ftp://host/x", "expected s3://"), ("az://container/x", "artifacts cannot be kept at"):
        done = subprocess.run([BIN, "serve", "--workspace", tmp_path / "w", "--artifacts", place], capture_output=True, text=True)
        assert done.returncode == 2 and "error[artifacts-location]" in done.stderr and told in done.stderr, done.stderr
