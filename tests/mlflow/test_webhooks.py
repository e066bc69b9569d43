"""Webhooks: made through the client, told of the registry, signed."""
import base64, hashlib, hmac, json, queue, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException

from conftest import Server

WAIT_S = 20


@pytest.fixture
def hook():
    """An address with a queue of what it was sent."""
    received = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put((dict(self.headers.items()), body.decode()))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"heard")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    received.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield received
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_client(backend, tmp_path):
    """A client of a server whose webhooks may lead to this machine."""
    running = Server("--workspace", backend(tmp_path), "--webhooks-to-private", cwd=tmp_path)
    mlflow.set_tracking_uri(running.url)
    mlflow.set_registry_uri(running.url)
    yield MlflowClient(running.url)
    running.stop()


def heard(hook):
    headers, body = hook.get(timeout=WAIT_S)
    return {name.lower(): value for name, value in headers.items()}, json.loads(body), body


def signature(secret, headers, text):
    """What a delivery must be signed with."""
    signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.{text}"
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()).decode()


def told(hook):
    _, body, _ = heard(hook)
    return f"{body['entity']}.{body['action']}", body["data"]


def names(webhook):
    return [f"{event.entity}.{event.action}" for event in webhook.events]


def test_webhooks_are_made_listed_changed_and_deleted(open_client):
    made = open_client.create_webhook(
        "one", "https://example.com/a", ["model_version.created", "model_version_tag.set"], description="first", secret="hush")
    assert (made.name, made.url, made.description, made.status) == ("one", "https://example.com/a", "first", WebhookStatus.ACTIVE)
    assert set(names(made)) == {"model_version.created", "model_version_tag.set"}
    assert made.secret is None and made.creation_timestamp > 0
    assert open_client.get_webhook(made.webhook_id).to_proto() == made.to_proto()
    second = open_client.create_webhook("two", "https://example.com/b", ["registered_model.created"], status="DISABLED")
    assert second.status == WebhookStatus.DISABLED
    page = open_client.list_webhooks(max_results=1)
    assert len(page) == 1 and page.token
    rest = open_client.list_webhooks(max_results=1, page_token=page.token)
    assert {page[0].webhook_id, rest[0].webhook_id} == {made.webhook_id, second.webhook_id} and not rest.token
    changed = open_client.update_webhook(made.webhook_id, name="uno", events=["prompt.created"], status="DISABLED")
    assert (changed.name, changed.url, changed.description, changed.status) == ("uno", made.url, "first", WebhookStatus.DISABLED)
    assert names(changed) == ["prompt.created"]
    open_client.delete_webhook(made.webhook_id)
    for call in open_client.get_webhook, open_client.delete_webhook, open_client.test_webhook:
        with pytest.raises(MlflowException, match=f"Webhook with ID {made.webhook_id} not found"):
            call(made.webhook_id)


def test_webhooks_that_are_not_right_are_refused(client):
    for name, url, events, reason in [
        ("-", "https://example.com", ["model_version.created"], "Webhook name '-' is invalid"),
        ("a" * 63, "https://example.com", ["model_version.created"], "is invalid"),
        ("a", "   ", ["model_version.created"], "Webhook URL cannot be empty or just whitespace"),
        ("a", "http://[broken", ["model_version.created"], "Invalid webhook URL"),
        ("a", "ftp://example.com", ["model_version.created"], "Invalid webhook URL scheme: 'ftp'"),
        ("a", "http://example.com", ["model_version.created"], "Invalid webhook URL scheme: 'http'"),
        ("a", "https://127.0.0.1/x", ["model_version.created"], "not a public address"),
        ("a", "https://localhost/x", ["model_version.created"], "not a public address"),
        ("a", "https://[::ffff:10.0.0.1]/x", ["model_version.created"], "not a public address"),
        ("a", "https://169.254.169.254/x", ["model_version.created"], "not a public address"),
    ]:
        with pytest.raises(MlflowException, match=reason):
            client.create_webhook(name, url, events)


def test_what_happens_in_the_registry_is_told_and_signed(open_client, hook):
    events = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
              "model_version_alias.created", "model_version_alias.deleted"]
    open_client.create_webhook("all", hook.url, events, secret="hush")
    open_client.create_webhook("off", hook.url, events, status="DISABLED")
    open_client.create_registered_model("m", tags={"a": "1"}, description="words")
    headers, body, text = heard(hook)
    assert (body["entity"], body["action"]) == ("registered_model", "created")
    assert body["data"] == {"name": "m", "tags": {"a": "1"}, "description": "words"}
    assert headers["x-mlflow-signature"] == signature("hush", headers, text)
    run = open_client.create_run("0").info.run_id
    open_client.create_model_version("m", f"runs:/{run}/model", run)
    event, data = told(hook)
    assert event == "model_version.created"
    assert (data["name"], data["version"], data["source"], data["run_id"]) == ("m", "1", f"runs:/{run}/model", run)
    open_client.set_model_version_tag("m", "1", "k", "v")
    assert told(hook) == ("model_version_tag.set", {"name": "m", "version": "1", "key": "k", "value": "v"})
    open_client.delete_model_version_tag("m", "1", "k")
    assert told(hook) == ("model_version_tag.deleted", {"name": "m", "version": "1", "key": "k"})
    open_client.set_registered_model_alias("m", "best", "1")
    assert told(hook) == ("model_version_alias.created", {"name": "m", "alias": "best", "version": "1"})
    open_client.delete_registered_model_alias("m", "best")
    assert told(hook) == ("model_version_alias.deleted", {"name": "m", "alias": "best"})
    assert hook.empty(), "a disabled webhook is told nothing"


def test_prompts_tell_events_of_their_own(open_client, hook):
    events = ["prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_alias.created", "registered_model.created",
              "model_version.created"]
    open_client.create_webhook("prompts", hook.url, events)
    mlflow.genai.register_prompt(name="p", template="Hello {{name}}!", commit_message="first")
    event, data = told(hook)
    assert (event, data["name"]) == ("prompt.created", "p") and "mlflow.prompt.is_prompt" not in data["tags"]
    found = [told(hook)]
    while found[-1][0] != "prompt_version.created":
        found.append(told(hook))
    assert (found[-1][1]["version"], found[-1][1]["template"]) == ("1", "Hello {{name}}!")
    assert all(event.startswith("prompt") for event, _ in found)
    assert mlflow.genai.load_prompt("prompts:/p/1").format(name="you") == "Hello you!"


def test_a_webhook_is_tried_with_an_example(open_client, hook):
    made = open_client.create_webhook("one", hook.url, ["model_version.created"])
    result = open_client.test_webhook(made.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, "heard")
    assert told(hook)[1]["name"] == "example_model"
    result = open_client.test_webhook(made.webhook_id, WebhookEvent.from_str("prompt_tag.set"))
    assert result.success and told(hook) == ("prompt_tag.set", {"name": "example_prompt", "key": "example_key", "value": "example_value"})
