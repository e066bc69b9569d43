"""Large files in parts and ranges, by the unmodified client and by hand."""
import hashlib, os, subprocess

import pytest
import requests
from conftest import BIN, Server
from mlflow.artifacts import download_artifacts

MIB = 1 << 20


def proxy(server, verb="artifacts"):
    return f"{server.url}/api/2.0/mlflow-artifacts/{verb}"


@pytest.fixture
def in_parts(monkeypatch):
    """The client sends what has 6 MiB or more in parts of 5 MiB."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(6 * MIB))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * MIB))


@pytest.fixture
def large(tmp_path):
    file = tmp_path / "large file.bin"
    file.write_bytes(os.urandom(12 * MIB + 7))
    return file


def begun(server, path, name, n_parts):
    answer = requests.post(f"{proxy(server, 'mpu/create')}/{path}", json={"path": f"where/the/client/has/it/{name}", "num_parts": n_parts})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(server, verb, path, name, upload, **fields):
    return requests.post(f"{proxy(server, f'mpu/{verb}')}/{path}", json={"path": name, "upload_id": upload["upload_id"], **fields})


def test_the_client_sends_large_files_in_parts(client, server, large, in_parts, tmp_path):
    run = client.create_run("0").info.run_id
    client.log_artifact(run, str(large), "deep/er")
    assert [f.file_size for f in client.list_artifacts(run, "deep/er")] == [large.stat().st_size]
    there = download_artifacts(run_id=run, artifact_path="deep/er/large file.bin", tracking_uri=server.url)
    assert open(there, "rb").read() == large.read_bytes()
    client.log_artifact(run, str(large))
    blobs = [f for f in (tmp_path / "artifacts/.blobs").glob("*/*")]
    assert len(blobs) == 1 and blobs[0].name == hashlib.sha256(large.read_bytes()).hexdigest()
    assert not list((tmp_path / "artifacts/.unfinished").iterdir())


def test_the_client_reads_large_files_in_ranges(client, server, large, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(5 * MIB))
    run = client.create_run("0").info.run_id
    client.log_artifact(run, str(large))
    there = download_artifacts(run_id=run, artifact_path="large file.bin", tracking_uri=server.url)
    assert open(there, "rb").read() == large.read_bytes()


def test_parts_outlive_the_server(backend, tmp_path):
    args = "--workspace", backend(tmp_path), "--artifacts", tmp_path / "artifacts"
    server = Server(*args, cwd=tmp_path)
    upload = begun(server, "dir", "a", 2)
    tags = [requests.put(upload["credentials"][0]["url"], data=b"x" * 100).headers["ETag"]]
    server.process.kill()
    server.process.wait()
    server = Server(*args, cwd=tmp_path)
    second = upload["credentials"][1]["url"].replace(upload["credentials"][1]["url"].split("/api")[0], server.url)
    # A part that broke off is sent again.
    for _ in range(2):
        answer = requests.put(second, data=b"y")
    tags.append(answer.headers["ETag"])
    parts = [{"part_number": n + 1, "etag": tag} for n, tag in enumerate(tags)]
    assert requests.get(f"{proxy(server)}/dir/a").status_code == 404
    assert ended(server, "complete", "dir", "a", upload, parts=parts).status_code == 200
    assert requests.get(f"{proxy(server)}/dir/a").content == b"x" * 100 + b"y"
    server.stop()


def test_an_upload_that_is_given_up_leaves_nothing(server, tmp_path):
    upload = begun(server, "dir", "a", 1)
    assert requests.put(upload["credentials"][0]["url"], data=b"x").status_code == 200
    assert ended(server, "abort", "other", "a", upload).status_code == 404
    assert ended(server, "abort", "dir", "a", upload).status_code == 200
    assert ended(server, "complete", "dir", "a", upload, parts=[{"part_number": 1, "etag": "x"}]).status_code == 404
    assert not list((tmp_path / "artifacts/.unfinished").iterdir())


def test_only_signed_addresses_take_parts(server):
    upload = begun(server, "dir", "a", 2)
    first, second = (credential["url"] for credential in upload["credentials"])
    for bad in first.split("?")[0], first.replace("/1?", "/2?"), first.replace("expires=1", "expires=9"), first[:-1] + "g":
        answer = requests.put(bad, data=b"x")
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED"), bad
    assert requests.get(f"{proxy(server, 'signed/file')}/a?expires=99999999999&signature=00").status_code == 403
    assert requests.put(second, data=b"x").status_code == 200
    answer = ended(server, "complete", "dir", "a", upload, parts=[{"part_number": 2, "etag": "x"}])
    assert answer.status_code == 400 and "part 1 is missing" in answer.json()["message"]
    for bad in "../x", "..%2fx":
        assert requests.post(f"{proxy(server, 'mpu/create')}/d", json={"path": f"/a/{bad}/..", "num_parts": 1}).status_code == 400
    assert requests.post(f"{proxy(server, 'mpu/create')}/d", json={"path": "a", "num_parts": 0}).status_code == 400


def test_ranges(server):
    url = f"{proxy(server)}/a"
    requests.put(url, data=b"0123456789")
    tag = requests.get(url).headers.get("ETag")
    for asked, told, status in [("bytes=2-4", b"234", 206), ("bytes=7-", b"789", 206), ("bytes=-2", b"89", 206), ("bytes=5-99", b"56789", 206),
                                ("lines=1-2", b"0123456789", 200), ("bytes=4-2", b"0123456789", 200)]:
        answer = requests.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (status, told), asked
    assert requests.get(url, headers={"Range": "bytes=2-4"}).headers["Content-Range"] == "bytes 2-4/10"
    assert requests.get(url, headers={"Range": "bytes=10-"}).status_code == 416
    if tag:
        assert requests.get(url, headers={"Range": "bytes=2-4", "If-Range": tag}).status_code == 206
        assert requests.get(url, headers={"Range": "bytes=2-4", "If-Range": '"other"'}).content == b"0123456789"


def test_a_damaged_file_is_not_given_out_whole(server, tmp_path):
    url, file = f"{proxy(server)}/a", tmp_path / "artifacts/a"
    requests.put(url, data=b"x" * MIB)
    if "ETag" not in requests.get(url).headers:
        pytest.skip("this file system keeps no digests")
    with open(file, "r+b") as stream:
        stream.write(b"y")
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(url)


def test_a_full_disk_refuses_and_keeps_what_is_there(tmp_path):
    # A limit on the size of files stands for a full disk.
    class Limited(Server):
        def __init__(self, *args, cwd):
            script = "trap '' XFSZ; ulimit -f 2048; exec \"$@\""
            self.process = subprocess.Popen(["bash", "-c", script, "-", BIN, "serve", "--port", "0", *map(str, args)], stdout=subprocess.PIPE, text=True, cwd=cwd)
            self.url = self.process.stdout.readline().split()[-1]

    server = Limited("--workspace", tmp_path / "w", cwd=tmp_path)
    assert requests.put(f"{proxy(server)}/small", data=b"x" * MIB).status_code == 200
    answer = requests.put(f"{proxy(server)}/small", data=b"y" * 3 * MIB)
    assert (answer.status_code, answer.json()["error_code"]) == (507, "RESOURCE_EXHAUSTED"), answer.text
    assert requests.get(f"{proxy(server)}/small").content == b"x" * MIB
    assert not list((tmp_path / "w/artifacts/.unfinished").iterdir())
    server.stop()
