"""A PostgreSQL server that stops answering, an answer that is lost, a PgBouncer in between (-m slow)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from study import postgres, publish
from tests.study.made import make, opened, outcome, run_out, train
from tests.study.postgresql import PASSWORD, Server, copy_of, free_port, held, serving, spec
from trainables.errors import ConfigError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setattr(publish, "SHARE", 0)  # a copy at every end


def test_a_server_that_stops_answering_stops_no_study(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is stopped, and the kernel acknowledges for it. What is left behind is said, and comes."""
    with opened(make(4), tmp_path / "file") as books:
        run_out(books)
    with opened(spec(server.url, "stopped"), tmp_path / "there") as books:
        for _ in range(2):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
            copy = copy_of(books)
        (backend,) = server.backends()
        os.kill(backend, signal.SIGSTOP)
        monkeypatch.setattr(postgres, "ANSWER_S", 1.0)
        try:
            run_out(books)
            assert books.finished
            books.agenda.close()
            (problem,) = books.agenda.search.notices
            assert problem.startswith("127.0.0.1 is behind (no answer for ")
            assert problem.endswith("; 6 ended trials are not known to be there): --resume brings them")
        finally:
            os.kill(backend, signal.SIGCONT)
        assert copy.settle(120)
        copy._release()
        books.agenda.search.published = None  # this launch is over
    monkeypatch.setattr(postgres, "ANSWER_S", 60.0)
    with opened(spec(server.url, "stopped"), tmp_path / "there") as books:
        assert copy_of(books).name == copy.name  # it is the same study's still
        assert books.agenda.search.notices == []
    assert held(server, copy.name) == outcome(tmp_path / "file")["optuna"]


class Wire:
    """Between client and server. ``cut``: the answer to the next commit is lost, with the connection."""

    def __init__(self, server: Server) -> None:
        self.server, self.cut, self.cuts = server, False, 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = server.url.replace(f":{server.port}/", f":{self._door.getsockname()[1]}/")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the door is shut
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.server.port)) as there:
            back = threading.Thread(target=self._answers, args=(there, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    if self.cut and b"COMMIT" in data:
                        self.cut, self.cuts = False, self.cuts + 1
                        client.shutdown(socket.SHUT_WR)  # from here on it hears nothing
                    there.sendall(data)
            with contextlib.suppress(OSError):
                there.shutdown(socket.SHUT_WR)
            back.join()

    @staticmethod
    def _answers(there: socket.socket, client: socket.socket) -> None:
        while data := there.recv(65536):
            with contextlib.suppress(OSError):
                client.sendall(data)

    def close(self) -> None:
        self._door.close()


def test_a_commit_whose_answer_is_lost_is_not_made_twice(server: Server, tmp_path: Path) -> None:
    with opened(make(4), tmp_path / "file") as books:
        run_out(books)
    with contextlib.closing(Wire(server)) as wire:
        with opened(spec(wire.url, "lost"), tmp_path / "there") as books:
            for cut in (False, True, False):
                suggestion = books.next()
                assert suggestion is not None
                copy = copy_of(books)
                wire.cut = cut
                train(books, suggestion)
                copy_of(books)
                assert bool(copy.problem) == cut
            assert wire.cuts == 1
            run_out(books)
        with opened(spec(wire.url, "lost"), tmp_path / "there") as books:
            assert copy_of(books).name == copy.name
            assert books.agenda.search.notices == []
    assert held(server, copy.name) == outcome(tmp_path / "file")["optuna"]


@contextlib.contextmanager
def bouncer(server: Server, folder: Path, *settings: str) -> Iterator[str]:
    """A PgBouncer as it comes, with these settings more; the URL of the database behind it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no PgBouncer here: apt-get install pgbouncer")
    port = free_port()
    behind = f"host=127.0.0.1 port={server.port} user=me password='{PASSWORD}'"
    lines = ["[databases]", f"postgres = {behind}", "[pgbouncer]", "listen_addr = 127.0.0.1"]
    lines += [f"listen_port = {port}", "unix_socket_dir =", "auth_type = any", *settings]
    (folder / "pgbouncer.ini").write_text("\n".join(lines))
    user = server.user if os.getuid() == 0 else None  # it refuses root
    with subprocess.Popen(
        [program, "-q", "/dev/stdin"], stdin=(folder / "pgbouncer.ini").open(), user=user
    ) as process:
        try:
            limit = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < limit:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield f"postgresql://me@127.0.0.1:{port}/postgres"
        finally:
            process.kill()


def test_a_pgbouncer_that_would_refuse_every_copy_is_told_first(server: Server, tmp_path: Path) -> None:
    with bouncer(server, tmp_path) as url:
        with pytest.raises(ConfigError) as refused:
            postgres.check(url)
        assert "nearest valid: ignore_startup_parameters = options in pgbouncer.ini" in str(refused.value)
    with bouncer(server, tmp_path, "ignore_startup_parameters = options") as url:
        postgres.check(url)
        with opened(spec(url, "bounced"), tmp_path / "there") as books:
            run_out(books)
            name = copy_of(books).name
            assert books.agenda.search.notices == []
    assert len(held(server, name)) == len(books.ended)
