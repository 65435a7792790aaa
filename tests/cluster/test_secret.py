"""The token's file: made once, nobody else's, never shown; and who ends the workers of a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.nodes import ending, secret, starting


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_made_for_this_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        said = secret.ensure(tmp_path / ".ray" / "auth_token")
    finally:
        os.umask(before)
    path = tmp_path / ".ray" / "auth_token"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert len(path.read_text()) == 64
    assert path.read_text() not in said


def test_kept_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "auth_token"
    secret.ensure(path)
    token = path.read_text()
    path.chmod(0o644)  # as Ray makes it
    assert "others could read it" in secret.ensure(path)
    assert (mode(path), path.read_text()) == (0o600, token)
    assert secret.ensure(path) == f"{path}: kept"


def test_a_short_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "auth_token"
    path.write_text("secret")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    assert secret.main() == 2
    assert (
        capsys.readouterr().err == f"error: {path} holds less than 32 characters: remove it and try again\n"
    )
    assert path.read_text() == "secret"


def test_every_worker_of_a_local_cluster_is_told_to_end() -> None:
    config = {
        "provider": {"type": "local", "head_ip": "192.0.2.1", "worker_ips": ["192.0.2.2", "192.0.2.3"]},
        "auth": {"ssh_user": "me", "ssh_private_key": "/key"},
    }
    wanted = ending.commands(config)
    assert list(wanted) == ["192.0.2.2", "192.0.2.3"]
    command = wanted["192.0.2.3"]
    assert (command[0], command[-2]) == ("ssh", "me@192.0.2.3")
    assert command[command.index("-i") + 1] == "/key"
    assert command[-1].endswith("ray stop")
    assert "BatchMode=yes" in command  # nobody is there to type a password


def test_a_cloud_ends_its_machines_itself() -> None:
    assert ending.commands({"provider": {"type": "aws"}, "auth": {"ssh_user": "ubuntu"}}) == {}


def test_a_worker_that_cannot_be_reached_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("provider: {type: local, worker_ips: [no.such.host.invalid]}\nauth: {ssh_user: me}\n")
    assert ending.main([str(config)]) == 1
    assert "no.such.host.invalid: Ray may still run there" in capsys.readouterr().out


def test_no_server_for_clients_of_another_kind() -> None:
    class Parameters:
        ray_client_server_port: int | None = 10001

    parameters = Parameters()
    starting.no_client_server(parameters, True)
    assert parameters.ray_client_server_port is None
