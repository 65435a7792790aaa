"""The token's file: made once, nobody else's, never shown; and who ends the workers of a cluster."""

from __future__ import annotations

import os
import subprocess
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
        "provider": {"type": "local", "head_ip": "127.0.0.1", "worker_ips": ["192.0.2.2", "192.0.2.3"]},
        "auth": {"ssh_user": "me", "ssh_private_key": "/key"},
    }
    wanted = ending.commands(config)
    assert list(wanted) == ["192.0.2.2", "192.0.2.3"]
    command = wanted["192.0.2.3"]
    assert (command[0], command[-2]) == ("ssh", "me@192.0.2.3")
    assert command[command.index("-i") + 1] == "/key"
    assert command[-1].endswith("ray stop")
    assert "BatchMode=yes" in command  # nobody is there to type a password


def test_only_the_head_ends_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker may have the head's home by NFS, or have been the head: its 'ray stop' is for itself."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "provider: {type: local, head_ip: 192.0.2.1, worker_ips: [no.such.host.invalid]}\n"
        "auth: {ssh_user: me}\n"
    )
    assert ending.main([str(config)]) == 0
    said = "the head, 192.0.2.1, is not this machine: Ray goes on running on no.such.host.invalid\n"
    assert capsys.readouterr().out == said


def test_a_worker_s_stop_is_for_itself(tmp_path: Path) -> None:
    """As Ray types it on a worker, in a home that the head has too; the programs say that they ran."""
    programs = tmp_path / "spinetune-env" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "ray"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (programs / name).chmod(0o755)
    (tmp_path / "ray_bootstrap_config.yaml").touch()
    script = Path(__file__).parents[2] / "clusters" / "environment.sh"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def said(command: str) -> list[str]:
        typed = ["bash", "-c", f". {script}; {command}"]
        done = subprocess.run(typed, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    ended = f"python -m study.nodes.ending {tmp_path}/ray_bootstrap_config.yaml"
    assert said("ray stop") == [ended, "ray stop"]
    assert said("export RAY_HEAD_IP=192.0.2.10; ray stop") == ["ray stop"]


def test_a_cloud_ends_its_machines_itself() -> None:
    assert ending.commands({"provider": {"type": "aws"}, "auth": {"ssh_user": "ubuntu"}}) == {}


def test_a_worker_that_cannot_be_reached_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "provider: {type: local, head_ip: 127.0.0.1, worker_ips: [no.such.host.invalid]}\n"
        "auth: {ssh_user: me}\n"
    )
    assert ending.main([str(config)]) == 1
    assert "no.such.host.invalid: Ray may still run there" in capsys.readouterr().out


class Parameters:
    ray_client_server_port: int | None = 10001


def test_no_server_for_clients_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    parameters = Parameters()
    starting.guarded(parameters, True)
    assert parameters.ray_client_server_port is None


class TestRaysOwnFolder:
    """Ray makes what lies in it anybody's to change."""

    def test_is_this_user_s_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = tmp_path / "ray-of-mine"
        monkeypatch.setenv("RAY_TMPDIR", str(place))
        starting.guarded(Parameters(), True)
        assert mode(place) == 0o700
        place.chmod(0o777)
        starting.guarded(Parameters(), False)
        assert mode(place) == 0o700

    def test_somebody_else_s_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "theirs").mkdir(mode=0o700)
        (tmp_path / "link").symlink_to(tmp_path / "theirs")
        monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "link"))
        with pytest.raises(
            SystemExit, match=rf"error: {tmp_path}/link: made by somebody else; have it removed"
        ):
            starting.guarded(Parameters(), True)
        if os.getuid() == 0:
            os.chown(tmp_path / "theirs", 65534, 65534)
            monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "theirs"))
            with pytest.raises(SystemExit, match="made by somebody else"):
                starting.guarded(Parameters(), True)
