#!/usr/bin/env python3
"""A small record as a released version left it, as the text of its SQL: `crates/automl-store/src/db/released/VERSION.sql`.

Run it with the binary of that version (`AUTOML_BIN`), once a format is released; the text is never changed afterwards. Needs only
Python's own modules.
"""
import json, os, re, sqlite3, subprocess, tempfile, urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")
TARGET = ROOT / "crates/automl-store/src/db/released"


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "workspace"
        server = subprocess.Popen([BIN, "serve", "--port", "0", "--workspace", place], stdout=subprocess.PIPE, text=True)
        url = re.search(r"http://\S+", server.stdout.readline())[0]

        def call(path, body, method="POST"):
            request = urllib.request.Request(f"{url}/api/2.0/mlflow/{path}", json.dumps(body).encode(),
                                             {"Content-Type": "application/json"}, method=method)
            return json.load(urllib.request.urlopen(request))

        fill(call)
        server.terminate()
        server.wait()
        record = sqlite3.connect(place / "automl.db")
        version, = record.execute("SELECT version FROM schema_version").fetchone()
        lines = [line for line in record.iterdump() if "sqlite_" not in line and line not in ("BEGIN TRANSACTION;", "COMMIT;")]
        TARGET.mkdir(exist_ok=True)
        (TARGET / f"{version}.sql").write_text("\n".join(lines) + "\n")


def fill(call):
    experiment = call("experiments/create", {"name": "cats", "tags": [{"key": "team", "value": "vision"}]})["experiment_id"]
    run = call("runs/create", {"experiment_id": experiment, "run_name": "first", "start_time": 1000})["run"]["info"]["run_id"]
    points = [{"key": "loss", "value": value, "timestamp": 1000 + step, "step": step} for step, value in enumerate([0.5, "NaN", 0.25])]
    call("runs/log-batch", {"run_id": run, "metrics": points, "params": [{"key": "depth", "value": "6"}],
                            "tags": [{"key": "note", "value": "it's ünïcode; -- and more"}]})
    call("runs/log-inputs", {"run_id": run, "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": {
        "name": "table", "digest": "abc", "source_type": "local", "source": "{}"}}]})
    call("runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2000})
    deleted = call("runs/create", {"experiment_id": experiment, "run_name": "deleted"})["run"]["info"]["run_id"]
    call("runs/delete", {"run_id": deleted})
    model = call("logged-models", {"experiment_id": experiment, "name": "tree", "source_run_id": run})["model"]["info"]["model_id"]
    call("runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": 2}]})
    call("registered-models/create", {"name": "cat model"})
    call("model-versions/create", {"name": "cat model", "source": f"models:/{model}", "run_id": run})
    call("registered-models/alias", {"name": "cat model", "alias": "champion", "version": "1"})


if __name__ == "__main__":
    main()
