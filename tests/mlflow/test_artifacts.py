"""Artifacts through the server, and models logged and loaded."""
import os

import pytest
import requests
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelStatus


def proxy(server):
    return f"{server.url}/api/2.0/mlflow-artifacts/artifacts"


def test_files_go_up_and_come_down(server, tmp_path):
    assert requests.put(f"{proxy(server)}/a.txt", data=b"0").status_code == 200
    assert requests.put(f"{proxy(server)}/dir/b.txt", data=b"1").status_code == 200
    assert (tmp_path / "artifacts/dir/b.txt").read_text() == "1"
    assert requests.get(proxy(server)).json() == {
        "files": [{"path": "a.txt", "is_dir": False, "file_size": 1}, {"path": "dir", "is_dir": True}]}
    assert requests.get(proxy(server), params={"path": "dir"}).json() == {
        "files": [{"path": "b.txt", "is_dir": False, "file_size": 1}]}
    answer = requests.get(f"{proxy(server)}/dir/b.txt")
    assert answer.content == b"1" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "attachment; filename=b.txt"
    assert requests.put(f"{proxy(server)}/a.txt", data=b"new").status_code == 200
    assert requests.get(f"{proxy(server)}/a.txt").text == "new"
    assert requests.delete(f"{proxy(server)}/dir").status_code == 200
    assert requests.get(f"{proxy(server)}/dir/b.txt").status_code == 404


def test_the_same_file_takes_its_room_once(server, tmp_path):
    big = os.urandom(1 << 20)
    for name in "x", "y/z":
        assert requests.put(f"{proxy(server)}/{name}", data=big).status_code == 200
        assert requests.get(f"{proxy(server)}/{name}").content == big
    assert (tmp_path / "artifacts/x").stat().st_ino == (tmp_path / "artifacts/y/z").stat().st_ino


@pytest.mark.parametrize("path", ["../up", "..%2f..%2fetc/passwd", "%2e%2e/up", "a/../../b", "%252e%252e/up", "a%00b", ".blobs/x"])
def test_paths_stay_inside(server, path):
    for method in requests.put, requests.get, requests.delete:
        request = requests.Request(method.__name__.upper(), f"{proxy(server)}/x").prepare()
        request.url = f"{proxy(server)}/{path}"
        assert requests.Session().send(request).status_code in (400, 404), path


def test_runs_keep_and_list_artifacts(client, server, tmp_path):
    run = client.create_run("0").info.run_id
    assert client.list_artifacts(run) == []
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "a.txt").write_text("hello")
    (source / "sub/b.txt").write_text("there")
    client.log_artifact(run, source / "a.txt")
    client.log_artifacts(run, source, "dir")
    assert sorted(a.path for a in client.list_artifacts(run)) == ["a.txt", "dir"]
    assert sorted(a.path for a in client.list_artifacts(run, "dir")) == ["dir/a.txt", "dir/sub"]
    there = download_artifacts(run_id=run, artifact_path="dir", tracking_uri=server.url)
    assert open(f"{there}/sub/b.txt").read() == "there"
    answer = requests.get(f"{server.url}/get-artifact", params={"run_id": run, "path": "a.txt"})
    assert answer.text == "hello" and answer.headers["Content-Type"] == "text/plain"
    for path in f"/api/2.0/mlflow/artifacts/list?run_id={run}&path=../x", f"/get-artifact?run_id={run}&path=../x":
        answer = requests.get(server.url + path)
        assert answer.status_code == 400
        assert answer.json() == {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}


def test_clients_can_write_by_themselves(local_server, tmp_path):
    from mlflow import MlflowClient
    client = MlflowClient(local_server.url)
    run = client.create_run("0").info
    assert run.artifact_uri.startswith((tmp_path / "root").as_uri())
    client.log_text(run.run_id, "hello", "a.txt")
    assert [a.path for a in client.list_artifacts(run.run_id)] == ["a.txt"]


@pytest.mark.filterwarnings("ignore")
def test_a_model_is_logged_registered_and_loaded(client):
    import mlflow, numpy
    from sklearn.linear_model import LogisticRegression
    x = numpy.arange(20.0).reshape(-1, 1)
    model = LogisticRegression().fit(x, (x[:, 0] > 9).astype(int))
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(model, name="model", registered_model_name="logistic", input_example=x[:2])
    version = client.get_model_version("logistic", "1")
    assert (version.run_id, version.source) == (run.info.run_id, f"models:/{logged.model_id}")
    for uri in "models:/logistic/1", logged.model_uri, f"runs:/{run.info.run_id}/model":
        loaded = mlflow.pyfunc.load_model(uri)
        assert (loaded.predict(x) == model.predict(x)).all()
    found = client.get_logged_model(logged.model_id)
    assert found.status == LoggedModelStatus.READY and found.source_run_id == run.info.run_id
    assert [m.model_id for m in client.search_logged_models(["0"], filter_string="name = 'model'")] == [logged.model_id]
    client.set_logged_model_tags(logged.model_id, {"k": "v"})
    assert client.get_logged_model(logged.model_id).tags["k"] == "v"
    client.delete_logged_model_tag(logged.model_id, "k")
    assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == logged.model_id
    client.delete_logged_model(logged.model_id)
    with pytest.raises(mlflow.exceptions.MlflowException, match="not found"):
        client.get_logged_model(logged.model_id)


@pytest.mark.filterwarnings("ignore")
def test_training_logs_itself(client):
    import mlflow
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    x, y = load_iris(return_X_y=True, as_frame=True)
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run:
            model = RandomForestClassifier(n_estimators=5, random_state=0).fit(x, y)
            result = mlflow.evaluate(lambda data: model.predict(data), x.assign(y=y), targets="y", model_type="classifier",
                                     evaluator_config={"log_explainer": False})
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["n_estimators"] == "5" and "training_accuracy_score" in found.data.metrics
    assert result.metrics["accuracy_score"] > 0.9 and found.inputs.dataset_inputs
