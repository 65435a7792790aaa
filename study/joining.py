"""Whether a Ray at an address lets us in, asked before Ray is: it takes its time and then blames a crash."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

from study import greeting
from trainables.errors import ConfigError

ANSWER_S = 5.0  # a cluster that has not answered by then does not answer


def token_file() -> Path:
    """Where Ray looks for the token of a cluster: ``RAY_AUTH_TOKEN_PATH``, else ``~/.ray/auth_token``."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def token() -> tuple[str | None, str]:
    """The token that Ray would show, and where it is from."""
    if os.environ.get("RAY_AUTH_MODE", "token") != "token":
        return None, f"RAY_AUTH_MODE={os.environ['RAY_AUTH_MODE']}"
    if given := os.environ.get("RAY_AUTH_TOKEN"):
        return given.strip(), "RAY_AUTH_TOKEN"
    path = token_file()
    try:
        return path.read_text().strip() or None, str(path)
    except (OSError, UnicodeError):
        return None, str(path)


def current() -> str | None:
    """What ``auto`` stands for: RAY_ADDRESS, which a job has, else the Ray that this machine started last."""
    given = os.environ.get("RAY_ADDRESS", "")
    if given and given != "auto" and not given.startswith(("http://", "https://")):
        return given
    place = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"  # in Ray's own order
    path = Path(place) / "ray" / "ray_current_cluster"
    try:
        with path.open() as file:
            owner = os.fstat(file.fileno()).st_uid
            if owner not in (os.getuid(), 0):  # our token would go to whatever address they wrote
                other = f"address: auto is the Ray in {path}, which another user wrote ({_user(owner)})"
                raise ConfigError([f"{other}; nearest valid: the address of yours, HOST:PORT"])
            return file.read().strip() or None
    except OSError:
        return None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def malformed(address: str) -> str | None:
    """What is wrong with the form of an address; None: nothing, somebody may answer there."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto" or (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return None
    return f"address: got {address!r}, must be HOST:PORT, e.g. 127.0.0.1:6379, or auto"


def check_address(address: str) -> str:
    """ConfigError unless a Ray answers at ``host:port`` (or ``ray://host:port``) and takes our token.

    Returns the address, for ``auto`` that of this machine's Ray. Ray itself would go on to look through all
    processes for one, and wait without end for a cluster whose head is gone.
    """
    if address == "auto":
        found = current()
        if found is None:
            none = (
                "address: no Ray was started on this machine; start one with 'ray start --head' or 'ray up'"
            )
            raise ConfigError([f"{none}, name the address of one, or leave it out"])
        address = found
    if wrong := malformed(address):
        raise ConfigError([wrong])
    host, _, port = address.removeprefix("ray://").rpartition(":")
    shown, source = token()
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S) as connection:
            if os.environ.get("RAY_USE_TLS") == "1":  # who it is shows in its certificate, to Ray
                return address
            status = greeting.status(connection, shown)
    # UnicodeError: a host name that no resolver can be asked for
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer"
        raise ConfigError(
            [
                f"address: no Ray answers at {address} ({reason}); start one with 'ray start --head', "
                "or leave the address out to run on this machine"
            ]
        ) from None
    if status == greeting.UNAUTHENTICATED:
        raise ConfigError([_refusal(address, source, wrong=shown is not None)])
    return address


def _refusal(address: str, source: str, *, wrong: bool) -> str:
    what = f"refuses the token in {source}" if wrong else f"asks for a token, and there is none ({source})"
    where = f"put the cluster's ~/.ray/auth_token into {token_file()}, mode 600"
    if source.startswith("RAY_AUTH_MODE"):
        where = "set RAY_AUTH_MODE=token"
    elif source == "RAY_AUTH_TOKEN":
        where = "set it to what the cluster has in ~/.ray/auth_token, or unset it"
    return f"address: the Ray at {address} {what}; {where}"


def is_here(address: str) -> bool:
    """Whether this machine has that IP address: only then can it listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (OSError, UnicodeError):
        return False
    return True
