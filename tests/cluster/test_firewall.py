"""The firewall's rules at the top of cluster.yaml, by a real nft in a network of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODES = ["192.0.2.10", "192.0.2.11"]
PORTS = [6379, 6384, 10002, 10999]
pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or None in map(shutil.which, ("unshare", "ip", "nft")),
    reason="needs root, unshare, ip and nft (Debian: iproute2, nftables)",
)

# Who reaches a server that listens on all addresses, as Ray does? A packet to an address of one's own comes
# in by the loopback interface, through the same rules.
KNOCK = """
import socket, sys
server = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
for source, target in [pair.split(">") for pair in sys.argv[2:]]:
    try:
        socket.create_connection((target, int(sys.argv[1])), timeout=0.5, source_address=(source, 0)).close()
        print(source)
    except TimeoutError:
        pass
"""
WAYS = ["192.0.2.10>192.0.2.10", "192.0.2.11>192.0.2.10", "192.0.2.99>192.0.2.10", "127.0.0.1>127.0.0.1"]
WAYS += ["::1>::1", "2001:db8::99>2001:db8::10"]
ALL = [way.partition(">")[0] for way in WAYS]
STRANGERS = ["192.0.2.99", "2001:db8::99"]


def rules() -> list[str]:
    lines = re.findall(r"^#   (nft .*)$", (ROOT / "cluster.yaml").read_text(), re.MULTILINE)
    return [line.replace("NODES", ", ".join(NODES)) for line in lines]


def reached(commands: list[str], port: int) -> list[str]:
    """Sources that come through, in a fresh network where the commands were given."""
    addresses = [f"ip address add {name}/24 dev lo" for name in (*NODES, "192.0.2.99")]
    addresses += [f"ip address add 2001:db8::{name}/64 dev lo nodad" for name in ("10", "99")]
    script = "\n".join(["set -e", "ip link set lo up", *addresses, *commands, 'exec "$@"'])
    knock = [sys.executable, "-c", KNOCK, str(port), *WAYS]
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", script, "bash", *knock],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_without_them_everybody_comes_in() -> None:
    assert reached([], PORTS[0]) == ALL


@pytest.mark.parametrize("port", PORTS)
def test_only_nodes_reach_ray(port: int) -> None:
    assert len(rules()) == 4
    assert reached(rules(), port) == [name for name in ALL if name not in STRANGERS]


def test_other_ports_are_not_touched() -> None:
    assert reached(rules(), 22) == ALL
