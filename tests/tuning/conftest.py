"""Servers under test: one a backend, each with a workspace of its own."""
import os, re, shutil, socket, subprocess, tempfile
from pathlib import Path
from urllib.parse import urlparse

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/automl"))
ONLY = os.environ.get("AUTOML_TUNING_ONLY")
BACKENDS = [ONLY] if ONLY else ["sqlite", "postgres"]


class Server:
    """A running `automl serve`."""

    def __init__(self, *args, cwd=None, port=0):
        self.args, self.cwd = args, cwd
        command = [BIN, "serve", "--port", str(port), *map(str, args)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cwd)
        line = self.process.stdout.readline()
        found = re.search(r"https?://\S+", line)
        assert found, f"the server did not start: {line!r}"
        self.url = found[0].rstrip("/")
        self.port = urlparse(self.url).port

    def kill(self):
        """Ends it without a word, as a power cut would, and starts it again on the same port."""
        self.process.kill()
        self.process.wait(30)
        self.__init__(*self.args, cwd=self.cwd, port=self.port)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0


class Postgres:
    """A server with a folder and a port of its own; as root it runs as the user postgres."""

    def __init__(self):
        found = shutil.which("initdb")
        folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert folders, "no Postgres: install Debian's package postgresql, or ask for --only sqlite"
        self.folder, self.bin, self.n_databases = Path(tempfile.mkdtemp(prefix="automl-pg-")), folders[-1], 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.call("initdb", "-D", self.folder / "data", "-U", "automl", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.call("pg_ctl", "-D", self.folder / "data", "-w", "-t", "300", "-l", self.folder / "log", "-o",
                  f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off", "start")

    def call(self, program, *args):
        command = [*self.user, self.bin / program, *args]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def database(self):
        """The address of a new, empty database."""
        self.n_databases += 1
        name = f"t{self.n_databases}"
        self.call("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "automl", name)
        return f"postgres://automl@127.0.0.1:{self.port}/{name}"

    def remove(self):
        self.call("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def postgres():
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(params=BACKENDS)
def server(request, tmp_path):
    place = tmp_path / "workspace"
    if request.param == "postgres":
        place = request.getfixturevalue("postgres").database()
    running = Server("--workspace", place, cwd=tmp_path)
    running.workspace = place
    yield running
    running.stop()
