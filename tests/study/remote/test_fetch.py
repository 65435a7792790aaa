"""Bringing a study home: whole or not at all, resumed, never over something else, never outside."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.remote import agent, fetch
from tests.study.remote.test_agent import finished
from trainables.errors import ConfigError

Frame = dict[str, Any]
NET = bytes(range(256)) * 8000  # 42 frames


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = finished(tmp_path_factory.mktemp("once") / "made")
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "net.pt").write_bytes(NET)
    return folder


@pytest.fixture
def there(once: Path, tmp_path: Path) -> Path:
    """A study that is complete, elsewhere."""
    shutil.copytree(once, tmp_path / "there" / "made")
    return tmp_path / "there" / "made"


def bring(there: Path, output: Path, ask: fetch.Ask = agent.answers) -> Path:
    roots = [str(there.parent)]
    return fetch.fetch(ask, there.name, roots, output, lambda done, total: None, lambda: None)[0]


def files(folder: Path) -> dict[str, bytes]:
    """All but what each place has of its own."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in (".lock", ".fetched")}


def test_all_of_it_comes_home_and_again_only_what_is_new(there: Path, tmp_path: Path) -> None:
    home = bring(there, tmp_path / "home")
    assert files(home) == files(there)
    (there / "report.html").write_text("new")
    asked: list[Frame] = []

    def counted(request: Frame) -> Iterator[Frame]:
        asked.append(request)
        return agent.answers(request)

    bring(there, tmp_path / "home", counted)
    assert [request["files"] for request in asked if request["ask"] == "read"] == [[["report.html", 0, 3]]]
    assert (home / "report.html").read_text() == "new"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["made"]


def test_a_broken_transfer_goes_on_where_it_broke(there: Path, tmp_path: Path) -> None:
    wanted: list[int] = []

    def breaking(request: Frame) -> Iterator[Frame]:
        if request["ask"] == "read":
            wanted.append(sum(end - begin for _, begin, end in request["files"]))
        for at, frame in enumerate(agent.answers(request)):
            if request["ask"] == "read" and at == 3:
                raise OSError("the connection was closed")
            yield frame

    with pytest.raises(ConfigError, match="the connection was closed; the same command goes on"):
        bring(there, tmp_path / "home", breaking)
    assert not (tmp_path / "home" / "made").exists()
    assert wanted == sorted(wanted, reverse=True)
    assert len(set(wanted)) == fetch.TRIES
    home = bring(there, tmp_path / "home")
    assert files(home) == files(there)


def test_what_is_damaged_on_the_way_is_sent_again(there: Path, tmp_path: Path) -> None:
    once = iter([True])

    def damaging(request: Frame) -> Iterator[Frame]:
        for frame in agent.answers(request):
            hit = frame.get("path") == "models/net.pt" and "data" in frame and next(once, False)
            yield frame | {"data": base64.b64encode(b"\0" * 49152).decode()} if hit else frame

    assert files(bring(there, tmp_path / "home", damaging))["models/net.pt"] == NET


def test_another_study_of_that_name_stays(there: Path, tmp_path: Path) -> None:
    home = finished(tmp_path / "home" / "made")
    study = json.loads((home / "study.json").read_text()) | {"created_at": "2025-01-01T00:00:00Z"}
    (home / "study.json").write_text(json.dumps(study))
    before = files(home)
    with pytest.raises(ConfigError, match=r"home/made holds another study; choose another place \(--output"):
        bring(there, tmp_path / "home")
    assert files(home) == before


def test_a_copy_that_has_gone_on_stays(there: Path, tmp_path: Path) -> None:
    home = bring(there, tmp_path / "home")
    with (home / "trials.jsonl").open("a") as log:
        log.write('{"number": 7}\n')
    before = files(home)
    with pytest.raises(ConfigError, match="has gone on here"):
        bring(there, tmp_path / "home")
    assert files(home) == before


def test_links_here_lead_nothing_out(there: Path, tmp_path: Path) -> None:
    home = bring(there, tmp_path / "home")
    outside = tmp_path / "outside"
    (home / "models").rename(outside)
    (home / "models").symlink_to(outside)
    (there / "models" / "second.pt").write_bytes(b"2")
    before = files(outside)
    with pytest.raises(ConfigError, match="leads out of"):
        bring(there, tmp_path / "home")
    assert files(outside) == before
