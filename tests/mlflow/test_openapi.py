"""The description of the server is a valid OpenAPI document, as a validator of others says, and answers are as it says."""
import jsonschema, pytest, requests
from mlflow import MlflowClient
from openapi_spec_validator import OpenAPIV31SpecValidator


def test_the_document_is_valid_and_says_the_fields_of_each_route(server):
    document = requests.get(f"{server.url}/openapi.json").json()
    assert not [f"{list(error.absolute_path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            assert {"200", "400", "404", "503"} <= said["responses"].keys(), (method, path)
            named = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
            assert {one["name"] for one in said.get("parameters", []) if one["in"] == "path"} == named
            is_checked = method in ("post", "put", "patch") and "requestBody" not in said
            # What is asked to end or go on has nothing to say.
            assert not is_checked or path.rsplit("/", 1)[-1] in ("join", "resume", "stop", "traces"), (method, path)


def test_answers_are_as_the_document_says(client, server):
    run = client.create_run("0").info.run_id
    for step, value in enumerate([0.5, float("nan"), float("inf")]):
        client.log_metric(run, "m", value, step=step)
    client.log_param(run, "p", "1")
    client.create_registered_model("cats")
    client.create_model_version("cats", f"runs:/{run}/model", run)
    client.set_registered_model_alias("cats", "best", "1")
    document = requests.get(f"{server.url}/openapi.json").json()
    for method, path, sent in [
        ("get", "/api/2.0/mlflow/runs/get", {"run_id": run}),
        ("post", "/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"]}),
        ("get", "/api/2.0/mlflow/metrics/get-history", {"run_id": run, "metric_key": "m"}),
        ("get", "/api/2.0/mlflow/experiments/get", {"experiment_id": "0"}),
        ("get", "/api/2.0/mlflow/registered-models/get", {"name": "cats"}),
        ("get", "/api/2.0/mlflow/model-versions/get", {"name": "cats", "version": "1"}),
        ("get", "/api/automl/lineage", {"of": run}),
        ("get", "/api/endpoints", {}),
        ("get", "/api/studies", {}),
        ("get", "/api/automl/audit", {}),
    ]:
        place = {"params": sent} if method == "get" else {"json": sent}
        answer = requests.request(method, server.url + path, **place)
        assert answer.status_code == 200, answer.text
        schema = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": document["components"]}, jsonschema.Draft202012Validator)
