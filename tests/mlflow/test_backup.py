"""Backups of a server that is written to, put back in the same kind of database or another."""
import threading

from conftest import Server
from mlflow import MlflowClient
from mlflow.entities import ViewType
from test_durability import Caller, run_of, steps_of
from test_import import call


def test_a_backup_of_a_busy_server_is_whole(backend, tmp_path):
    place, artifacts = backend(tmp_path), tmp_path / "artifacts"
    server = Server("--workspace", place, "--artifacts", artifacts)
    acknowledged, is_over = {}, threading.Event()

    def write(number):
        client, caller = MlflowClient(server.url), Caller(server.url)
        while not is_over.is_set():
            run = run_of(caller)
            status, _ = caller("runs/log-metric", {"run_id": run, "key": "m", "value": number, "timestamp": 1, "step": number})
            assert status == 200
            if number == 0:
                client.log_text(run, run, "deep/a.txt")
            acknowledged[run] = number

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 200:
        is_over.wait(0.01)
    before = dict(acknowledged)
    backup = tmp_path / "backup.tar.zst"
    call("backup", backup, "--workspace", place, "--artifacts", artifacts)
    is_over.set()
    for thread in threads:
        thread.join()
    server.stop()
    for number, target in enumerate([backend(tmp_path / "again"), tmp_path / "always sqlite"]):
        files = tmp_path / f"artifacts {number}"
        call("restore", backup, "--workspace", target, "--artifacts", files)
        call("restore", backup, "--workspace", target, "--artifacts", files, code=2)
        server = Server("--workspace", target, "--artifacts", files)
        client, caller = MlflowClient(server.url), Caller(server.url)
        found = {run.info.run_id for run in client.search_runs(["0"], run_view_type=ViewType.ALL, max_results=50_000)}
        assert set(before) <= found
        for run, of_thread in before.items():
            assert steps_of(caller, run, "m") == [of_thread]
            if of_thread == 0:
                assert [entry.path for entry in client.list_artifacts(run, "deep")] == ["deep/a.txt"]
        assert run_of(caller) not in found
        server.stop()
