"""``python -m study.nodes.ending BOOTSTRAP.yaml``: on the head, end Ray on the workers of a local cluster."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from study.joining import is_here

PATIENCE_S = 30.0  # 'ray stop' takes 2 s, and 16 s for a process that does not listen


def commands(config: dict[str, Any]) -> dict[str, list[str]]:
    """What to run for each worker, by address; none where a cloud's provider ends the machines themselves."""
    provider, auth = config.get("provider", {}), config.get("auth", {})
    if provider.get("type") != "local":
        return {}
    options = [
        "BatchMode=yes",
        "ConnectTimeout=5",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
    ]
    command = ["ssh", "-q", *(word for option in options for word in ("-o", option))]
    if key := auth.get("ssh_private_key"):
        command += ["-i", str(Path(key).expanduser())]
    user = auth["ssh_user"]
    return {
        host: [*command, f"{user}@{host}", ". ~/spinetune/clusters/environment.sh; command ray stop"]
        for host in provider.get("worker_ips", [])
    }


def _end(command: list[str]) -> str | None:
    """Why Ray may still run on a worker; None where it does not."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no end after {PATIENCE_S:.0f} s"
    if done.returncode:
        return (done.stdout + done.stderr).strip().rpartition("\n")[2] or "ssh does not get there"
    return None


def main(argv: list[str]) -> int:
    """Returns 0 where every worker has ended; says which has not.

    Nothing is done where this machine is not the head: a worker may have the head's home, or have been it.
    """
    config = yaml.safe_load(Path(argv[0]).read_text())
    wanted = commands(config)
    head = str(config.get("provider", {}).get("head_ip"))
    if wanted and not is_here(head):
        print(f"the head, {head}, is not this machine: Ray goes on running on {', '.join(wanted)}")
        return 0
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        results = dict(zip(wanted, pool.map(_end, wanted.values()), strict=True))
    for host, problem in results.items():
        if problem:
            print(f"{host}: Ray may still run there ({problem}); without its head it ends in two minutes")
    return 1 if any(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
