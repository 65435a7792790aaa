"""Machines for a test: namespaces on this computer, each with a real sshd, joined by an Ethernet."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("machines.sh")
TOOLS = ["unshare", "nsenter", "ip", "ssh", "ssh-keygen", "rsync", "/usr/sbin/sshd"]
USER = "researcher"
PATIENCE_S = 600.0  # a hang ends a test here; nothing is asserted about speed

SSHD = """\
Port 22
HostKey {folder}/host_key
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
"""


def obstacle() -> str | None:
    """Why such machines cannot be made here; None where they can."""
    if os.getuid() != 0:
        return "needs root, for namespaces and sshd"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: openssh-server, rsync, iproute2)"
    trial = "mount -t tmpfs tmpfs /run && ip netns add one && ip link add lan type bridge"
    trial += " && ip link add veth-1 type veth peer name veth-2"
    command = ["unshare", "--net", "--pid", "--fork", "--mount", "--uts", "--ipc", "--mount-proc"]
    done = subprocess.run([*command, "sh", "-c", trial], capture_output=True, text=True, check=False)
    return f"may not make networks: {done.stderr.strip()}" if done.returncode else None


class Lab:
    """A laptop (``run``) and machines that it reaches by ssh (``on``). All ends with ``close``."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        # Not pytest's folder: Ray's sockets lie below, whose paths may not pass 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
        self.addresses = dict(addresses)
        self.own = Path(f"/tmp/spinetune-{os.getuid()}")  # as clusters/environment.sh names it on every node
        self._made_own = not self.own.exists()
        self.own.mkdir(mode=0o700, exist_ok=True)
        self.key = self.folder / "key"
        for file in (self.key, self.folder / "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
        (self.folder / "sshd_config").write_text(SSHD.format(folder=self.folder))
        for name in ("laptop", *addresses):
            self._furnish(name)
        arguments = [
            str(self.folder),
            str(self.own),
            *(f"{name}={address}" for name, address in addresses.items()),
        ]
        spaces = ["--net", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--mount-proc"]
        self._process = subprocess.Popen(
            ["unshare", *spaces, "bash", str(SCRIPT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        self.init = int(children.split()[0])  # the first process of the laptop, as seen from outside
        for name in addresses:
            self.until(lambda name=name: self.on(name, "true").returncode == 0)

    def _furnish(self, name: str) -> None:
        """The home and accounts of a machine: one user, who has this user's rights."""
        home = self.home(name)
        for path in (home / ".ssh", self.folder / name / "own"):
            path.mkdir(parents=True)
        home.chmod(0o700)
        (home / ".bashrc").touch()
        shutil.copy(self.key.with_suffix(".pub"), home / ".ssh" / "authorized_keys")
        if name == "laptop":  # its owner can log in everywhere already
            shutil.copy(self.key, home / ".ssh" / "id_ed25519")
            (home / ".ssh" / "config").write_text("StrictHostKeyChecking accept-new\n")
        account = f"{USER}:x:0:0::{home}:/bin/bash\n"  # first: the one that user 0 is known by
        (self.folder / name / "passwd").write_text(account + Path("/etc/passwd").read_text())

    def home(self, name: str) -> Path:
        """Home of the user on a machine, or on the laptop."""
        return self.folder / name / "home"

    @property
    def environment(self) -> dict[str, str]:
        """A fresh login's on the laptop; Python is the tests'."""
        return {
            "HOME": str(self.home("laptop")),
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "laptop"),
        }

    def start(self, command: str, cwd: Path, output: Any = subprocess.PIPE) -> subprocess.Popen[str]:
        """A command line typed on the laptop."""
        spaces = ["--target", str(self.init), "--net", "--pid", "--mount", "--uts", "--ipc"]
        return subprocess.Popen(
            ["nsenter", *spaces, f"--wd={cwd}", "bash", "-c", command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        process = self.start(command, cwd or self.home("laptop"))
        output, _ = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output, "")

    def on(self, name: str, command: str) -> subprocess.CompletedProcess[str]:
        """A command line over ssh."""
        options = "-q -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5"
        quoted = command.replace("'", "'\\''")
        return self.run(f"ssh {options} -i {self.key} {USER}@{self.addresses[name]} '{quoted}'")

    def processes(self, name: str) -> dict[int, str]:
        """What runs on a machine beside its sshd: titles by process number there."""
        listed = self.on(name, "ps -e -o pid=,stat=,args=").stdout.splitlines()
        rows = [line.split(None, 2) for line in listed]
        return {
            int(pid): args
            for pid, state, args in rows
            if not state.startswith("Z") and "sshd" not in args and "ps -e" not in args
        }

    def until(self, condition: Any) -> None:
        limit = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < limit, "waited in vain"
            time.sleep(0.5)

    def close(self) -> None:
        """Everything ends, nothing stays."""
        if self._process.poll() is None:
            os.kill(self.init, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self.folder)
        if self._made_own:
            self.own.rmdir()
