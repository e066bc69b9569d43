"""Registered models, versions, aliases, stages."""
import time

import mlflow
import pytest
import requests
from conftest import Server
from mlflow.exceptions import MlflowException


def run_of(client):
    return client.create_run("0").info.run_id


def version_of(client, name, **others):
    run = run_of(client)
    return client.create_model_version(name, f"runs:/{run}/model", run, **others)


def test_models_are_registered_renamed_described_and_deleted(client):
    made = client.create_registered_model("m", {"a": "1", "n": 12}, "first words")
    assert (made.name, made.tags, made.description) == ("m", {"a": "1", "n": "12"}, "first words")
    before = client.get_registered_model("m")
    client.rename_registered_model("m", "m 2")
    client.update_registered_model("m 2", "This is a test")
    found = client.get_registered_model("m 2")
    assert found.description == "This is a test" and found.creation_timestamp == before.creation_timestamp
    assert found.last_updated_timestamp >= before.last_updated_timestamp
    for name in "m", "m 3":
        with pytest.raises(MlflowException, match=f"Registered Model with name={name} not found"):
            client.get_registered_model(name)
    with pytest.raises(MlflowException, match="Registered Model .+ already exists"):
        client.create_registered_model("m 2")
    client.delete_registered_model("m 2")
    assert client.search_registered_models() == []
    with pytest.raises(MlflowException, match="Registered Model .+ not found"):
        client.rename_registered_model("m 2", "x")


def test_tags_of_models_and_versions_change_and_go(client):
    client.create_registered_model("m")
    version_of(client, "m")
    client.set_registered_model_tag("m", "k", "")
    client.set_model_version_tag("m", "1", "k", 12)
    assert client.get_registered_model("m").tags == {"k": ""} and client.get_model_version("m", "1").tags == {"k": "12"}
    client.delete_registered_model_tag("m", "k")
    client.delete_model_version_tag("m", "1", "k")
    assert client.get_registered_model("m").tags == {} and client.get_model_version("m", "1").tags == {}


@pytest.mark.parametrize("n_max", [1, 8, 100])
def test_models_are_searched_by_pages(client, n_max):
    names = [f"model{number:03}" for number in range(12)]
    for name in names:
        client.create_registered_model(name)
    for text, expected in [
        (None, names), ("name LIKE '%7'", ["model007"]), ("name ILIKE 'MODEL01%'", names[10:]),
        ("name LIKE 'MODEL01%'", []), ("name = 'model003'", ["model003"]),
    ]:
        found, token = [], None
        while True:
            page = client.search_registered_models(filter_string=text, max_results=n_max, page_token=token)
            found += [model.name for model in page]
            token = page.token
            if not token:
                break
        assert found == expected
    assert [m.name for m in client.search_registered_models(order_by=["name DESC"], max_results=2)] == names[:-3:-1]


def test_versions_are_numbered_found_and_deleted(client):
    client.create_registered_model("m")
    versions = [version_of(client, "m", tags={"n": str(n)}, description=f"no {n}") for n in range(1, 4)]
    assert [v.version for v in versions] == ["1", "2", "3"] and versions[0].tags == {"n": "1"}
    assert {v.version for v in client.search_model_versions("name = 'm'")} == {"1", "2", "3"}
    assert [v.version for v in client.search_model_versions(f"run_id = '{versions[1].run_id}'")] == ["2"]
    assert [v.version for v in client.search_model_versions(f"source_path = '{versions[2].source}'")] == ["3"]
    assert [v.version for v in client.search_model_versions("tags.n = '1'")] == ["1"]
    assert [v.version for v in client.search_model_versions(order_by=["version_number ASC"])] == ["1", "2", "3"]
    assert client.get_model_version_download_uri("m", "1") == versions[0].source
    client.update_model_version("m", "1", "other words")
    assert client.get_model_version("m", 1).description == "other words"
    client.delete_model_version("m", "3")
    with pytest.raises(MlflowException, match="Model Version .+ not found"):
        client.update_model_version("m", "3", "x")
    assert version_of(client, "m").version == "4"
    with pytest.raises(MlflowException, match="INVALID_PARAMETER_VALUE: Parameter 'version' must be an integer, got 'x y'."):
        client.get_model_version("m", "x y")
    with pytest.raises(MlflowException, match="Registered Model with name=nobody's not found"):
        version_of(client, "nobody's")


@pytest.mark.filterwarnings("ignore")
def test_stages_have_a_latest_version(client):
    client.create_registered_model("m")
    for number, stage in enumerate(["Archived", "Production", "Archived", "Production", "Staging", "None"], 1):
        time.sleep(0.002)
        assert version_of(client, "m").version == str(number)
        if stage != "None":
            client.transition_model_version_stage("m", number, stage)
    latest = lambda stages: {v.current_stage: v.version for v in client.get_latest_versions("m", stages)}
    assert latest(["Staging"]) == {"Staging": "5"}
    assert latest(None) == latest([]) == {"Production": "4", "Staging": "5", "Archived": "3", "None": "6"}
    client.transition_model_version_stage("m", 6, "Production", archive_existing_versions=True)
    assert latest(["Production", "Archived"]) == {"Production": "6", "Archived": "4"}
    with pytest.raises(MlflowException, match="Invalid Model Version stage"):
        client.transition_model_version_stage("m", 6, "Shop")


