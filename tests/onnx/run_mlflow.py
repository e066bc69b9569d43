#!/usr/bin/env python3
"""Fit models, export them for MLflow, and compare what MLflow's own loader and scoring server say with `automl predict`.

    python -m venv env && env/bin/pip install -r tests/onnx/requirements.txt -r tests/onnx/requirements-mlflow.txt
    env/bin/python tests/onnx/run_mlflow.py

Two classes and numbers, with cells that are empty and levels that no row of the fit had. Predictions are the same, numbers to
1e-9. The binary is $AUTOML_BIN, default target/release/automl.
"""
import csv, json, os, socket, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

import mlflow
import numpy
import pandas

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
# Tables with their targets, and texts, which have no translation.
CASES = [("churn.csv", "churned", "last_note"), ("churn.csv", "monthly_fee", "last_note"), ("rents.csv", "rent_eur", "description")]
N_ROWS = 200
UNSEEN = "no such level"
TOLERANCE = 1e-9
START_SECONDS = 120


def automl(*arguments, cwd):
    done = subprocess.run([BIN, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"automl {' '.join(map(str, arguments))}\n{done.stderr}")


def disturbed(path, made):
    """The first rows of a table, every tenth cell empty and every tenth word one that was never met."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))[:N_ROWS]
    for place, row in enumerate(rows):
        for column, name in enumerate(row):
            if (place + column) % 10 == 0:
                row[name] = ""
            elif (place + column) % 10 == 1 and row[name].isalpha():
                row[name] = UNSEEN
    with open(made, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def same(told, wanted):
    """Whether two tables of predictions say the same, with the greatest difference of their numbers."""
    worst = 0.0
    assert list(told.columns) == list(wanted.columns), (list(told.columns), list(wanted.columns))
    for name in wanted.columns:
        if wanted[name].dtype == object or str(wanted[name].dtype).startswith("str"):
            assert list(told[name]) == list(wanted[name]), name
        else:
            ours, theirs = wanted[name].to_numpy(float), told[name].to_numpy(float)
            worst = max(worst, float(numpy.max(numpy.abs(ours - theirs) / numpy.maximum(1, numpy.abs(ours)))))
    assert worst <= TOLERANCE, worst
    return worst


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def served(folder, rows):
    """What `mlflow models serve` answers to the rows."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", folder, "-p", str(port), "--env-manager", "local"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, start_new_session=True)
    try:
        last = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5)
                break
            except OSError:
                if time.monotonic() > last or server.poll() is not None:
                    raise SystemExit("mlflow models serve does not answer")
                time.sleep(0.5)
        body = json.dumps({"dataframe_split": json.loads(rows.to_json(orient="split", index=False))})
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body.encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return pandas.DataFrame(json.load(answer)["predictions"])
    finally:
        if server.poll() is None:
            os.killpg(server.pid, 15)
        server.wait()


def main():
    for number, (table, target, text) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            path = ROOT / "datasets" / table
            fit = ["--max-trials", 4, "--holdout", "0.3", "--drop", text]
            automl("fit", path, "--target", target, *fit, "--output", "model", cwd=folder)
            automl("export", "model", "--format", "mlflow", "--output", "exported", cwd=folder)
            disturbed(path, folder / "rows.csv")
            automl("predict", "model", "rows.csv", "--output", "out.csv", cwd=folder)
            wanted = pandas.read_csv(folder / "out.csv")
            model = mlflow.pyfunc.load_model(str(folder / "exported"))
            names = model.metadata.get_input_schema().input_names()
            rows = pandas.read_csv(folder / "rows.csv")[names]
            worst = same(model.predict(rows), wanted)
            told = f"{table} {target}: {len(rows)} rows, greatest difference {worst:.1e}"
            if number == 0:
                answered = served(str(folder / "exported"), rows)
                told += f"; served, {same(answered[wanted.columns], wanted):.1e}"
            print(told, flush=True)


main()
