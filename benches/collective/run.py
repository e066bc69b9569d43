"""Times a sum of 26 MB over ranks: two network namespaces joined at 1 Gbit/s, and processes of one machine.

    python3 benches/collective/run.py

Needs root, `ip` and `tc` for the namespaces; uses mpirun.openmpi and mpirun.mpich where they are. Prints a table.
"""

import json
import os
import subprocess
import sys

MEGABYTES = 26
REPEATS = 20
#: 1 Gbit/s with nothing taken off for headers.
LINE_BYTES_PER_S = 1e9 / 8
NAMES = ["automl-rank0", "automl-rank1"]


def build():
    command = ["cargo", "build", "--release", "-q", "-p", "automl-collective", "--example", "all_reduce"]
    subprocess.run(command, check=True)
    return os.path.abspath("target/release/examples/all_reduce")


def ip(line):
    subprocess.run(["ip", *line.split()], check=True)


def join(names):
    """Two namespaces with a cable of 1 Gbit/s between them."""
    for name in names:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
        ip(f"netns add {name}")
    ip(f"link add av0 netns {names[0]} type veth peer name av1 netns {names[1]}")
    for index, name in enumerate(names):
        ip(f"-n {name} addr add 10.77.0.{index + 1}/24 dev av{index}")
        ip(f"-n {name} link set lo up")
        ip(f"-n {name} link set av{index} up")
        shape = f"netns exec {name} tc qdisc add dev av{index} root tbf rate 1gbit burst 128kb latency 20ms"
        ip(shape)


def part(names):
    for name in names:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def by_tcp(program, size, prefix, address, port):
    ranks = []
    for rank in range(size):
        env = os.environ | {
            "RANK": str(rank),
            "WORLD_SIZE": str(size),
            "MASTER_ADDR": address,
            "MASTER_PORT": str(port),
        }
        command = [*prefix(rank), program, str(MEGABYTES), str(REPEATS)]
        ranks.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True))
    outputs = [rank.communicate()[0] for rank in ranks]
    assert all(rank.returncode == 0 for rank in ranks), outputs
    return json.loads(outputs[0])


def by_mpi(program, launcher, size):
    env = os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }
    command = [launcher, "-n", str(size), program, str(MEGABYTES), str(REPEATS)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    program = build()
    rows = []
    if os.geteuid() == 0:
        join(NAMES)
        try:
            prefix = lambda rank: ["ip", "netns", "exec", NAMES[rank]]  # noqa: E731
            found = by_tcp(program, 2, prefix, "10.77.0.1", 29500)
        finally:
            part(NAMES)
        # Two ranks send and receive the whole vector once: half of it in each of two steps.
        share = found["bytes"] / found["median_s"] / LINE_BYTES_PER_S
        rows.append(("two machines, 1 Gbit/s", found, f"{share:.0%} of line rate"))
    else:
        print("no namespaces: not root", file=sys.stderr)
    for size in (2, 4):
        rows.append(("one machine", by_tcp(program, size, lambda rank: [], "127.0.0.1", 29501 + size), ""))
        for launcher in ("mpirun.openmpi", "mpirun.mpich"):
            if subprocess.run(["which", launcher], capture_output=True).returncode == 0:
                rows.append(("one machine", by_mpi(program, launcher, size), ""))
    print("| where | ranks | transport | median ms | least ms | |")
    print("|---|---|---|---|---|---|")
    for where, found, note in rows:
        median, least = found["median_s"] * 1e3, found["least_s"] * 1e3
        print(f"| {where} | {found['ranks']} | {found['transport']} | {median:.0f} | {least:.0f} | {note} |")


if __name__ == "__main__":
    main()