def test_aliases_point_to_versions(client):
    client.create_registered_model("m")
    for _ in range(2):
        version_of(client, "m")
    client.set_registered_model_alias("m", "best", "1")
    assert client.get_registered_model("m").aliases == {"best": "1"}
    assert client.get_model_version("m", "1").aliases == ["best"]
    client.set_registered_model_alias("m", "best", "2")
    assert client.get_model_version_by_alias("m", "best") == client.get_model_version("m", "2")
    client.delete_registered_model_alias("m", "best")
    assert client.get_registered_model("m").aliases == {} and client.get_model_version("m", "2").aliases == []
    for bad in "latest", "v1", "a b":
        with pytest.raises(MlflowException):
            client.set_registered_model_alias("m", bad, "1")


def test_a_version_is_copied(client):
    client.create_registered_model("m")
    first = version_of(client, "m", tags={"hello": "world"}, description="dummy")
    client.set_registered_model_alias("m", "best", "1")
    copy = client.copy_model_version("models:/m@best", "other")
    assert (copy.name, copy.version) == ("other", "1")
    found = client.get_model_version("other", "1")
    assert (found.source, found.description, found.run_id) == ("models:/m/1", "dummy", first.run_id)
    assert client.get_model_version_download_uri("other", "1") == first.source


def test_a_registered_source_is_the_version_that_it_leads_to(client, server):
    client.create_registered_model("m")
    first = version_of(client, "m")
    client.set_registered_model_alias("m", "best", "1")
    create = lambda source, **more: requests.post(
        f"{server.url}/api/2.0/mlflow/model-versions/create", json={"name": "m", "source": source, **more})
    for source in "models:/m@best", "models:/m/1", "models:/m/latest", "models:/m/None":
        made = create(source).json()["model_version"]
        leads_to = made["source"] if source.endswith(("latest", "None")) else "models:/m/1"
        assert (made["source"], made["run_id"]) == (leads_to, first.run_id) and leads_to.rsplit("/", 1)[1].isdigit(), source
        assert client.get_model_version_download_uri("m", made["version"]) == first.source
    mlflow.genai.register_prompt(name="p", template="Hello {{name}}!")
    for source, more, status, message in [
        ("models:/m/1", {"run_id": run_of(client)}, 400, "must match the referenced model version"),
        ("models:/p/1", {}, 400, "Prompt versions cannot be used"),
        ("models://elsewhere/m/1", {}, 400, "must use the active model registry"),
        ("models:/m/Production", {}, 404, "No versions of model with name 'm' and stage 'Production' found"),
        ("models:/m/99", {}, 404, "not found"),
        ("mlflow-artifacts:", {}, 400, "must identify the resource that contains the source"),
    ]:
        answer = create(source, **more)
        assert answer.status_code == status and message in answer.json()["message"], answer.text


def test_a_server_can_take_versions_of_some_sources_alone(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX", "^mlflow-artifacts:/.*$")
    running = Server("--workspace", backend(tmp_path), cwd=tmp_path)
    try:
        client = mlflow.MlflowClient(running.url, registry_uri=running.url)
        client.create_registered_model("m")
        with pytest.raises(MlflowException, match="Invalid model version source: 's3://bucket/model'"):
            client.create_model_version("m", "s3://bucket/model")
        run = client.create_run("0").info
        assert client.create_model_version("m", f"{run.artifact_uri}/model", run.run_id).version == "1"
    finally:
        running.stop()


def test_sources_must_belong_to_the_run(client, server, local_server, backend):
    from mlflow import MlflowClient
    other = MlflowClient(local_server.url, registry_uri=local_server.url)
    run = other.create_run("0").info
    other.create_registered_model("m")
    create = lambda source, run_id=None: requests.post(
        f"{local_server.url}/api/2.0/mlflow/model-versions/create", json={"name": "m", "source": source, "run_id": run_id})
    for source in run.artifact_uri, run.artifact_uri[len("file://"):], f"{run.artifact_uri}/model/..", f"{run.artifact_uri}/.":
        assert create(source, run.run_id).status_code == 200, source
    for source, run_id in (run.artifact_uri, None), ("/tmp", run.run_id), ("file:///tmp", run.run_id), (f"{run.artifact_uri}/../..", run.run_id):
        answer = create(source, run_id)
        assert answer.status_code == 400 and "To use a local path as a model version" in answer.json()["message"], source
    for source in ("http://h/models/../../", "s3://b/../../", "mlflow-artifacts://h/models/..%2f..%2fx", "mlflow-artifacts://h/a%00",
                   "s3a://b/%252e%252e/x"):
        answer = create(source, run.run_id)
        assert answer.status_code == 400 and "If supplying a source as an http, https," in answer.json()["message"], source
    assert create("s3://bucket/model").status_code == 200
    assert create("runs:/other/model", run.run_id).status_code == 400
    assert create("file://123.456.789.123/path", run.run_id).status_code == 500
