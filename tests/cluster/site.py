"""A Slurm of two nodes on one machine: munge, slurmctld and two slurmd in namespaces of their own.

The PID namespace sees to it that nothing outlives the site and that nothing in it can signal anything else;
the network namespace has only a loopback interface, which carries one address for each node. Its processes
see the machine's own folders.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_S = 240.0  # a hang ends a test here; nothing is asserted about speed
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "unshare", "nsenter", "ip")
SPACES = ("--pid", "--mount", "--net", "--ipc", "--uts")  # of unshare and nsenter
NODES = {"n1": "198.51.100.11", "n2": "198.51.100.12"}  # of the block for documentation, on the loopback

CONFIGURATION = """
ClusterName=test
SlurmctldHost=n1({head})
SlurmUser=root
SlurmctldPort=6817
AuthType=auth/munge
AuthInfo=socket={state}/munge/socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={state}/ctld
SlurmdSpoolDir={state}/%n
SlurmctldPidFile={state}/ctld.pid
SlurmdPidFile={state}/%n.pid
SlurmctldLogFile={state}/ctld.log
SlurmdLogFile={state}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
KillWait=30
ReturnToService=2
SchedulerParameters=sched_interval=1
{nodes}
PartitionName=main Nodes=ALL Default=YES State=UP
"""
# cred_expire: so long does a requeued job wait, by default two minutes, for its old credential to expire.

INIT = """
set -e
mount --make-rprivate /
hostname n1
mount --bind {state}/hosts /etc/hosts
ip link set lo up
{addresses}
munged --force --socket={state}/munge/socket --key-file={state}/munge/key --pid-file={state}/munge/pid \
    --seed-file={state}/munge/seed --log-file={state}/munge/log
export SLURM_CONF={state}/slurm.conf
slurmctld
{daemons}
touch {state}/up
while sleep 1; do :; done  # the namespace's first process must wait for orphans
"""


def missing() -> str | None:
    """Why there can be no such site here; None: there can."""
    if os.geteuid() != 0:
        return "needs root, for namespaces and Slurm's daemons"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)} (Debian: apt install slurm-wlm munge iproute2)"
    return None


class Site:
    """Two nodes of ``cpus`` processors each, for the length of a with block. ``state`` is theirs to fill."""

    def __init__(self, state: Path, cpus: int = 2) -> None:
        self.state, self.cpus = state, cpus
        self._unshare: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for folder in ("munge", "ctld", *NODES):
            (self.state / folder).mkdir(mode=0o755, parents=True)
        key = self.state / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        lines = [
            f"NodeName={name} NodeAddr={address} Port={17000 + at} CPUs={self.cpus} RealMemory=4000"
            for at, (name, address) in enumerate(NODES.items())
        ]
        head = next(iter(NODES.values()))
        text = CONFIGURATION.format(state=self.state, head=head, nodes="\n".join(lines))
        (self.state / "slurm.conf").write_text(text)
        names = "".join(f"{address} {name}\n" for name, address in NODES.items())
        (self.state / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        (self.state / "cgroup.conf").write_text("CgroupAutomount=no\n")
        init = INIT.format(
            state=self.state,
            addresses="\n".join(f"ip addr add {address}/24 dev lo" for address in NODES.values()),
            daemons="\n".join(
                f"unshare --uts bash -c 'hostname {name}; exec slurmd -N {name}'" for name in NODES
            ),
        )
        self._unshare = subprocess.Popen(
            ["unshare", *SPACES, "--fork", "--kill-child", "--mount-proc", "bash", "-c", init],
            stdout=(self.state / "init.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            self.until(
                lambda: self.run("sinfo", "-h", "-N", "-o", "%N %T").split() == ["n1", "idle", "n2", "idle"]
            )
        except BaseException:  # a with block is not left where it was not entered
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._unshare is not None
        self._unshare.kill()  # and with it the namespace's first process, and with that one all others
        self._unshare.wait()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it while the site stands."""
        limit = time.monotonic() + PATIENCE_S
        assert self._unshare is not None
        while not condition():
            assert self._unshare.poll() is None, (self.state / "init.log").read_text()
            assert time.monotonic() < limit, f"waited in vain; logs in {self.state}"
            time.sleep(0.2)

    def run(self, *command: str, cwd: Path | None = None, **environment: str) -> str:
        """What a command says inside."""
        inside = ["nsenter", "--target", str(self._first()), *SPACES]
        if cwd is not None:
            inside += [f"--wd={cwd}"]
        own = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "SLURM_"))}
        path = f"{Path(sys.executable).parent}:{own.get('PATH', '')}"
        done = subprocess.run(
            [*inside, *command],
            env=own | {"SLURM_CONF": f"{self.state}/slurm.conf", "PATH": path} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def processes(self) -> list[str]:
        """Command lines of all that runs inside, Slurm's own daemons excepted."""
        own = ("munged", "slurmctld", "slurmd", ": slurm", "bash -c  set -e", "sleep 1", "ps ")
        titles = self.run("ps", "-e", "-o", "args=").splitlines()
        return [title for title in titles if not title.startswith(own)]

    def _first(self) -> int:
        """The namespace's first process, as it is numbered outside."""
        assert self._unshare is not None
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        limit = time.monotonic() + PATIENCE_S
        while not (found := children.read_text().split()):
            assert time.monotonic() < limit, "no first process"
            time.sleep(0.05)
        return int(found[0])
