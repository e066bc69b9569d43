#!/usr/bin/env python3
"""Build and call the container that `automl export --format kserve` describes, without a container engine.

    sudo apt-get install debootstrap
    sudo python3 tests/serving/container.py --debian DIR

The Debian that the Dockerfile begins with is made by debootstrap in DIR, once; the instructions are run in a copy of it by chroot, with
processes and mounts of its own, on the network of the machine: ports 8080 and 8089 must be free. Then its entry point is
started as its user, and called as SageMaker, Vertex AI and KServe call containers; each time it is killed, and started again on the same
files. Standard library only; the binary is $AUTOML_BIN, default target/release/automl.
"""
import argparse, contextlib, csv, json, os, re, shlex, shutil, signal, subprocess, tempfile, time, urllib.error, urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
NAME = "churn"
PORT = 8080
OTHER_PORT = 8089


def automl(*arguments, cwd):
    done = subprocess.run([BIN, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"automl {' '.join(arguments)}\n{done.stderr}")


class Image:
    """What the instructions of a Dockerfile make of a root directory."""

    def __init__(self, root, context, debian):
        self.root, self.place, self.user, self.env, self.entry = root, "/", "root", {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, []
        text = re.sub(r"\\\n", " ", (context / "Dockerfile").read_text())
        for line in text.splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            word, rest = line.split(None, 1)
            getattr(self, f"do_{word.lower()}")(rest, context, debian)

    def do_from(self, rest, _, debian):
        name, tag = rest.split(":")
        assert name == "debian", rest
        base = debian / tag
        if not base.exists():
            made = debian / f"{tag}.part"
            shutil.rmtree(made, ignore_errors=True)
            subprocess.run(["debootstrap", "--variant=minbase", tag.removesuffix("-slim"), made], check=True, stdout=subprocess.DEVNULL)
            made.rename(base)
        subprocess.run(["cp", "-a", base, self.root], check=True)

    def do_workdir(self, rest, *_):
        self.place = rest
        (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def do_copy(self, rest, context, _):
        *sources, target = rest.split()
        place = self.root / self.place.lstrip("/") / target
        for source in sources:
            found = context / source
            # A folder is copied by what it holds, a file into a folder.
            if found.is_dir():
                shutil.copytree(found, place, dirs_exist_ok=True)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, place)

    def do_run(self, rest, *_):
        subprocess.run(self.command(["/bin/sh", "-c", rest]), env=self.env, check=True)

    def do_user(self, rest, *_):
        self.user = rest

    def do_env(self, rest, *_):
        self.env |= dict(part.split("=", 1) for part in shlex.split(rest))

    def do_expose(self, rest, *_):
        assert int(rest) == PORT, rest

    def do_entrypoint(self, rest, *_):
        self.entry = json.loads(rest)

    def command(self, words):
        """What runs these words in the container."""
        inside = f"mount -t proc proc {self.root}/proc && mount --bind /dev {self.root}/dev && exec chroot --userspec={self.user} {self.root} \"$@\""
        enter = ["/bin/sh", "-c", f"cd {shlex.quote(self.place)} && exec \"$@\"", "sh", *words]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", inside, "sh", *enter]

    @contextlib.contextmanager
    def started(self, *arguments, port=PORT, **env):
        """The container, once it answers a ping; killed at the end."""
        check(f"port {port} is free", call(port, "/ping")[0] == 0)
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(self.command([*self.entry, *arguments]), env=self.env | env, stdout=said, stderr=said, start_new_session=True)
            try:
                begun = time.time()
                while call(port, "/ping")[0] != 200:
                    if process.poll() is not None or time.time() - begun > 30:
                        said.seek(0)
                        raise SystemExit(f"it does not answer:\n{said.read()[-2000:]}")
                    time.sleep(0.1)
                check(f"it answers after {time.time() - begun:.1f} s", process.poll() is None)
                yield
            finally:
                # The user changes within, so that the end of its parent does not end it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def call(port, path, body=None, kind="application/json"):
    """Status and body of a request."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body and body.encode(), headers={"content-type": kind})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def check(what, holds, told=""):
    print(f"  {'ok' if holds else 'FAILED'}: {what}")
    if not holds:
        raise SystemExit(str(told))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", required=True, type=Path, help="where Debian is kept")
    debian = parser.parse_args().debian.resolve()
    debian.mkdir(parents=True, exist_ok=True)
    with open(ROOT / "datasets/churn.csv", newline="") as file:
        rows = list(csv.DictReader(file))[:3]
    for row in rows:
        del row["churned"]
    table = "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        automl("fit", str(ROOT / "datasets/churn.csv"), "--target", "churned", "--include", "gradient_boosting", "--max-trials", "1", "--holdout", "0.3",
               "--output", "model", "--no-record", cwd=folder)
        automl("export", "model", "--format", "kserve", "--output", "context", "--name", NAME, cwd=folder)
        # Users of the container must reach its root.
        folder.chmod(0o755)
        image = Image(folder / "image", folder / "context", debian)
        manifest = (folder / "context/inference-service.yaml").read_text()
        check("the entry point runs as a user of its own", image.user != "root")

        print("SageMaker: the argument serve, /ping and /invocations on 8080")
        with image.started("serve"):
            status, told = call(PORT, "/invocations", table, "text/csv")
            check("CSV is predicted", status == 200 and len(json.loads(told)["predictions"]) == 3, told)
            status, told = call(PORT, "/api/endpoints")
            check("nothing but predictions is served", status == 404, told)

        print("Vertex AI: AIP_HTTP_PORT, and instances to the routes that it says")
        routes = {"AIP_HEALTH_ROUTE": "/v1/endpoints/1/deployedModels/2", "AIP_PREDICT_ROUTE": "/v1/endpoints/1/deployedModels/2:predict"}
        with image.started(port=OTHER_PORT, AIP_HTTP_PORT=str(OTHER_PORT), **routes):
            instances = [{name: number(value) for name, value in row.items()} for row in rows]
            check("the health route answers", call(OTHER_PORT, routes["AIP_HEALTH_ROUTE"])[0] == 200)
            for path in [routes["AIP_PREDICT_ROUTE"], "/invocations"]:
                status, told = call(OTHER_PORT, path, json.dumps({"instances": instances}))
                check(f"instances are predicted at {path}", status == 200 and len(json.loads(told)["predictions"]) == 3, told)

        print("KServe: the probes of the manifest")
        with image.started():
            for path in re.findall(r"path: (\S+)", manifest):
                check(path, call(PORT, path)[0] == 200)
            check("the manifest's port", re.findall(r"(?:containerPort|port): (\d+)", manifest) == [str(PORT)] * 3)
    print("The container is built and answers, three times on the same files.")


def number(text):
    """A cell as JSON has it."""
    try:
        return float(text)
    except ValueError:
        return text or None


if __name__ == "__main__":
    main()
