"""What MLflow's pages ask for beside the client: GraphQL, runs of prompts, the way to language models."""
import json, math

import mlflow
import requests
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT


def ask(client, query, **others):
    answer = requests.post(f"{client.tracking_uri}/graphql", json={"query": query, **others})
    assert answer.status_code == 200
    return answer.json()


def data(client, query, **others):
    answer = ask(client, query, **others)
    assert answer["errors"] is None, answer
    return answer["data"]


def test_experiments_and_runs_are_told_with_what_hangs_on_them(client):
    experiment = client.create_experiment("pages")
    run = client.create_run(experiment).info.run_id
    client.create_registered_model("m")
    client.create_model_version("m", f"runs:/{run}/model", run)
    client.log_metric(run, "a", 123, timestamp=1, step=1)
    client.log_metric(run, "b", math.nan, timestamp=2, step=2)
    query = 'query q($id: String) { mlflowGetExperiment(input: {experimentId: $id}) { experiment { name lifecycleStage } } }'
    found = data(client, query, variables={"id": experiment}, operationName="q")
    assert found == {"mlflowGetExperiment": {"experiment": {"name": "pages", "lifecycleStage": "active"}}}
    found = data(client, f'''query q @component(name: "Page") {{ mlflowGetRun(input: {{runId: "{run}"}}) {{ run {{
        info {{ status }} experiment {{ name }} modelVersions {{ name }} data {{ metrics {{ key value timestamp step }} }} }} }} }}''')
    assert found["mlflowGetRun"]["run"] == {
        "info": {"status": "RUNNING"}, "experiment": {"name": "pages"}, "modelVersions": [{"name": "m"}],
        "data": {"metrics": [{"key": "a", "value": 123, "timestamp": "1", "step": "1"},
                             {"key": "b", "value": None, "timestamp": "2", "step": "2"}]}}
    found = data(client, f'mutation {{ mlflowSearchRuns(input: {{experimentIds: ["{experiment}"]}}) {{ runs {{ info {{ runId }} }} }} }}')
    assert found == {"mlflowSearchRuns": {"runs": [{"info": {"runId": run}}]}}


def test_histories_artifacts_and_datasets_are_told(client, tmp_path):
    experiment = client.create_experiment("pages")
    run = client.create_run(experiment).info.run_id
    for step in range(4):
        client.log_metric(run, "a", step, step=step)
    query = f'{{ mlflowGetMetricHistoryBulkInterval(input: {{runIds: ["{run}"], metricKey: "a",}}) {{ metrics {{ value step }} }} }}'
    assert data(client, query)["mlflowGetMetricHistoryBulkInterval"]["metrics"] == [{"value": s, "step": str(s)} for s in range(4)]
    (tmp_path / "x.txt").write_text("hello world")
    client.log_artifact(run, str(tmp_path / "x.txt"))
    client.log_artifact(run, str(tmp_path / "x.txt"), "deep")
    query = f'{{ all: mlflowListArtifacts(input: {{runId: "{run}"}}) {{ files {{ path isDir fileSize }} }} }}'
    assert sorted(data(client, query)["all"]["files"], key=lambda file: file["path"]) == [
        {"path": "deep", "isDir": True, "fileSize": "0"}, {"path": "x.txt", "isDir": False, "fileSize": "11"}]
    tags = [InputTag(MLFLOW_DATASET_CONTEXT, "training")]
    client.log_inputs(run, [DatasetInput(Dataset("d", "1", "code", "here"), []), DatasetInput(Dataset("e", "2", "code", "here"), tags)])
    query = f'mutation {{ mlflowSearchDatasets(input: {{experimentIds: ["{experiment}"]}}) {{ datasetSummaries {{ name context }} }} }}'
    found = data(client, query)["mlflowSearchDatasets"]["datasetSummaries"]
    assert sorted(found, key=lambda dataset: dataset["name"]) == [{"name": "d", "context": ""}, {"name": "e", "context": "training"}]


def test_a_query_asks_for_only_so_much(client):
    for query, reason in [
        ("{" + " ".join(f'k{i}: test(inputString: "x") {{ output }}' for i in range(12)) + "}", "at most 10 root fields"),
        ("{ a " * 12 + "x" + "}" * 12, "maximum depth of 10"),
        ("{ test { nope } }", "Cannot query field 'nope' on type 'Test'."),
        ("{", "Syntax Error"),
    ]:
        answer = ask(client, query)
        assert answer["data"] is None or answer["data"] == {"test": None}
        assert reason in answer["errors"][0], answer


