"""Stores that MLflow made, moved in: its client sees the same on both sides."""
import json, math, os, subprocess
from pathlib import Path

import mlflow
import pytest
from conftest import BIN, Server
from mlflow import MlflowClient
from mlflow.entities import Metric, ViewType

N_POINTS = 2500


def fill(uri, folder):
    """A store with something of every kind; as MLflow's own stores write it."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "1"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient(uri, uri)
    experiment = client.create_experiment("cats & dogs", tags={"team": "vision"})
    client.create_experiment("empty")
    with mlflow.start_run(experiment_id=experiment, run_name="first run", description="what it is"):
        run = mlflow.active_run().info.run_id
        mlflow.log_params({"depth": 6, "model/rate": "0.1", "long": "x" * 3000, "lines": "a\nb\n"})
        mlflow.set_tags({"note": "ünïcode ✓", "empty": ""})
        points = [Metric("loss", step / 7, 1_700_000_000_000 + step, step) for step in range(N_POINTS)]
        for start in range(0, N_POINTS, 1000):
            client.log_batch(run, metrics=points[start:start + 1000])
        for key, value in {"odd/nan": math.nan, "odd/inf": math.inf, "odd/-inf": -math.inf, "tiny": 5e-324}.items():
            mlflow.log_metric(key, value)
        mlflow.log_text("hello", "notes/deep/a ü.txt")
        (folder / "big.bin").write_bytes(os.urandom(300_000))
        mlflow.log_artifact(str(folder / "big.bin"))
        import pandas, sklearn.linear_model
        data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}), name="table", targets="y")
        mlflow.log_input(data, context="training", tags={"split": "a"})
        model = sklearn.linear_model.LinearRegression().fit([[1.0], [2.0]], [1, 2])
        logged = mlflow.sklearn.log_model(model, name="linear", registered_model_name="cat model", params={"depth": "6"})
        mlflow.log_metric("accuracy", 0.5, model_id=logged.model_id, dataset=data)
        with mlflow.start_run(experiment_id=experiment, run_name="child", nested=True):
            mlflow.log_metric("loss", 1)
    failed = client.create_run(experiment, run_name="failed")
    client.set_terminated(failed.info.run_id, "FAILED")
    deleted = client.create_run(experiment, run_name="deleted")
    client.log_metric(deleted.info.run_id, "loss", 3)
    client.delete_run(deleted.info.run_id)
    gone = client.create_experiment("gone")
    client.create_run(gone, run_name="in a deleted experiment")
    client.delete_experiment(gone)
    client.set_registered_model_alias("cat model", "champion", 1)
    client.set_registered_model_tag("cat model", "owner", "ann")
    client.set_model_version_tag("cat model", "1", "checked", "yes")
    client.update_registered_model("cat model", description="a model of cats")
    client.create_model_version("cat model", f"runs:/{run}/notes", run)
    return client


def told(client):
    """All that a store says, but for where things are."""
    experiments = {e.experiment_id: e for e in client.search_experiments(ViewType.ALL)}
    heads = sorted((e.name, e.lifecycle_stage, sorted(e.tags.items())) for e in experiments.values())
    runs = {}
    for run in client.search_runs(list(experiments), run_view_type=ViewType.ALL, max_results=1000):
        info, id = run.info, run.info.run_id
        # The file store writes a point twice that it logs for a model too.
        history = {key: sorted({(m.timestamp, m.step, repr(min(max(m.value, -1.7976931348623157e308), 1.7976931348623157e308)))
                               for m in client.get_metric_history(id, key)}) for key in run.data.metrics}
        runs[id] = dict(
            experiment=experiments[info.experiment_id].name, name=info.run_name, user=info.user_id, status=info.status,
            start=info.start_time, end=info.end_time, stage=info.lifecycle_stage, params=run.data.params,
            tags={k: v for k, v in run.data.tags.items()}, history=history,
            inputs=[(i.dataset.name, i.dataset.digest, i.dataset.source, i.dataset.schema, i.dataset.profile,
                     sorted((t.key, t.value) for t in i.tags)) for i in run.inputs.dataset_inputs],
            outputs=sorted(m.model_id for m in run.outputs.model_outputs) if run.outputs else [])
    models = {}
    for model in client.search_logged_models(list(experiments)):
        models[model.model_id] = (model.name, str(model.status), model.params, model.tags, model.creation_timestamp, model.source_run_id,
                                  sorted((m.key, m.run_id, m.dataset_name or "", m.dataset_digest or "") for m in model.metrics or []))
    registered = {}
    for model in client.search_registered_models():
        versions = client.search_model_versions(f"name='{model.name}'")
        # Stores on this machine give numbers, servers texts.
        aliases = {alias: str(version) for alias, version in model.aliases.items()}
        registered[model.name] = (model.description, model.tags, aliases, sorted(
            (int(v.version), v.run_id, v.current_stage, v.creation_timestamp, sorted(v.tags.items())) for v in versions))
    return heads, runs, models, registered


def files(client, run):
    """Every artifact's bytes, by its path."""
    found, waiting = {}, [None]
    while waiting:
        for entry in client.list_artifacts(run, waiting.pop()):
            if entry.is_dir:
                waiting.append(entry.path)
            else:
                found[entry.path] = Path(client.download_artifacts(run, entry.path)).read_bytes()
    return found


