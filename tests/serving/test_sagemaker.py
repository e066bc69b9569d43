"""boto3's client of SageMaker's runtime."""
import csv
import io
import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def runtime(served):
    return boto3.client("sagemaker-runtime", endpoint_url=served.url, region_name="local", aws_access_key_id="a",
                        aws_secret_access_key="b", config=Config(retries={"max_attempts": 1}))


def test_json_and_csv_are_answered(served, runtime):
    body = json.dumps({"instances": served.rows})
    answer = runtime.invoke_endpoint(EndpointName="churn", ContentType="application/json", Body=body)
    assert json.load(answer["Body"])["predictions"] == served.classes
    assert answer["InvokedProductionVariant"] == "v1"
    answer = runtime.invoke_endpoint(EndpointName="churn", ContentType="text/csv", Body=served.text, TargetVariant="v2")
    assert json.load(answer["Body"])["predictions"] == served.classes
    assert answer["InvokedProductionVariant"] == "v2"


def test_probabilities_and_lines(served, runtime):
    body = json.dumps({"instances": served.rows, "params": {"probabilities": True}})
    answer = json.load(runtime.invoke_endpoint(EndpointName="churn", ContentType="application/json", Body=body)["Body"])
    told = list(map(list, zip(answer["probabilities"]["no"], answer["probabilities"]["yes"])))
    assert (answer["predictions"], told) == (served.classes, served.probabilities)
    # Rows without names, in the order of the model's columns.
    out = io.StringIO()
    csv.writer(out).writerows([row[name] for name in served.features] for row in served.rows)
    answer = runtime.invoke_endpoint(EndpointName="churn", ContentType="text/csv", Accept="text/csv", Body=out.getvalue())
    assert answer["ContentType"] == "text/csv"
    assert answer["Body"].read().decode().splitlines() == served.classes
    lines = "\n".join(json.dumps(row) for row in served.rows)
    answer = runtime.invoke_endpoint(EndpointName="churn", ContentType="application/jsonlines", Accept="application/jsonlines", Body=lines)
    assert [json.loads(line)["prediction"] for line in answer["Body"].read().splitlines()] == served.classes


def test_errors_of_the_model_are_raised_as_such(runtime):
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        runtime.invoke_endpoint(EndpointName="churn", ContentType="application/json", Body="{")
    assert refused.value.response["OriginalStatusCode"] == 400
    assert "not JSON" in refused.value.response["OriginalMessage"]
    with pytest.raises(ClientError) as missing:
        runtime.invoke_endpoint(EndpointName="churm", ContentType="application/json", Body="{}")
    assert missing.value.response["Error"]["Code"] == "ValidationError"


def test_what_is_wrong_is_told(served, runtime):
    for name, body, status, told in [
        ("churm", "{}", 404, "there is no endpoint"),
        ("churn", "{", 400, "not JSON"),
        ("churn", json.dumps({"instances": [{"x": 1}]}), 400, "no column 'x'"),
    ]:
        with pytest.raises(ClientError) as refused:
            runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=body)
        answer = refused.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
        assert told in answer["Error"]["Message"]
