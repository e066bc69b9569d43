"""Servers under test: one a backend, each with a workspace of its own."""
import os, re, shutil, socket, subprocess, tempfile, time
from pathlib import Path

import pytest
from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/automl"))
ONLY = os.environ.get("AUTOML_MLFLOW_ONLY")
BACKENDS = [ONLY] if ONLY else ["sqlite", "postgres"]


class Server:
    """A running `automl serve`."""

    def __init__(self, *args, cwd=None):
        self.process = subprocess.Popen([BIN, "serve", "--port", "0", *map(str, args)], stdout=subprocess.PIPE, text=True, cwd=cwd)
        line = self.process.stdout.readline()
        found = re.search(r"https?://\S+", line)
        assert found, f"the server did not start: {line!r}"
        self.url = found[0]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0


def programs():
    """The folder of Postgres's programs."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert folders, "no Postgres: install Debian's package postgresql, or ask for --only sqlite"
    return folders[-1]


class Postgres:
    """A server with a folder and a port of its own; as root it runs as the user postgres."""

    def __init__(self):
        self.folder, self.bin = Path(tempfile.mkdtemp(prefix="automl-pg-")), programs()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.call("initdb", "-D", self.folder / "data", "-U", "automl", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.start()
        self.n_databases = 0

    def call(self, program, *args):
        command = [*self.user, self.bin / program, *args]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        # What is halted is the process, never the machine: what it wrote is there without waiting for a disk.
        self.call("pg_ctl", "-D", self.folder / "data", "-w", "-t", "300", "-l", self.folder / "log", "-o",
                  f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off", "start")

    def halt(self):
        self.call("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def database(self):
        """The address of a new, empty database."""
        self.n_databases += 1
        name = f"t{self.n_databases}"
        self.call("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "automl", name)
        return f"postgres://automl@127.0.0.1:{self.port}/{name}"

    def remove(self):
        self.halt()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request):
    """What `--workspace` is given, made anew."""
    if request.param == "sqlite":
        return lambda folder: folder / "workspace"
    server = request.getfixturevalue("postgres")
    return lambda folder: server.database()


@pytest.fixture
def server(backend, tmp_path):
    """A server that clients write their artifacts through."""
    place = backend(tmp_path)
    running = Server("--workspace", place, "--artifacts", tmp_path / "artifacts", cwd=tmp_path)
    running.workspace = place
    yield running
    running.stop()


@pytest.fixture
def local_server(backend, tmp_path):
    """A server whose clients write artifacts into a folder by themselves."""
    root, folder = tmp_path / "root", tmp_path / "local"
    folder.mkdir()
    running = Server("--workspace", backend(folder), "--default-artifact-root", root.as_uri(), cwd=tmp_path)
    yield running
    running.stop()


@pytest.fixture
def client(server):
    import mlflow
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    while mlflow.active_run():
        mlflow.end_run()
    return MlflowClient(server.url)
