"""boto3's client of SageMaker's runtime."""
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
