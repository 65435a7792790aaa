"""Fake hosts on one machine: each a network, PID, mount and UTS namespace, on a bridge without uplink.

The network namespace alone is not enough: ``ray stop`` kills by name whatever its PID namespace shows, and
nodes would share /tmp/ray and /dev/shm. Needs root, iproute2 and util-linux.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainables.errors import ConfigError

NETWORK = "198.51.100"  # TEST-NET-2: routed nowhere
PORT = 6379
PREFIX = "spf"  # of the names of all namespaces and devices; two runs at once need two
START_S = 400.0
ROOT = Path(__file__).parents[2]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """One machine: ``run`` starts a process on it, ``power_off`` kills all of them at once."""

    def __init__(self, net: Net, index: int, cpus: int) -> None:
        self.net, self.name, self.cpus = net, f"{net.prefix}{index}", cpus
        self.address = f"{NETWORK}.{10 + index}"
        self.folder = net.work / self.name
        self._unshare: subprocess.Popen[bytes] | None = None
        self.node: subprocess.Popen[bytes] | None = None  # what started Ray
        self.pid = 0  # of its first process, seen from outside
        _ip("netns", "add", self.name)
        _ip("link", "add", f"{self.name}v", "netns", self.name, "type", "veth", "peer", "name", self._port,
            "netns", net.switch)  # fmt: skip
        net.inside("ip", "link", "set", self._port, "master", "br0", "up")
        for words in (
            ["link", "set", "lo", "up"],
            ["addr", "add", f"{self.address}/24", "dev", f"{self.name}v"],
            ["link", "set", f"{self.name}v", "up"],
        ):
            _ip("netns", "exec", self.name, "ip", *words)
        self.power_on()

    @property
    def _port(self) -> str:
        return f"{self.name}p"

    def power_on(self) -> None:
        """Give it its own processes, /tmp/ray, /dev/shm and name; nothing of Ray runs yet."""
        for name in ("ray", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        begin = [
            f"hostname {self.name}",
            "mkdir -p /tmp/ray",
            f"mount --bind {shlex.quote(str(self.folder / 'ray'))} /tmp/ray",
            "mount -t tmpfs tmpfs /dev/shm",
            f"touch {shlex.quote(str(self.folder / 'up'))}",
            "while :; do sleep 1000 & wait $!; done",  # bash: it reaps what is orphaned
        ]
        (self.folder / "up").unlink(missing_ok=True)
        command = ["ip", "netns", "exec", self.name, "unshare", "--pid", "--fork", "--kill-child", "--mount"]
        command += ["--propagation=slave", "--uts", "--ipc", "--mount-proc", "bash", "-c", "; ".join(begin)]
        self._unshare = subprocess.Popen(command, start_new_session=True)
        until(lambda: (self.folder / "up").exists(), 20, f"{self.name} does not start")
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        self.pid = int(children.read_text().split()[0])

    def power_off(self) -> None:
        """Every process of the host is gone with its first one, without a word to anybody."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if self._unshare is not None:
            self._unshare.wait()

    def link(self, up: bool) -> None:
        """Plug the network cable in, or pull it."""
        self.net.inside("ip", "link", "set", self._port, "up" if up else "down")

    def command(self, words: Sequence[str]) -> list[str]:
        """The words as a command on this host."""
        return ["nsenter", f"--target={self.pid}", "--net", "--pid", "--mount", "--uts", "--ipc", *words]

    def start(
        self, words: Sequence[str], log: Path, extra: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A process on this host, in the study's environment; its output goes into ``log``."""
        with log.open("ab") as file:
            return subprocess.Popen(
                self.command(words),
                cwd=ROOT,
                env=self.net.environment | {"TMPDIR": str(self.folder / "tmp")} | (extra or {}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ray(self, head: Host, extra: dict[str, str] | None = None) -> None:
        """Join the cluster (found it, if this is the head), and again whenever the node has died.

        The loop stands for what restarts a node elsewhere: the autoscaler, systemd, a pod's policy.
        """
        words = [str(Path(sys.executable).with_name("ray")), "start", f"--node-ip-address={self.address}"]
        words += [f"--num-cpus={self.cpus}", "--object-store-memory=100000000", "--block"]
        if head is self:
            words += ["--head", f"--port={PORT}", "--include-dashboard=false"]
        else:
            words += [f"--address={head.address}:{PORT}"]
        loop = f"while :; do {shlex.join(words)}; sleep 2; done"
        command = shlex.join(words) if head is self else loop
        self.node = self.start(["bash", "-c", command], self.folder / "ray.log", extra)

    @staticmethod
    def _namespace(entry: Path) -> str:
        with contextlib.suppress(OSError):
            return str((entry / "ns" / "pid").readlink())
        return ""

    def processes(self) -> dict[int, str]:
        """Living processes by PID as seen from outside, with their command lines."""
        found = {}
        mine = self._namespace(Path(f"/proc/{self.pid}"))
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if not entry.name.isdigit() or not mine or self._namespace(entry) != mine:
                    continue
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found[int(entry.name)] = title
        return found


class Net:
    """The switch and its hosts."""

    def __init__(self, work: Path, environment: dict[str, str], prefix: str) -> None:
        self.work, self.environment, self.prefix = work, environment, prefix
        self.switch = f"{prefix}sw"
        self.hosts: list[Host] = []
        _ip("netns", "add", self.switch)
        self.inside("ip", "link", "add", "br0", "type", "bridge")
        self.inside("ip", "link", "set", "br0", "up")

    def inside(self, *words: str) -> None:
        """Run a command in the switch's namespace."""
        _ip("netns", "exec", self.switch, *words)

    def host(self, cpus: int) -> Host:
        """One more machine."""
        self.hosts.append(Host(self, len(self.hosts), cpus))
        return self.hosts[-1]

    def close(self) -> None:
        """Power off and take everything down."""
        for host in self.hosts:
            host.power_off()
        clear(self.prefix)


def clear(prefix: str) -> None:
    """Remove every namespace of these names: of this run, or of one that was killed."""
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    for name in (line.split()[0] for line in done.stdout.splitlines() if line.strip()):
        if re.fullmatch(rf"{prefix}(sw|\d+)", name):
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
            for pid in map(int, pids.stdout.split()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


@contextlib.contextmanager
def net(work: Path, prefix: str = PREFIX) -> Iterator[Net]:
    """A switch without hosts; all that hangs on it is gone after the block."""
    if os.geteuid() != 0:
        raise ConfigError(["faults: needs root for network namespaces; nearest valid: sudo"])
    clear(prefix)
    work.mkdir(parents=True, exist_ok=True)
    token = work / "token"
    token.touch(mode=0o600)
    token.write_text(os.urandom(32).hex())
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    environment = kept | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    made = Net(work, environment, prefix)
    try:
        yield made
    finally:
        made.close()


def until(condition: object, limit_s: float, what: str) -> float:
    """Seconds until the condition holds; TimeoutError with ``what`` after the limit."""
    began = time.monotonic()
    while not condition():  # type: ignore[operator]
        if time.monotonic() - began > limit_s:
            raise TimeoutError(f"{what} (waited {limit_s:.0f} s)")
        time.sleep(0.1)
    return time.monotonic() - began
