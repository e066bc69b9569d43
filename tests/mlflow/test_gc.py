"""`automl gc` beside a running server."""
import json, os, signal, subprocess, threading, time

import pytest
import requests
from conftest import BIN, Server
from mlflow import MlflowClient


@pytest.fixture
def desk(backend, tmp_path):
    """A server, and how to collect what is deleted there."""
    place, artifacts = backend(tmp_path), tmp_path / "artifacts"
    server = Server("--workspace", place, "--artifacts", artifacts, cwd=tmp_path)

    def collect(*args, age="1ms"):
        command = [BIN, "gc", "--workspace", place, "--artifacts", artifacts, "--older-than", age, "--format", "json", *args]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    collect.command = [str(part) for part in [BIN, "gc", "--workspace", place, "--artifacts", artifacts, "--older-than", "1ms"]]
    yield server, collect
    server.stop()


def test_what_was_deleted_goes_for_good(desk, tmp_path):
    server, collect = desk
    client = MlflowClient(server.url)
    gone, stays = (client.create_run("0").info.run_id for _ in range(2))
    for run in gone, stays:
        client.log_text(run, "text of " + run, "a.txt")
        client.log_metric(run, "m", 1.0)
    client.delete_run(gone)
    time.sleep(0.01)
    assert collect(age="30d")["runs"] == []
    listed = collect("--dry-run")
    assert [run["id"] for run in listed["runs"]] == [gone] and listed["runs"][0]["n_bytes"] == 8 + 32
    assert client.get_run(gone).info.lifecycle_stage == "deleted"
    done = collect()
    assert done["runs"] == listed["runs"] and done["blobs"]["count"] == 1
    with pytest.raises(Exception, match="not found"):
        client.get_run(gone)
    assert not (tmp_path / "artifacts/0" / gone).exists()
    assert client.get_metric_history(stays, "m") and requests.get(
        f"{server.url}/get-artifact", params={"run_id": stays, "path": "a.txt"}).text == "text of " + stays


def test_uploads_and_removals_beside_collections_lose_nothing(desk):
    server, collect = desk
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts"
    end, failures = time.time() + 3, []

    def work(number):
        # The same few contents come and go under many paths, so that links and sweeps meet.
        session, n = requests.Session(), 0
        while time.time() < end:
            n += 1
            content, path = bytes([n % 3]) * 1000, f"{url}/{number}/{n % 5}"
            if session.put(path, data=content).status_code != 200 or session.get(path).content != content:
                failures.append((number, n))
            if n % 2:
                session.delete(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while time.time() < end:
        collect()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_killed_collection_is_finished_by_the_next(desk, tmp_path):
    server, collect = desk
    client = MlflowClient(server.url)
    runs = [client.create_run("0").info.run_id for _ in range(60)]
    for run in runs:
        client.log_text(run, "text of " + run, "a.txt")
        client.delete_run(run)
    time.sleep(0.01)
    for wait in 0.002, 0.005, 0.01, 0.02, 0.04:
        process = subprocess.Popen(collect.command, stdout=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert client.create_run("0").info.run_id
    collect()
    assert collect()["runs"] == []
    assert not any((tmp_path / "artifacts/0" / run).exists() for run in runs)
    assert not list((tmp_path / "artifacts/.blobs").glob("*/*"))


def test_no_workspace_is_bad_input(tmp_path):
    done = subprocess.run([BIN, "gc", "--workspace", tmp_path / "none"], capture_output=True, text=True)
    assert done.returncode == 2 and "error[workspace-missing]" in done.stderr
    assert not os.listdir(tmp_path)