def call(*args, code=0, cwd=None):
    done = subprocess.run([BIN, *map(str, args)], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


@pytest.fixture(params=["folder", "sqlite", "server"])
def store(request, tmp_path):
    """What is given to `automl import mlruns`, and a client of it."""
    home = tmp_path / "old"
    home.mkdir()
    if request.param == "folder":
        source = home / "mlruns"
        yield source, fill(str(source), tmp_path)
    elif request.param == "sqlite":
        before = os.getcwd()
        os.chdir(home)
        try:
            yield f"sqlite:///{home}/mlflow.db", fill(f"sqlite:///{home}/mlflow.db", tmp_path)
        finally:
            os.chdir(before)
    else:
        old = Server("--workspace", home / "workspace")
        yield old.url, fill(old.url, tmp_path)
        old.stop()


def test_a_store_is_the_same_after_it_moved(store, backend, tmp_path):
    source, old = store
    place, artifacts = backend(tmp_path), tmp_path / "artifacts"
    arguments = ["import", "mlruns", source, "--workspace", place, "--artifacts", artifacts, "--format", "json"]
    dry = json.loads(call(*arguments, "--dry-run").stdout)
    assert (dry["n_runs"], dry["n_logged_models"], dry["n_versions"]) == (5, 1, 2)
    done = json.loads(call(*arguments).stdout)
    assert {**dry, "dry_run": False, "n_bytes": done["n_bytes"]} == done
    again = json.loads(call(*arguments).stdout)
    assert again["n_logged_models"] == again["n_versions"] == again["n_experiments"] == 0
    assert again["n_there_already"] >= 4  # those that go on are looked at again
    server = Server("--workspace", place, "--artifacts", artifacts)
    new = MlflowClient(server.url, server.url)
    for ours, theirs in zip(told(new), told(old)):
        assert ours == theirs
    runs = told(new)[1]
    for run in runs:
        assert files(new, run) == files(old, run)
    assert any(files(new, run) for run in runs)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    import numpy
    loaded = mlflow.sklearn.load_model("models:/cat model@champion")
    assert numpy.allclose(loaded.predict([[3.0]]), [3.0])
    assert new.create_experiment("after") not in {e.experiment_id for e in old.search_experiments(ViewType.ALL)}
    server.stop()


def test_broken_runs_are_told_and_the_others_are_there(tmp_path):
    fill(str(tmp_path / "mlruns"), tmp_path)
    metas = [path for path in (tmp_path / "mlruns").glob("*/*/meta.yaml") if path.parent.parent.name != "models"]
    broken = next(path for path in metas if "run_name: failed" in path.read_text())
    broken.write_text("status: [")
    done = call("import", "mlruns", tmp_path / "mlruns", "--workspace", tmp_path / "w", code=1)
    assert f"run {broken.parent.name}: " in done.stderr and "import-incomplete" in done.stderr
    assert "imported 3 experiments, 4 runs" in done.stdout, done.stdout


def test_what_is_no_store_is_refused_with_the_next_step(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    for source in [tmp_path, tmp_path / "table.csv", tmp_path / "nothing.db", "http://127.0.0.1:9"]:
        done = call("import", "mlruns", source, "--workspace", tmp_path / "w", code=2)
        assert "error[import-" in done.stderr and "hint: " in done.stderr, done.stderr
