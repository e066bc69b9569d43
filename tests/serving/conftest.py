"""A server with the endpoint `churn`, which has two versions of a model, and what `automl predict` says of its rows."""
import csv, json, os, re, subprocess, time, urllib.error, urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/automl"))


def automl(cwd, *arguments):
    done = subprocess.run([BIN, *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def typed(text):
    """A cell as a program holds it."""
    if text in ("", "NA"):
        return None
    try:
        return float(text)
    except ValueError:
        return text


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    data, test = ROOT / "datasets/churn.csv", ROOT / "datasets/churn_test.csv"
    automl(folder, "fit", str(data), "--target", "churned", "--include", "gradient_boosting", "--max-trials", "1", "--holdout", "0.3", "--output", "model")
    automl(folder, "endpoint", "create", "churn")
    for version in ["churn/1", "churn/2"]:
        automl(folder, "models", "register", "churn", "model")
        automl(folder, "endpoint", "deploy", "churn", version)
    schema = json.loads((folder / "model/manifest.json").read_text())["inputs"]["fields"]
    features = {field["name"]: field["kind"] for field in schema if field.get("role", "feature") == "feature"}
    predicted = list(csv.DictReader(automl(folder, "predict", "model", str(test)).splitlines()))
    rows = [{name: typed(text) for name, text in row.items()} for row in csv.DictReader(test.read_text().splitlines())]
    process = subprocess.Popen([BIN, "serve", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    url = re.search(r"https?://\S+", process.stdout.readline())[0].rstrip("/")
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/endpoints/churn/ping").read()
            break
        except urllib.error.HTTPError:
            time.sleep(0.05)
    yield SimpleNamespace(
        url=url, host=url.removeprefix("http://"), rows=rows, features=features, text=test.read_text(),
        classes=[row["prediction"] for row in predicted],
        probabilities=[[float(row["probability_no"]), float(row["probability_yes"])] for row in predicted])
    process.terminate()
    assert process.wait(30) == 0
