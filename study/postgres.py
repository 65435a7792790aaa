"""The copy of the study for Optuna's own tools, in a PostgreSQL server instead of a file.

A password stands in no spec, no command line and no log: libpq finds it in PGPASSWORD or ~/.pgpass.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

import optuna

from study.publish import Published
from trainables.errors import ConfigError, said
from trainables.metrics import Direction

SCHEMES = ("postgresql", "postgres")
SECRETS = {"password", "sslpassword", "oauth_client_secret"}
CONNECT_S = 5
ANSWER_MS = 10_000  # a server that has not answered by then is tried again with one of the next trials
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


def check(url: str) -> None:
    """ConfigError unless the server lets us in."""
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError(["optuna_storage: needs psycopg: pip install 'spinetune[postgresql]'"])
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=CONNECT_S).close()
    except (psycopg.Error, OSError) as error:
        why = said(error).removeprefix("OperationalError: ")
        advice = "a password is taken from PGPASSWORD or ~/.pgpass"
        raise ConfigError([f"optuna_storage: {url} cannot be opened ({why}); {advice}"]) from None


class PublishedServer(Published):
    """``Published`` in the database at ``url``. A study there of the same name that is not a copy of this
    one belongs to somebody else: it is left alone, and this one's name gets a number.
    """

    def __init__(self, url: str, name: str, directions: Sequence[Direction]) -> None:
        super().__init__(None, name, directions)
        self.url, self.label = url, urlsplit(url).hostname or "the database"

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
        # libpq's own way of giving up on a connection that went silent, and on a lock of another program.
        patience = {
            "connect_timeout": CONNECT_S,
            "tcp_user_timeout": ANSWER_MS,
            "options": f"-c statement_timeout={ANSWER_MS} -c lock_timeout={ANSWER_MS}",
        }
        return optuna.storages.RDBStorage(
            "postgresql+psycopg" + self.url[self.url.index("://") :],
            engine_kwargs={"connect_args": patience, "pool_pre_ping": True, "pool_size": 1},
        )
