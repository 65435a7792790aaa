"""Whatever is wrong with a folder: a report that says so, or one message. Never a traceback."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.records import StudyError
from analysis.render import render
from analysis.results import load
from tests.analysis import damage
from tests.analysis.folder import write_confirmed, write_study
from tests.analysis.insides import write_inside
from tests.analysis.searched import write_searched

FEW = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=1500, derandomize=False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Good ones: every file, two and three objectives, confirmations, metrics by layer."""
    place = tmp_path_factory.mktemp("good")
    return [
        write_study(place / "plain", trials=8),
        write_confirmed(place / "confirmed"),
        write_confirmed(place / "three", third=True),
        write_inside(place / "inside"),
        write_searched(place / "searched", 12),
    ]


def survives(data: st.DataObject, folders: list[Path]) -> None:
    """One to three changes to a copy of a good folder, then the whole report."""
    good = data.draw(st.sampled_from(folders))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "s"
        shutil.copytree(good, folder)
        for _ in range(data.draw(st.integers(1, 3))):
            data.draw(damage.changes(good))(folder)
        try:
            page = render(load(folder))
        except StudyError as error:
            page, message = "", str(error)
        else:
            message = ""
    assert page.startswith("<!doctype html>") != bool(message)
    assert page.encode("utf-8").endswith(b"</html>") or message
    assert "\n" not in message


@FEW
@given(data=st.data())
def test_a_damaged_folder_gives_a_report_or_one_message(folders: list[Path], data: st.DataObject) -> None:
    """A few damages of every kind, the same at each run."""
    survives(data, folders)


@pytest.mark.slow
@pytest.mark.timeout(0)
@MANY
@given(data=st.data())
def test_many_damaged_folders(folders: list[Path], data: st.DataObject) -> None:
    """Random ones, others at each run."""
    survives(data, folders)
