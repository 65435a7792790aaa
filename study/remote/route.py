"""The way to a cluster's job server, as its cluster.yaml tells it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trainables.errors import ConfigError, said

PORT = 8265  # of Ray's dashboard and job server
TOKEN = "~/.ray/auth_token"  # where Ray looks for the token, on every machine


@dataclass(frozen=True)
class Route:
    """How to reach the head by ssh. ``head`` is None where only the cloud knows it: see ``file``."""

    file: Path
    head: str | None
    user: str
    key: str | None = None
    proxy: str | None = None
    port: int = PORT  # of the job server on the head's loopback
    token: Path | None = None  # the file that cluster.yaml sends to the nodes

    def tunnel(self, head: str, local_port: int) -> list[str]:
        """The command that makes the head's job server answer at 127.0.0.1:local_port.

        ``cat`` instead of -N: it ends with its standard input, so no tunnel outlives a killed process, and
        what it says again shows that ssh is through.
        """
        forward = f"127.0.0.1:{local_port}:127.0.0.1:{self.port}"
        return [*self._ssh(), "-T", "-L", forward, "-l", self.user, "--", head, "cat"]

    def shell(self, head: str, words: str) -> list[str]:
        """The command that runs ``words`` on the head."""
        return [*self._ssh(), "-T", "-l", self.user, "--", head, words]

    def _ssh(self) -> list[str]:
        options = [
            "BatchMode=yes",  # a question could not be answered
            "ExitOnForwardFailure=yes",
            "ConnectTimeout=8",
            "ServerAliveInterval=5",  # a laptop that slept finds out within 15 s
            "ServerAliveCountMax=3",
            "StrictHostKeyChecking=accept-new",  # the token goes through here: a head that changed is refused
            "NoHostAuthenticationForLocalhost=yes",  # nobody else can answer at a loopback address
            "ControlPath=none",
        ]
        command = ["ssh", *(word for option in options for word in ("-o", option))]
        if self.key:
            command += ["-i", os.path.expanduser(self.key)]  # noqa: PTH111
        if self.proxy:
            command += ["-o", f"ProxyCommand={self.proxy}"]
        return command


def read(path: str) -> Route:
    """The route of a cluster.yaml; ConfigError where the file is none."""
    file = Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's raises where there is no such user)
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = sorted(str(one) for one in [*Path().glob("*.yaml"), *Path("clusters").glob("*.yaml")])
        known = f"; here are: {', '.join(near)}" if near else ""
        raise ConfigError([f"--submit: no file {path}{known}"]) from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError([f"--submit: {path} cannot be read as YAML: {said(error)}"]) from None
    if not isinstance(config, dict):
        config = {}
    if config.get("kind") == "RayCluster":
        ways = f"'kubectl port-forward service/NAME-head-svc {PORT}' and --address http://127.0.0.1:{PORT}"
        raise ConfigError([f"--submit: {path} is a Kubernetes manifest, which ssh cannot reach; use {ways}"])
    provider, auth = config.get("provider"), config.get("auth")
    if not isinstance(provider, dict) or not isinstance(auth, dict) or "type" not in provider:
        lacks = "it lacks 'provider' with its type, or 'auth'"
        raise ConfigError([f"--submit: {path} is not a cluster.yaml as 'ray up' takes it: {lacks}"])
    user, head = auth.get("ssh_user"), provider.get("head_ip")
    wrong = []
    if not _word(user):
        wrong.append(f"auth.ssh_user: got {user!r}, must be a user of the head")
    if provider["type"] == "local" and not _word(head):
        wrong.append(f"provider.head_ip: got {head!r}, must be the head's address")
    for key, what in (("ssh_private_key", "the path of a key"), ("ssh_proxy_command", "a command")):
        if not isinstance(auth.get(key), str | None):
            wrong.append(f"auth.{key}: got {auth[key]!r}, must be {what}, or left out")
    commands = config.get("head_start_ray_commands")
    if not isinstance(commands, list | None):
        wrong.append(f"head_start_ray_commands: got {commands!r}, must be a list of commands")
        commands = None
    port = _port(commands or [])
    if not 0 < port < 65536:
        wrong.append(f"head_start_ray_commands: got --dashboard-port={port}, must be from 1 to 65535")
    if wrong:
        raise ConfigError([f"--submit: {path}: {problem}" for problem in wrong])
    return Route(
        file=file,
        head=str(head) if provider["type"] == "local" else None,
        user=str(user),
        key=auth.get("ssh_private_key"),
        proxy=auth.get("ssh_proxy_command"),
        port=port,
        token=_token(config, file),
    )


def _word(value: Any) -> bool:
    """Whether a host or user name is one: no option of ssh, no second word."""
    return isinstance(value, str) and re.fullmatch(r"[\w.:%\[\]-]+", value) is not None and value[0] != "-"


def _port(commands: list[Any]) -> int:
    """The dashboard's port in the commands that start the head."""
    for command in commands:
        if match := re.search(r"--dashboard-port[= ]([0-9]{1,9})", str(command)):
            return int(match[1])
    return PORT


def _token(config: dict[str, Any], file: Path) -> Path | None:
    """The file that becomes the nodes' token; a relative path is one from where ``ray up`` runs."""
    mounts = config.get("file_mounts")
    source = mounts.get(TOKEN) if isinstance(mounts, dict) else None
    if not isinstance(source, str):
        return None
    here = Path(os.path.expanduser(source))  # noqa: PTH111 (as above)
    return here if here.is_absolute() or here.is_file() else file.parent / here
