"""A server that is killed in the middle of a thousand writes at once loses none that it acknowledged."""
import asyncio, json, random, re, subprocess

import pytest

from conftest import BIN

N_CLIENTS = 1000
SPACE = {"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}
STUDY = {"name": "s", "space": SPACE, "objectives": [{"name": "loss"}], "algorithm": {"name": "random"}}


async def post(streams, path, body):
    reader, writer = streams
    body = json.dumps(body).encode()
    writer.write(f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    told = await reader.readexactly(int(re.search(rb"content-length: (\d+)", head, re.I)[1]))
    return int(head.split(b" ", 2)[1]), json.loads(told)


async def client(port, number, acknowledged):
    """Adds trials with their values until the server is gone; keeps what was acknowledged."""
    draws = random.Random(number)
    try:
        streams = await asyncio.open_connection("127.0.0.1", port)
        while True:
            x = draws.random()
            status, told = await post(streams, "/api/studies/s/trials", {"params": {"x": x}, "value": x * 2})
            assert status == 200, told
            acknowledged[told["trial"]["number"]] = x
    except (ConnectionError, asyncio.IncompleteReadError):
        pass


async def write_until_killed(server, acknowledged):
    clients = [asyncio.create_task(client(server.port, number, acknowledged)) for number in range(N_CLIENTS)]
    while len(acknowledged) < N_CLIENTS:
        await asyncio.sleep(0.01)
    server.process.kill()
    await asyncio.gather(*clients)


def call(server, path, body):
    async def once():
        return await post(await asyncio.open_connection("127.0.0.1", server.port), path, body)

    status, told = asyncio.run(once())
    assert status == 200, told
    return told


@pytest.mark.parametrize("n_kills", [3])
def test_no_acknowledged_trial_is_lost_and_the_study_goes_on(server, n_kills):
    call(server, "/api/studies", STUDY)
    acknowledged = {}
    for _ in range(n_kills):
        before = dict(acknowledged)
        acknowledged.clear()
        asyncio.run(write_until_killed(server, acknowledged))
        assert not before.keys() & acknowledged.keys(), "a number was given twice"
        acknowledged.update(before)
        server.kill()
        trials = json.loads(export(server))["trials"]
        kept = {trial["number"]: trial for trial in trials}
        assert len(kept) == len(trials)
        for number, x in acknowledged.items():
            assert kept[number]["params"] == {"x": x} and kept[number]["values"] == {"loss": x * 2}
    (trial,) = call(server, "/api/studies/s/suggest", {})["trials"]
    assert trial["number"] not in acknowledged
    call(server, f"/api/studies/s/trials/{trial['number']}/tell", {"value": 0.5})


def export(server):
    command = [BIN, "study", "export", "s", "--workspace", server.workspace]
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, cwd=server.cwd).stdout
