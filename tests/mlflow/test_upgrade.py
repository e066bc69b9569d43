"""A record that a released version left is opened by this one, with all that was in it."""
import re, sqlite3, subprocess

import pytest
from conftest import ROOT, Server, programs
from mlflow import MlflowClient
from mlflow.entities import ViewType

RELEASED = sorted((ROOT / "crates/automl-store/src/db/released").glob("*.sql"))


def sorted_by_reference(tables):
    """Names of tables, those that others refer to first."""
    order = []
    while len(order) < len(tables):
        for name, made in tables.items():
            wanted = set(re.findall(r"REFERENCES (\w+)", made)) - {name}
            if name not in order and wanted <= set(order):
                order.append(name)
    return order


def load(text, place):
    """Runs the statements of a version in the database of a backend."""
    if not str(place).startswith("postgres"):
        place.mkdir(parents=True)
        record = sqlite3.connect(place / "automl.db")
        record.executescript(text)
        record.close()
        return
    text = text.replace(" WITHOUT ROWID", "").replace(" BLOB", " BYTEA")
    statements = re.split(r";\n", text)
    tables = {re.match(r'CREATE TABLE "?(\w+)', s)[1]: s for s in statements if s.startswith("CREATE TABLE")}
    order = sorted_by_reference(tables)
    made = "".join(tables[name].replace(" TEXT", ' TEXT COLLATE "C"') + ";\n" for name in order)
    rest = "".join(s + ";\n" for s in statements if s.strip() and not s.startswith("CREATE TABLE"))
    # The rows of a dump come in the order of names, not of references.
    script = made + "SET session_replication_role = replica;\n" + rest
    subprocess.run([programs() / "psql", "-q", "-v", "ON_ERROR_STOP=1", place], input=script, text=True, check=True)


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_a_released_record_is_upgraded(released, backend, tmp_path):
    place = backend(tmp_path)
    load(released.read_text(), place)
    for _ in range(2):
        server = Server("--workspace", place, "--artifacts", tmp_path / "artifacts")
        client = MlflowClient(server.url, server.url)
        experiment = client.get_experiment_by_name("cats")
        assert experiment.tags == {"team": "vision"}
        deleted, run = sorted(client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL), key=lambda run: run.info.run_name)
        assert (run.info.run_name, run.info.status, run.data.params) == ("first", "FINISHED", {"depth": "6"})
        assert (deleted.info.run_name, deleted.info.lifecycle_stage) == ("deleted", "deleted")
        assert run.data.tags["note"] == "it's ünïcode; -- and more"
        assert [str(m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == ["0.5", "nan", "0.25"]
        assert run.inputs.dataset_inputs[0].dataset.name == "table" and run.outputs.model_outputs[0].step == 2
        version = client.get_model_version_by_alias("cat model", "champion")
        assert (version.version, version.run_id) in (("1", run.info.run_id), (1, run.info.run_id))
        assert client.create_experiment(f"new {server.url}") not in (experiment.experiment_id, "0")
        server.stop()
