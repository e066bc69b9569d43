"""MLflow's client of its scoring server."""
import io

import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


@pytest.fixture
def client(served):
    made = ScoringServerClient("127.0.0.1", 0)
    # It knows a host and a port, and an endpoint has a path.
    made.url_prefix = f"{served.url}/endpoints/churn"
    return made


def test_frames_are_answered(served, client):
    client.ping()
    frame = pd.read_csv(io.StringIO(served.text))
    assert client.invoke(frame).get_predictions()[0].tolist() == served.classes
    assert client.get_version()


def test_what_is_wrong_is_told(served, client):
    with pytest.raises(Exception, match="no column 'x'"):
        client.invoke(pd.DataFrame({"x": [1.0]}))
