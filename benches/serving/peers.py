#!/usr/bin/env python3
"""Race one-row predictions against MLServer and `mlflow models serve`, each of a boosted model of the same columns.

    sudo apt-get install wrk
    cargo build --release -p automl
    python3 benches/serving/peers.py            # makes an environment for each peer on the first run
    python3 benches/serving/peers.py --million  # and asks our server a million times, watching its memory
    python3 benches/serving/peers.py --report   # and writes its part of docs/benchmarks.md

A server has one core, with all of its processes, and `wrk` the other: 64 connections, a request each, the median of the
rounds, in turns. Every answer must have the status 200. The peers serve scikit-learn's gradient boosting, by the
servers' own runtimes for it, in their own JSON; the columns are numbers, for their models take no words.
"""
import argparse, json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time, urllib.request, venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
WANTED = {
    "mlserver": ["mlserver==1.7.1", "mlserver-sklearn==1.7.1"],
    "mlflow": ["mlflow==3.17.2"],
}
# How many times as fast we are to be.
LIMITS = {"mlserver": 10, "mlflow": 20}
NAMES = {"automl": "automl", "mlserver": "MLServer 1.7.1", "mlflow": "mlflow models serve 3.17.2"}
COLUMNS = ["seats", "monthly_fee", "usage_hours", "support_tickets"]
ROW = [9, 153.9, 14.2, 2]
CONNECTIONS = 64

FIT = """
import csv, sys
from sklearn.ensemble import GradientBoostingClassifier
def number(text):
    try:
        return float(text)
    except ValueError:
        return 0.0
rows = list(csv.DictReader(open(sys.argv[1])))
columns = sys.argv[3].split(",")
x = [[number(row[name]) for name in columns] for row in rows]
model = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(x, [row["churned"] == "yes" for row in rows])
if sys.argv[4] == "mlflow":
    import mlflow.sklearn
    mlflow.sklearn.save_model(model, sys.argv[2] + "/model", serialization_format="cloudpickle")
else:
    import joblib
    joblib.dump(model, sys.argv[2] + "/model.joblib")
"""


def environment(peer):
    """The Python of an environment with a peer; made anew when its versions change."""
    if given := os.environ.get(f"{peer.upper()}_PYTHON"):
        return Path(given)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / f"serving-{peer}-peer"
    python, mark = target / "bin/python", target / "wanted.txt"
    if not mark.exists() or mark.read_text() != "\n".join(WANTED[peer]):
        shutil.rmtree(target, ignore_errors=True)
        venv.create(target, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *WANTED[peer]], check=True)
        mark.write_text("\n".join(WANTED[peer]))
    return python


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    """A server on one core, with what it is asked."""

    def __init__(self, folder, command, path, body, port, ready, environment=None):
        self.url, self.body = f"http://127.0.0.1:{port}{path}", json.dumps(body)
        self.log = open(folder / "log", "w")
        env = dict(os.environ, MLFLOW_DISABLE_TELEMETRY="true", **(environment or {}))
        command = ["taskset", "-c", "0", *(str(part) for part in command)]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log, env=env, start_new_session=True)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=5).read()
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise SystemExit(f"it does not come up: {(folder / 'log').read_text()[-2000:]}")
        asked = urllib.request.Request(self.url, self.body.encode(), {"content-type": "application/json"})
        self.answer = urllib.request.urlopen(asked, timeout=60).read().decode()

    def memory_mib(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self):
        os.killpg(self.process.pid, 15)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.log.close()


def ours(folder):
    run = lambda *words: subprocess.run([BIN, *words], cwd=folder, check=True, capture_output=True)
    rows = (ROOT / "datasets/churn.csv").read_text().splitlines()
    (folder / "data.csv").write_text("\n".join(rows))
    others = [name for name in rows[0].split(",") if name not in [*COLUMNS, "churned"]]
    run("fit", "data.csv", "--target", "churned", "--drop", ",".join(others), "--include", "gradient_boosting", "--max-trials", "1",
        "--holdout", "0.3", "--output", "model")
    run("models", "register", "small", "model")
    run("endpoint", "create", "small", "--max-at-once", "1000")
    run("endpoint", "deploy", "small", "small/1")
    port = free_port()
    body = {"rows": [dict(zip(COLUMNS, ROW))]}
    return Served(folder, [BIN, "serve", "--port", port], "/endpoints/small/predict", body, port, "/endpoints/small/ping")


