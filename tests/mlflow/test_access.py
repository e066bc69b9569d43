"""Who may do what, as MLflow's client meets it."""
import json, subprocess, time

import pytest
import requests
from conftest import BIN, Server
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException
from mlflow.server.auth.client import AuthServiceClient

PASSWORD = "correct horse"
SHOWN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"


class Guarded:
    """A server that asks who calls, and the workspace that says who may."""

    def __init__(self, place, folder):
        self.place, self.folder = place, folder
        self.verb("users", "add", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD)
        self.verb("users", "add", "eve", "--role", "editor")
        self.verb("users", "add", "val", "--role", "viewer")
        self.tokens = {name: self.token(name) for name in ("ada", "eve", "val")}
        self.server = Server("--workspace", place, "--artifacts", folder / "artifacts", "--access", "on", cwd=folder)
        self.url = self.server.url

    def verb(self, *args, stdin=None):
        command = [str(BIN), *args, "--workspace", str(self.place), "--format", "json"]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def token(self, name, *args):
        return self.verb("tokens", "create", name, *args)["token"]


@pytest.fixture
def guarded(backend, tmp_path):
    running = Guarded(backend(tmp_path), tmp_path)
    yield running
    running.server.stop()


@pytest.fixture
def show(monkeypatch):
    """Says who the client is from now on."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")

    def show(name=None, password=None, token=None):
        for variable, value in zip(SHOWN, (name, password, token)):
            monkeypatch.delenv(variable, raising=False)
            if value is not None:
                monkeypatch.setenv(variable, value)

    show()
    return show


def may_write(client):
    run = client.create_run("0").info.run_id
    client.log_metric(run, "loss", 0.5)
    return run


def test_strangers_and_wrong_tokens_are_told_so(guarded, show):
    client = MlflowClient(guarded.url)
    for shown in {}, {"token": "automl_" + "0" * 64}, {"token": "nonsense"}, {"name": "ada", "password": "wrong"}:
        show(**shown)
        with pytest.raises(MlflowException) as caught:
            client.search_experiments()
        assert caught.value.error_code == "UNAUTHENTICATED", shown
    answer = requests.get(f"{guarded.url}/api/2.0/mlflow/experiments/search")
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert [requests.get(f"{guarded.url}/{path}").status_code for path in ("health", "ready", "version", "metrics")] == [200, 200, 200, 401]


def test_tokens_and_passwords_are_taken_as_the_client_sends_them(guarded, show):
    client = MlflowClient(guarded.url)
    for shown in ({"token": guarded.tokens["ada"]}, {"name": "ada", "password": PASSWORD},
                  {"name": "ada", "password": guarded.tokens["ada"]}):
        show(**shown)
        may_write(client)


def test_a_role_does_what_it_may(guarded, show, tmp_path):
    client = MlflowClient(guarded.url)
    show(token=guarded.tokens["eve"])
    run = may_write(client)
    file = tmp_path / "a.txt"
    file.write_text("hello")
    client.log_artifact(run, file)
    client.create_registered_model("m")
    show(token=guarded.tokens["val"])
    assert client.get_run(run).data.metrics == {"loss": 0.5}
    assert [found.info.run_id for found in client.search_runs(["0"])] == [run]
    assert [found.path for found in client.list_artifacts(run)] == ["a.txt"]
    assert open(client.download_artifacts(run, "a.txt")).read() == "hello"
    for write in (lambda: client.create_run("0"), lambda: client.log_metric(run, "loss", 1), lambda: client.delete_run(run),
                  lambda: client.create_registered_model("n"), lambda: client.create_experiment("e")):
        with pytest.raises(RestException) as caught:
            write()
        assert caught.value.error_code == "PERMISSION_DENIED"
    with pytest.raises(Exception, match="403"):
        client.log_artifact(run, file, "more")
    assert client.get_run(run).data.metrics == {"loss": 0.5}


def test_a_revoked_token_ends_within_a_second(guarded, show):
    client = MlflowClient(guarded.url)
    show(token=guarded.tokens["eve"])
    may_write(client)
    guarded.verb("tokens", "revoke", guarded.tokens["eve"][:15])
    time.sleep(1.2)
    with pytest.raises(MlflowException) as caught:
        may_write(client)
    assert caught.value.error_code == "UNAUTHENTICATED"


def test_users_are_managed_by_mlflows_client(guarded, show):
    users = AuthServiceClient(guarded.url)
    show(token=guarded.tokens["ada"])
    made = users.create_user("bob", "long enough")
    assert (made.username, made.is_admin) == ("bob", False)
    users.update_user_admin("bob", True)
    assert users.get_user("bob").is_admin
    users.update_user_password("bob", "even longer")
    show(name="bob", password="even longer")
    may_write(MlflowClient(guarded.url))
    show(token=guarded.tokens["ada"])
    users.delete_user("bob")
    with pytest.raises(RestException) as caught:
        users.get_user("bob")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    show(token=guarded.tokens["eve"])
    with pytest.raises(RestException) as caught:
        users.create_user("eves", "long enough")
    assert caught.value.error_code == "PERMISSION_DENIED"


def test_a_client_waits_as_long_as_it_is_told(guarded, show):
    show(token=guarded.token("eve", "--requests-per-second", "2", "--burst", "1"))
    client, begun = MlflowClient(guarded.url), time.monotonic()
    for _ in range(3):
        client.search_experiments()
    assert time.monotonic() - begun >= 1, "three requests at two a second"


def test_what_was_done_stays_told(guarded, show):
    client = MlflowClient(guarded.url)
    show(token=guarded.tokens["eve"])
    run = may_write(client)
    show(token=guarded.tokens["val"])
    with pytest.raises(RestException):
        client.delete_run(run)
    time.sleep(0.5)
    entries = guarded.verb("audit", "--since", "1h")["entries"]
    told = [(entry["user"], entry["route"].rsplit("/", 1)[-1], entry["object"], entry["status"]) for entry in entries]
    assert ("eve", "log-metric", run, 200) in told and ("val", "delete", "", 403) in told
    assert any(entry["means"] == "command line" and entry["object"] == "val" for entry in entries)
    assert [entry["user"] for entry in guarded.verb("audit", "--user", "val")["entries"]] == ["val"]
    answer = requests.get(f"{guarded.url}/api/automl/audit", headers={"Authorization": f"Bearer {guarded.tokens['ada']}"})
    assert [entry["id"] for entry in answer.json()["entries"]] == [entry["id"] for entry in entries]
    assert not any(secret in answer.text for secret in guarded.tokens.values())


def test_https_by_flags(backend, tmp_path, show, monkeypatch):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    server = Server("--workspace", backend(tmp_path), "--artifacts", tmp_path / "artifacts", "--tls-cert", cert, "--tls-key", key, cwd=tmp_path)
    assert server.url.startswith("https://")
    assert requests.get(f"{server.url}/health", verify=str(cert)).text == "OK"
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(cert))
    may_write(MlflowClient(server.url))
    server.stop()
