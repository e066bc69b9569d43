"""Backups of a server that is written to, put back in the same kind of database or another."""
import threading

from conftest import Server
from mlflow import MlflowClient
from mlflow.entities import ViewType
from test_durability import Caller, run_of, steps_of
from test_import import call
from test_webhooks import heard, hook, signature


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


def test_a_backup_has_the_key_of_secrets_or_says_that_it_has_not(backend, tmp_path, hook, monkeypatch):
    """A webhook that was restored signs with the secret that it had; without its key no other is made for it."""
    place, home = backend(tmp_path), tmp_path / "home"
    home.mkdir()

    def served(place, home):
        return Server("--workspace", place, "--artifacts", home / "artifacts", "--webhooks-to-private", cwd=home)

    def with_webhook(place):
        server = served(place, home)
        MlflowClient(server.url, server.url).create_webhook("w", hook.url, ["registered_model.created"], secret="hush")
        server.stop()

    with_webhook(place)
    told = call("backup", tmp_path / "one.tar.zst", "--workspace", place, "--artifacts", home / "artifacts", cwd=home)
    assert "AUTOML_SECRET_KEY" not in told.stdout
    for number, target in enumerate([backend(tmp_path / "again"), tmp_path / "always sqlite"]):
        again = tmp_path / f"home {number}"
        again.mkdir()
        call("restore", tmp_path / "one.tar.zst", "--workspace", target, "--artifacts", again / "artifacts", cwd=again)
        server = served(target, again)
        client = MlflowClient(server.url, server.url)
        assert client.test_webhook(client.list_webhooks()[0].webhook_id).success
        headers, _, body = heard(hook)
        assert headers["x-mlflow-signature"] == signature("hush", headers, body)
        server.stop()

    place = backend(tmp_path / "apart")
    monkeypatch.setenv("AUTOML_SECRET_KEY", "5a" * 32)
    with_webhook(place)
    told = call("backup", tmp_path / "two", "--workspace", place, "--artifacts", home / "artifacts", cwd=home)
    assert "keep AUTOML_SECRET_KEY, too: the secrets of 1 webhook" in told.stdout
    monkeypatch.delenv("AUTOML_SECRET_KEY")
    apart = tmp_path / "home apart"
    apart.mkdir()
    call("restore", tmp_path / "two", "--workspace", apart / "workspace", cwd=apart)
    refused = call("serve", "--port", "0", "--workspace", apart / "workspace", code=2, cwd=apart)
    assert "error[secret-key-missing]: 1 secrets" in refused.stderr and "AUTOML_SECRET_KEY" in refused.stderr
    assert not (apart / "workspace/secret.key").exists()
