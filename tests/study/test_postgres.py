"""The Optuna copy in PostgreSQL: a real server on loopback (apt-get install postgresql, -m slow)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from study import postgres, publish
from study.spec import StudySpec
from tests.study.made import make, opened, outcome, run_out, train
from tests.study.postgresql import PASSWORD, Server, copy_of, held, serving, spec
from trainables.config import build
from trainables.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PASSWORD}@host:5432/db",
        f"postgresql://me@host/db?password={PASSWORD}",
        f"postgres://me@host/db?sslmode=require&PASSWORD={PASSWORD}",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build(StudySpec, {"resources": {"optuna_storage": url}})
    (problem,) = refused.value.problems
    assert problem.startswith("resources.optuna_storage: holds a password")
    assert "PGPASSWORD or ~/.pgpass" in problem
    assert "horse" not in problem


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got mysql:// as the kind of database, must be postgresql://"):
        build(StudySpec, {"resources": {"optuna_storage": f"mysql://me:{PASSWORD}@host/db"}})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def password(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setattr(publish, "SHARE", 0)  # a copy at every end


@pytest.mark.slow
class TestServer:
    def test_it_holds_what_the_file_would(self, server: Server, tmp_path: Path) -> None:
        postgres.check(server.url)
        with opened(make(4), tmp_path / "file") as books:
            run_out(books)
        with opened(spec(server.url, "first"), tmp_path / "first") as books:
            run_out(books)
            name = copy_of(books).name
        assert name.startswith("first-")
        assert held(server, name) == outcome(tmp_path / "file")["optuna"]
        assert not (tmp_path / "first" / "optuna.db").exists()
        with opened(spec(server.url, "first"), tmp_path / "first") as books:  # once more: nothing twice
            assert books.agenda.search.notices == []
        assert held(server, name) == outcome(tmp_path / "file")["optuna"]

    def test_a_server_that_is_away_is_caught_up_with(self, server: Server, tmp_path: Path) -> None:
        with opened(spec(server.url, "away"), tmp_path) as books:
            for _ in range(2):
                suggestion = books.next()
                assert suggestion is not None
                train(books, suggestion)
            server.stop()
            for _ in range(2):
                suggestion = books.next()
                assert suggestion is not None
                train(books, suggestion)
            copy_of(books)
            (problem,) = books.agenda.search.notices
            assert problem.startswith("127.0.0.1 is behind (OperationalError: ")
            assert PASSWORD not in problem
            server.start()
            run_out(books)
            name = copy_of(books).name
            assert books.agenda.search.notices == []
        assert len(held(server, name)) == len(books.ended)

    def test_a_study_of_the_same_name_is_left_alone(self, server: Server, tmp_path: Path) -> None:
        with opened(spec(server.url, "same"), tmp_path / "a") as books:
            run_out(books)
            name = copy_of(books).name
        before = held(server, name)
        other = make(4, search={"search_seed": 5}, resources={"optuna_storage": server.url})
        other = other.model_copy(update={"name": "same"})
        with opened(other, tmp_path / "b") as books:
            run_out(books)
        with opened(other, tmp_path / "b") as books:
            (notice,) = books.agenda.search.notices
            assert notice == f"127.0.0.1 holds another study {name}: this one is {name}-2 there"
        assert held(server, name) == before
        assert len(held(server, f"{name}-2")) == len(before)

    def test_a_password_file_will_do(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PGPASSWORD")
        with pytest.raises(ConfigError, match=r"cannot be opened .*; a password is taken from PGPASSWORD or"):
            postgres.check(server.url)
        (tmp_path / "pgpass").write_text(f"127.0.0.1:{server.port}:*:me:{PASSWORD}\n")
        (tmp_path / "pgpass").chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
        postgres.check(server.url)

    def test_a_wrong_password_is_not_repeated(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGPASSWORD", "battery staple")
        with pytest.raises(ConfigError) as refused:
            postgres.check(server.url)
        assert "password authentication failed" in str(refused.value)
        assert "battery" not in str(refused.value)
