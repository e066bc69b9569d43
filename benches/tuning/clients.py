#!/usr/bin/env python3
"""How soon a study answers many connected clients: suggestions at random, each told of.

    python benches/tuning/clients.py [--clients 1000] [--seconds 20] [--every 2]

Each client keeps one connection to `automl serve` (the binary named by $AUTOML_BIN, default target/release/automl) and asks one
study for a trial about every two seconds, telling of the one before. Prints the rate, and how long suggestions and tells took.
"""
import argparse, asyncio, json, os, random, re, subprocess, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
SPACE = {"parameters": [{"name": f"x{i}", "type": "float", "low": 0, "high": 1} for i in range(6)]}
STUDY = {"name": "many", "space": SPACE, "objectives": [{"name": "loss"}], "algorithm": {"name": "random"}}


class Client:
    """One connection."""

    def __init__(self, port):
        self.port = port

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def post(self, path, body):
        body = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        length = int(re.search(rb"content-length: (\d+)", answer, re.I)[1])
        told = await self.reader.readexactly(length)
        assert status == 200, told
        return json.loads(told)


async def client(port, number, until, every, asked, told):
    one = Client(port)
    await one.connect()
    draws = random.Random(number)
    await asyncio.sleep(draws.uniform(0, every))
    while time.perf_counter() < until:
        start = time.perf_counter()
        (trial,) = (await one.post("/api/studies/many/suggest", {"client": str(number)}))["trials"]
        asked.append(time.perf_counter() - start)
        await asyncio.sleep(every * draws.uniform(0.4, 0.6))
        start = time.perf_counter()
        await one.post(f"/api/studies/many/trials/{trial['number']}/tell", {"values": {"loss": draws.random()}})
        told.append(time.perf_counter() - start)
        await asyncio.sleep(every * draws.uniform(0.4, 0.6))


async def crowd(port, args):
    maker = Client(port)
    await maker.connect()
    await maker.post("/api/studies", STUDY)
    asked, told = [], []
    until = time.perf_counter() + args.seconds
    await asyncio.gather(*(client(port, number, until, args.every, asked, told) for number in range(args.clients)))
    for what, times in (("suggest", sorted(asked)), ("tell", sorted(told))):
        at = lambda share: 1000 * times[int(share * (len(times) - 1))]
        print(f"{what}: {len(times) / args.seconds:.0f}/s, p50 {at(.5):.2f} ms, p99 {at(.99):.2f} ms, longest {at(1):.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--every", type=float, default=2, help="seconds of a client from trial to trial")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [BIN, "serve", "--port", "0", "--workspace", Path(folder) / "workspace"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = int(re.search(r"127\.0\.0\.1:(\d+)", server.stdout.readline())[1])
        try:
            asyncio.run(crowd(port, args))
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
