"""Artifacts in Google Cloud Storage, for which gcs.py stands: what is sent and read follows the documents of its XML API."""
import json, os, re, socket, subprocess, sys, time
from pathlib import Path

import pytest, requests
from conftest import BIN, Server
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from test_object_store import MIB, loses_nothing_while_away, proxy

# Of an account that needs no token, as those of emulators are written.
ACCOUNT = json.dumps({"private_key": "none", "private_key_id": "none", "client_email": "none", "disable_oauth": True})


class Google:
    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen([sys.executable, Path(__file__).parent / "gcs.py", str(self.port), "bucket"])
        for _ in range(600):
            try:
                self.keys()
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError("the store does not start")

    def keys(self):
        return re.findall(r"<Key>(.*?)</Key>", requests.get(f"{self.url}/bucket").text)


@pytest.fixture(scope="module")
def google():
    running = Google()
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def desk(google, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", ACCOUNT)
    monkeypatch.setenv("GOOGLE_BASE_URL", google.url)
    place = ("--workspace", tmp_path / "workspace", "--artifacts", f"gs://bucket/{tmp_path.name}")
    server = Server(*place, cwd=tmp_path)

    def collect(*args):
        command = [BIN, "gc", *place, "--older-than", "1ms", "--format", "json", *args]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    server.collect = collect
    server.keys = lambda: [key for key in google.keys() if key.startswith(tmp_path.name)]
    yield server
    server.stop()


def test_files_go_up_are_listed_and_come_down(desk, tmp_path):
    client = MlflowClient(desk.url)
    run = client.create_run("0").info.run_id
    client.log_text(run, "hello", "a.txt")
    client.log_text(run, "there", "dir/ü b.txt")
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run)] == [("a.txt", False, 5), ("dir", True, None)]
    there = download_artifacts(run_id=run, artifact_path="dir", tracking_uri=desk.url)
    assert open(f"{there}/ü b.txt").read() == "there"
    url = f"{proxy(desk)}/0/{run}/artifacts/a.txt"
    answer = requests.get(url, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"el")
    beyond = requests.get(url, headers={"Range": "bytes=9-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */5")
    assert requests.delete(url).status_code == 200 and requests.get(url).status_code == 404


def test_the_same_content_is_one_object_also_where_it_is_large(desk):
    large = os.urandom(20 * MIB)
    for name in "a", "b/c":
        assert requests.put(f"{proxy(desk)}/{name}", data=large).status_code == 200
        assert requests.get(f"{proxy(desk)}/{name}").content == large
    assert len(desk.keys()) == 1


def test_what_was_deleted_goes_from_the_store(desk):
    client = MlflowClient(desk.url)
    gone, stays = (client.create_run("0").info.run_id for _ in range(2))
    for run in gone, stays:
        client.log_text(run, "text of " + run, "a.txt")
        client.log_text(run, "shared", "b.txt")
    client.delete_run(gone)
    time.sleep(0.01)
    listed = desk.collect("--dry-run")
    assert [run["id"] for run in listed["runs"]] == [gone] and len(desk.keys()) == 3
    assert desk.collect()["blobs"]["count"] == 1
    assert len(desk.keys()) == 2
    assert requests.get(f"{desk.url}/get-artifact", params={"run_id": stays, "path": "b.txt"}).text == "shared"


def test_a_store_that_is_away_loses_nothing_and_comes_back(desk, google):
    loses_nothing_while_away(desk, google)