def fitted(peer, folder):
    python = environment(peer)
    subprocess.run([python, "-c", FIT, ROOT / "datasets/churn.csv", folder, ",".join(COLUMNS), peer], check=True)
    return python


def mlserver(folder):
    python, port = fitted("mlserver", folder), free_port()
    (folder / "settings.json").write_text(json.dumps(
        {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0, "debug": False}))
    (folder / "model-settings.json").write_text(json.dumps(
        {"name": "small", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib"}}))
    body = {"inputs": [{"name": "x", "shape": [1, len(ROW)], "datatype": "FP64", "data": ROW}]}
    return Served(folder, [python.parent / "mlserver", "start", "."], "/v2/models/small/infer", body, port, "/v2/models/small/ready")


def mlflow(folder):
    python, port = fitted("mlflow", folder), free_port()
    command = [python.parent / "mlflow", "models", "serve", "-m", "model", "--env-manager", "local", "--port", port]
    path = f"{python.parent}:{os.environ['PATH']}"
    return Served(folder, command, "/invocations", {"inputs": [ROW]}, port, "/ping", {"PATH": path})


def wrk(served, folder, seconds):
    """Requests a second; all must be answered with 200."""
    script = folder / "ask.lua"
    script.write_text(f"wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = {json.dumps(served.body)}\n")
    command = ["taskset", "-c", "1", "wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", "30s", "-s", str(script), served.url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if wrong := re.search(r"(Non-2xx.*|Socket errors.*)", told):
        raise SystemExit(f"{served.url}: {wrong[0]}")
    n_asked = int(re.search(r"(\d+) requests in", told)[1])
    return n_asked, float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])


def million(served, folder):
    """A million requests; the memory after a tenth and at the end."""
    n_done, after_tenth = 0, None
    while n_done < 1_000_000:
        n_done += wrk(served, folder, 5)[0]
        if after_tenth is None and n_done >= 100_000:
            after_tenth = served.memory_mib()
    return n_done, after_tenth, served.memory_mib()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--report", action="store_true", help="write the part of docs/benchmarks.md, with the million")
    args = parser.parse_args()
    makers = {"automl": ours, "mlserver": mlserver, "mlflow": mlflow}
    with tempfile.TemporaryDirectory() as root:
        folders = {name: Path(root) / name for name in makers}
        served = {}
        try:
            for name, make in makers.items():
                folders[name].mkdir()
                served[name] = make(folders[name])
                print(name, served[name].answer[:200], flush=True)
            rates = {name: [] for name in served}
            for _ in range(args.rounds):
                for name, one in served.items():
                    rates[name].append(wrk(one, folders[name], args.seconds)[1])
            rate = {name: statistics.median(of) for name, of in rates.items()}
            lines = [
                "### Beside other servers", "",
                f"One row of {len(COLUMNS)} numbers as JSON on a small boosted model; `wrk` with {CONNECTIONS} connections on one core, the server on "
                f"another; median of {args.rounds} rounds (`benches/serving/peers.py`).", "",
                "| server | requests/s | ours / it | at least |", "|---|---:|---:|---:|",
            ]
            for name in rate:
                times = rate["automl"] / rate[name]
                limit = LIMITS.get(name)
                held = "" if limit is None else f"{limit}" + ("" if times >= limit else ", **missed**")
                lines.append(f"| {NAMES[name]} | {rate[name]:.0f} | {'' if limit is None else f'{times:.0f}'} | {held} |")
            lines.append("")
            if args.million or args.report:
                n_asked, early, late = million(served["automl"], folders["automl"])
                lines += [f"{n_asked:,} requests more were all answered with 200: {early:.0f} MiB were resident after the first hundred thousand, "
                          f"{late:.0f} MiB at the end.", ""]
        finally:
            for one in served.values():
                one.stop()
    print("\n".join(lines))
    if args.report:
        sys.path.insert(0, str(ROOT / "benches"))
        from document import write_part
        write_part("serving-peers", lines, script="serving/peers.py")


if __name__ == "__main__":
    main()
