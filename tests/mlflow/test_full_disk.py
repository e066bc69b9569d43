"""A disk that is full, as a small file system of its own: what does not fit is refused, what was kept stays, and with room it goes on."""
import os, subprocess

import pytest, requests
from conftest import Server
from test_durability import Caller, run_of

DISK_MIB = 16
N_TAGS, N_LETTERS = 20, 5000


@pytest.fixture
def disk(tmp_path):
    """A small disk with a file on it that can be removed to make room."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "automl-test", place], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {made.stderr.strip()}")
    (place / "filler").write_bytes(bytes(DISK_MIB // 4 << 20))
    yield place
    # A test that failed may have left a server on it.
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_told_keeps_all_and_is_done_with_once_there_is_room(disk, tmp_path):
    start = lambda: Server("--workspace", disk / "workspace", cwd=tmp_path)
    server = start()
    call = Caller(server.url)
    run, n_kept = run_of(call), 0

    def log(begin):
        tags = [{"key": f"t{number}", "value": str(number) * (N_LETTERS // 5)} for number in range(begin, begin + N_TAGS)]
        return call("runs/log-batch", {"run_id": run, "tags": tags})

    def kept():
        status, answer = call(f"runs/get?run_id={run}", {}, "GET")
        assert status == 200, answer
        tags = {tag["key"]: tag["value"] for tag in answer["run"]["data"]["tags"]}
        return {number for number in range(n_kept + N_TAGS) if tags.get(f"t{number}") == str(number) * (N_LETTERS // 5)}

    while (told := log(n_kept))[0] == 200:
        n_kept += N_TAGS
    assert (told[0], told[1]["error_code"]) == (507, "RESOURCE_EXHAUSTED"), told
    assert n_kept > 0 and kept() == set(range(n_kept))
    url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/large"
    assert requests.put(url, data=os.urandom(DISK_MIB << 20)).status_code == 507
    assert requests.get(url).status_code == 404
    # Killed and started again, it has all that it acknowledged, and goes on.
    server.process.kill()
    server.process.wait()
    (disk / "filler").unlink()
    server = start()
    call = Caller(server.url)
    assert kept() == set(range(n_kept))
    assert log(n_kept)[0] == 200
    n_kept += N_TAGS
    assert kept() == set(range(n_kept))
    server.stop()
