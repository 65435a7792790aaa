"""A PostgreSQL server of a test's own, on loopback (apt-get install postgresql)."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest

from study.postgres import PublishedServer
from study.record import Recorder
from study.spec import StudySpec
from tests.study.made import make

PASSWORD = "correct horse"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """PostgreSQL in a folder of its own, with a password, on a port of 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
        if self.bin is None or not (self.bin / "initdb").exists():
            pytest.skip("no PostgreSQL server here: apt-get install postgresql")
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name  # it refuses root
        if os.getuid() == 0:
            shutil.chown(folder, self.user)
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        shutil.chown(secret, self.user)
        self.port = free_port()
        self.run(
            "initdb", "--auth=scram-sha-256", f"--pwfile={secret}", "--username=me", "-D", str(self.folder)
        )
        self.url = f"postgresql://me@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *argv: str) -> None:
        assert self.bin is not None
        subprocess.run(
            [self.bin / program, *argv], check=True, capture_output=True, user=self.user, cwd="/", timeout=60
        )

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -p {self.port}"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.folder), "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop")

    def backends(self) -> list[int]:
        """Processes that serve a connection, but the one that is asked."""
        import psycopg

        ask = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        with closing(psycopg.connect(self.url)) as connection:
            found = connection.execute(ask).fetchall()
            return [pid for (pid,) in found if pid != connection.info.backend_pid]


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs, or a skipped test."""
    pytest.importorskip("psycopg", reason="pip install 'spinetune[postgresql]'")
    folder = Path("/tmp") / f"spinetune-postgres-{os.getpid()}"
    folder.mkdir()
    try:
        server = Server(folder)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def spec(url: str, name: str) -> StudySpec:
    return make(4, resources={"optuna_storage": url}).model_copy(update={"name": name})


def held(server: Server, name: str) -> dict[int, tuple[str, dict[str, Any], list[float] | None]]:
    """What plain Optuna reads in the server, by our number: each once, in its rows too."""
    url = server.url.replace("postgresql://", "postgresql+psycopg://")
    storage = optuna.storages.RDBStorage(url)
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        trials = study.trials
        with storage.engine.connect() as connection:  # Optuna shows one of two rows with the same number
            count = f"SELECT count(*) FROM trials WHERE study_id = {study._study_id}"
            assert connection.exec_driver_sql(count).scalar() == len(trials)
        return {t.user_attrs["number"]: (t.state.name, t.params, t.values) for t in trials}
    finally:
        storage.engine.dispose()


def copy_of(books: Recorder) -> PublishedServer:
    """The copy, when nothing is being written."""
    copy = books.agenda.search.published
    assert isinstance(copy, PublishedServer)
    assert copy.settle(120)
    return copy