def test_a_tried_prompt_becomes_a_run_with_a_model(client):
    url = f"{client.tracking_uri}/ajax-api/2.0/mlflow/runs/create-promptlab-run"
    given = {}
    for name, value in [("experiment_id", client.create_experiment("prompts")), ("prompt_template", "Say {{word}}"),
                        ("prompt_parameters", [{"key": "word", "value": "hello"}]), ("model_route", "chat"), ("model_input", "Say hello"),
                        ("mlflow_version", "3.17.2")]:
        refused = requests.post(url, json=given)
        assert refused.status_code == 400 and f"must specify {name}." in refused.json()["message"]
        given[name] = value
    given |= {"run_name": "tried", "model_output": "hello", "model_parameters": [{"key": "temperature", "value": 0.1}],
              "model_output_parameters": [{"key": "latency", "value": 100}], "user_id": "me", "start_time": 456}
    answer = requests.post(url, json=given)
    assert answer.status_code == 200, answer.text
    run = client.get_run(answer.json()["run"]["info"]["run_id"])
    assert (run.info.run_name, run.info.user_id, run.info.status, run.info.start_time) == ("tried", "me", "FINISHED", 456)
    assert run.data.params == {"model_route": "chat", "prompt_template": "Say {{word}}", "temperature": "0.1"}
    assert run.data.tags["mlflow.runSourceType"] == "PROMPT_ENGINEERING"
    table = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/eval_results_table.json"))
    assert table == {"columns": ["word", "prompt", "output", "latency"], "data": [["hello", "Say hello", "hello", "100"]]}
    model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert model.metadata.signature.inputs.input_names() == ["word"]


def test_without_a_server_of_language_models_there_are_no_endpoints(client):
    url = f"{client.tracking_uri}/ajax-api/2.0/mlflow/gateway-proxy"
    assert requests.get(url, params={"gateway_path": "api/2.0/endpoints"}).json() == {"endpoints": []}
    assert requests.delete(url).status_code == 405


def test_files_of_logged_models_are_sent_and_their_versions_noted(client):
    model = mlflow.pyfunc.log_model(name="m", python_model=lambda model_input: model_input, pip_requirements=["mlflow"])
    url = f"{client.tracking_uri}/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files"
    answer = requests.get(url, params={"artifact_file_path": "MLmodel"})
    assert answer.status_code == 200 and model.model_id in answer.text
    assert requests.get(url, params={"artifact_file_path": "../MLmodel"}).status_code == 400
    client.create_registered_model("r")
    for _ in range(2):
        client.create_model_version("r", f"models:/{model.model_id}", model_id=model.model_id)
    assert client.get_logged_model(model.model_id).tags["mlflow.modelVersions"] == '[{"name": "r", "version": 1}, {"name": "r", "version": 2}]'


def test_what_a_batch_lacks_is_named_by_its_place(client):
    run = client.create_run("0").info.run_id
    url = f"{client.tracking_uri}/api/2.0/mlflow/runs/log-batch"
    for batch, name in [({"metrics": [{"key": "a", "value": 1}]}, "metrics[0].timestamp"), ({"params": [{"key": "a"}, {"value": "b"}]}, "params[1].key"),
                        ({"tags": [{"value": "b"}]}, "tags[0].key")]:
        answer = requests.post(url, json={"run_id": run, **batch})
        assert answer.status_code == 400 and f"Missing value for required parameter '{name}'" in answer.json()["message"]


def test_slashes_too_many_do_no_harm_and_what_is_not_there_is_said(client):
    url = client.tracking_uri
    assert requests.get(f"{url}//api/2.0//mlflow/experiments/get", params={"experiment_id": "0"}).json()["experiment"]["name"] == "Default"
    answer = requests.get(f"{url}/api/2.0/mlflow/nothing")
    assert answer.status_code == 404 and answer.json() == {"error_code": "ENDPOINT_NOT_FOUND", "message": "this server has no GET /api/2.0/mlflow/nothing"}
