"""The copy of the study for Optuna's own tools, in a PostgreSQL server instead of a file.

A password stands in no spec, no command line and no log: libpq finds it in PGPASSWORD or ~/.pgpass.

A server that is stopped (by a debugger, or short of a resource) answers nothing, while its kernel goes on
to acknowledge: neither libpq's tcp_user_timeout nor the server's own statement_timeout ends such a wait. The
copy is therefore written beside the study, in threads that nobody waits for while trials run.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import optuna
from optuna.trial import FrozenTrial

from study.publish import Published
from trainables.errors import ConfigError, said
from trainables.metrics import Direction

SCHEMES = ("postgresql", "postgres")
SECRETS = {"password", "sslpassword", "oauth_client_secret"}
CONNECT_S = 5
ANSWER_S = 10.0  # how long a launch waits for the server, at its start and at its end
MOST = 100  # studies of one name in one database


def problem(url: str) -> str | None:
    """What is wrong with a URL that somebody gave, without the secrets in it; None: nothing."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        return (
            f"got {parts.scheme or 'no'}:// as the kind of database, must be postgresql://; nearest valid: "
            "postgresql://USER@HOST:5432/DATABASE (without it, the study folder has an SQLite file)"
        )
    if parts.password is not None or SECRETS & {key.lower() for key, _ in parse_qsl(parts.query)}:
        return (
            "holds a password, which would be filed and shown with it; nearest valid: "
            f"postgresql://{parts.username or 'USER'}@{parts.hostname or 'HOST'}{parts.path} and the "
            "password in PGPASSWORD or ~/.pgpass"
        )
    return None


def _patience() -> dict[str, Any]:
    """Of libpq: when to give up on a connection that went silent, and on a lock of another program."""
    answer_ms = round(1e3 * ANSWER_S)
    return {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": answer_ms,
        "options": f"-c statement_timeout={answer_ms} -c lock_timeout={answer_ms}",
    }


def check(url: str) -> None:
    """ConfigError unless the server lets us in, asked as the copy asks it."""
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError(["optuna_storage: needs psycopg: pip install 'spinetune[postgresql]'"])
    import psycopg

    try:
        psycopg.connect(url, **_patience()).close()
    except (psycopg.Error, OSError) as error:
        why = said(error).removeprefix("OperationalError: ")
        advice = "a password is taken from PGPASSWORD or ~/.pgpass"
        if "startup parameter" in why:
            advice = (
                "nearest valid: ignore_startup_parameters = options in pgbouncer.ini, or the server itself"
            )
        raise ConfigError([f"optuna_storage: {url} cannot be opened ({why}); {advice}"]) from None


class PublishedServer(Published):
    """``Published`` in the database at ``url``. A study there of the same name that is not a copy of this
    one belongs to somebody else: it is left alone, and this one's name gets a number.

    One thread at a time writes what has come until it begins. One that gets no answer is left alone, and
    nothing else is begun: what it has sent may still be carried out.
    """

    def __init__(self, url: str, name: str, directions: Sequence[Direction]) -> None:
        super().__init__(None, name, directions)
        self.url, self.label = url, urlsplit(url).hostname or "the database"
        self._coming: list[FrozenTrial] = []  # not yet a thread's
        self._thread: threading.Thread | None = None
        self._began = 0.0

    def add(self, *trials: FrozenTrial) -> None:
        """Copy these beside, now or with one of the next. The first time: with an eye on the name."""
        first = self._thread is None
        self._coming += trials
        if not self._at_work() and time.monotonic() >= self._not_before:
            self._begin(super().add)
        self.settle(ANSWER_S if first else 0.0)

    def close(self) -> None:
        """Try once more; what is not there by then is left behind, and ``problem`` says so."""
        limit = time.monotonic() + ANSWER_S
        if self.settle(ANSWER_S):
            self._begin(self._finish)
            self.settle(limit - time.monotonic())
        if self._at_work():
            self._late()

    def settle(self, limit_s: float) -> bool:
        """Wait so long for what is being written; whether that is over."""
        if self._thread is not None:
            self._thread.join(max(0.0, limit_s))
        if self._at_work() and time.monotonic() - self._began >= ANSWER_S:
            self._late()
        return not self._at_work()

    def _at_work(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _begin(self, write: Callable[..., None]) -> None:
        trials, self._coming = self._coming, []
        self._began = time.monotonic()
        self._thread = threading.Thread(target=write, args=trials, daemon=True)  # of no process that ends
        self._thread.start()

    def _finish(self, *trials: FrozenTrial) -> None:
        self._waiting += trials
        super().close()

    def _late(self) -> None:
        waited_s = time.monotonic() - self._began
        left = f"{len(self._waiting) + len(self._coming)} ended trials are not known to be there"
        self.problem = (
            f"{self.label} is behind (no answer for {waited_s:.0f} s; {left}): --resume brings them"
        )

    def _open(self) -> optuna.Study:
        first = self.name
        for count in range(1, MOST):
            self.name = first if count == 1 else f"{first}-{count}"
            try:
                study = self._connect()
            except ValueError:
                self._release()
                continue
            except BaseException:
                self.name = first
                self._release()
                raise
            if count > 1:
                self.notice = f"{self.label} holds another study {first}: this one is {self.name} there"
            return study
        self.name = first
        raise RuntimeError(f"{MOST} studies there are called {first}")

    def _database(self) -> optuna.storages.RDBStorage:
        return optuna.storages.RDBStorage(
            "postgresql+psycopg" + self.url[self.url.index("://") :],
            engine_kwargs={"connect_args": _patience(), "pool_pre_ping": True, "pool_size": 1},
        )
