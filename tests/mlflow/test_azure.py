"""Artifacts in an Azure container, which is Azurite's server (npm's package azurite)."""
import base64, email.utils, hashlib, hmac, http.client, os, shutil, socket, subprocess, time
from pathlib import Path

import pytest, requests
from conftest import ROOT, Server
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from test_object_store import MIB, loses_nothing_while_away, proxy

VERSION = "3.35.0"
# The account that Azurite always has.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def program():
    """Azurite, which is fetched once."""
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "azurite"
    found = folder / "node_modules/.bin/azurite-blob"
    if not found.exists():
        assert shutil.which("npm"), "no npm to fetch Azurite with: install Node.js, or leave test_azure.py out"
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, f"azurite@{VERSION}"], check=True)
    return found


class Azure:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [program(), "--blobPort", str(self.port), "--location", folder, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        log = open(folder / "azurite.log", "w")
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(600):
            try:
                assert self.call("PUT", "/bucket", {"restype": "container"}).status == 201
                return
            except ConnectionError:
                time.sleep(0.1)
        raise AssertionError("Azurite does not start")

    def call(self, method, path, query):
        """A request signed by the account's key (Shared Key)."""
        path, now = f"/{ACCOUNT}{path}", email.utils.formatdate(usegmt=True)
        told = [f"x-ms-date:{now}", "x-ms-version:2021-08-06", f"/{ACCOUNT}{path}", *(f"{name}:{value}" for name, value in sorted(query.items()))]
        text = method + "\n" * 12 + "\n".join(told)
        signature = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"x-ms-date": now, "x-ms-version": "2021-08-06", "Content-Length": "0", "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
        connection.request(method, path + "?" + "&".join(f"{name}={value}" for name, value in query.items()), headers=headers)
        return connection.getresponse()

    def keys(self):
        listed = self.call("GET", "/bucket", {"restype": "container", "comp": "list"}).read().decode()
        return [part.split("</Name>")[0] for part in listed.split("<Name>")[1:]]


@pytest.fixture(scope="module")
def azure(tmp_path_factory):
    running = Azure(tmp_path_factory.mktemp("azure"))
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def desk(azure, tmp_path, monkeypatch):
    settings = {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY,
                "AZURE_ENDPOINT": f"http://127.0.0.1:{azure.port}/{ACCOUNT}"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    server = Server("--workspace", tmp_path / "workspace", "--artifacts", f"az://bucket/{tmp_path.name}", cwd=tmp_path)
    yield server
    server.stop()


def test_files_go_up_are_listed_and_come_down(desk, azure, tmp_path):
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
    beyond = requests.get(url, headers={"Range": "bytes=9-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */5")
    assert requests.delete(url).status_code == 200 and requests.get(url).status_code == 404


def test_the_same_content_is_one_object_also_where_it_is_large(desk, azure, tmp_path):
    large = os.urandom(20 * MIB)
    for name in "a", "b/c":
        assert requests.put(f"{proxy(desk)}/{name}", data=large).status_code == 200
        assert requests.get(f"{proxy(desk)}/{name}").content == large
    assert len([key for key in azure.keys() if key.startswith(tmp_path.name)]) == 1


def test_a_store_that_is_away_loses_nothing_and_comes_back(desk, azure):
    loses_nothing_while_away(desk, azure)
