"""What is sent of a command line: all of it, checked here, and nobody else's code."""

from __future__ import annotations

import io
import json
import shlex
import sys
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import yaml

from study import launch
from study.remote import agent, sending
from study.spec import StudySpec
from tests.study.made import make
from tests.study.remote.job_server import serving
from tests.study.remote.test_agent import finished
from trainables.errors import ConfigError

SECRET = "from pathlib import Path\nPath('imported').touch()\ndef os(*a, **b): ...\n"


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """study.json of a study on the head, and a module in the laptop's folder, where we are."""
    (tmp_path / "laptop").mkdir()
    monkeypatch.chdir(tmp_path / "laptop")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delitem(sys.modules, "mysecret_there", raising=False)
    Path("mysecret_there.py").write_text(SECRET)
    return finished(tmp_path / "home" / "studies" / "made") / "study.json"


def changed(stored: Path, group: str, value: Any) -> None:
    study = json.loads(stored.read_text())
    study["spec"][group] = study["spec"][group] | value if isinstance(value, dict) else value
    stored.write_text(json.dumps(study))


def resumed(values: dict[str, Any], spec: str | None = None) -> StudySpec:
    return sending.resumed(agent.answers, Namespace(resume="made", preset=None, spec=spec), values)


def problems(values: dict[str, Any], spec: str | None = None) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        resumed(values, spec)
    return refusal.value.problems


def test_a_study_goes_on_as_it_is_there_under_what_is_given(stored: Path) -> None:
    expected = make(trials=3)
    there = resumed({})
    assert (there.train.epochs, there.space, there.search) == (2, expected.space, expected.search)
    assert there.resources.output == "~/studies"
    more = resumed(
        {"search": {"trials": "9"}, "resources": {"storage": "shared"}, "train": {"data_dir": "data"}}
    )
    assert more.search == expected.search.model_copy(update={"trials": 9})
    assert (more.resources.storage, more.train.data_dir) == ("~/shared", "~/data")
    assert resumed({"name": "made"}) == there


def test_a_spec_file_is_the_whole_of_it_as_for_a_local_resume(stored: Path) -> None:
    Path("mine.yaml").write_text("name: made\ntrain: {epochs: 2}\nsearch: {trials: 11}\n")
    there = resumed({"search": {"confirm": "1"}}, "mine.yaml")
    assert there == resumed({"search": {"confirm": "1"}}, "mine.yaml")
    assert (there.search.trials, there.search.confirm, there.search.startup) == (11, 1, 8)


def test_a_place_that_only_the_study_there_names_is_named_again(stored: Path) -> None:
    """A spec that is sent is a spec that somebody here means."""
    changed(stored, "resources", {"storage": "s3://theirs/x", "optuna_storage": "postgresql://theirs/db"})
    for spec in (None, "mine.yaml"):
        Path("mine.yaml").write_text("name: made\ntrain: {epochs: 2}\n")
        lines = problems({}, spec)
        assert [line.partition(":")[0] for line in lines] == ["resources.storage", "resources.optuna_storage"]
        assert "nearest valid: --storage s3://theirs/x, or" in lines[0]
    again = {"storage": "s3://mine/x", "optuna_storage": ""}
    assert resumed({"resources": again}).resources.storage == "s3://mine/x"


def test_wrong_values_are_told_here_and_all_at_once(stored: Path) -> None:
    url = "postgresql://me:PASSWORD@h/db"
    lines = problems({"name": "other", "search": {"trials": "-5"}, "resources": {"optuna_storage": url}})
    assert [line.partition(":")[0] for line in lines] == ["name", "search.trials", "resources.optuna_storage"]
    assert "holds a password" in lines[2]
    assert "PASSWORD@" not in "".join(lines)


@pytest.mark.parametrize(("group", "key"), sending.CODE)
def test_a_module_that_only_the_cluster_names_is_not_imported(group: str, key: str, stored: Path) -> None:
    changed(stored, group, {key: "mysecret_there:os"})
    first, second = problems({"search": {"trials": "0"}})
    assert f"--resume: {key}: the study has 'mysecret_there:os', a module" in first
    assert f"name the same with --{key}" in first
    assert "search.trials: got '0'" in second
    assert len(problems({group: {key: "other_there:os"}})) >= 1
    Path("mine.yaml").write_text("name: made\n")
    assert len(problems({}, "mine.yaml")) == 1
    assert "mysecret_there" not in sys.modules
    assert not Path("imported").exists()


def test_one_that_is_named_again_goes_along(stored: Path) -> None:
    changed(stored, "train", {"network": "mysecret_there:os"})
    assert resumed({"train": {"network": "mysecret_there:os"}}).train.network == "mysecret_there:os"
    Path("mine.yaml").write_text("name: made\ntrain: {network: 'mysecret_there:os'}\n")
    assert resumed({}, "mine.yaml").train.network == "mysecret_there:os"


@pytest.mark.parametrize(
    ("value", "part"), [(3, "train: got 3"), (None, "train: got None"), ("a:b", "train: got")]
)
def test_a_damaged_study_there_is_one_line(value: Any, part: str, stored: Path) -> None:
    changed(stored, "train", value)
    (line,) = problems({})
    assert part in line


def test_no_such_study_there(stored: Path) -> None:
    (line,) = problems({"resources": {"output": "elsewhere"}})
    assert "no study made there (in ~/elsewhere)" in line


@pytest.mark.filterwarnings("ignore:ssl=None is deprecated")
@pytest.mark.parametrize("resume", [False, True])
def test_flags_and_files_arrive(
    resume: bool, stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command there names files of the parcel alone; nothing that was typed stands in it."""
    Path("mine.yaml").write_text("name: made\ntrain: {network: 'mysecret_there:os', epochs: 3}\n")
    argv = ["--spec", "mine.yaml", "--supervise", "--storage", "shared"]
    if resume:
        changed(stored, "train", {"network": "mysecret_there:os"})
        argv += ["--resume", "made", "--other-code"]
    with serving(monkeypatch) as head:
        head.answers, head.takes = True, "SUCCEEDED"
        assert launch.main([*argv, "--address", head.url]) == 0
    out = capsys.readouterr().out
    assert f"bring it home: python -m study.launch --address {head.url} --fetch made" in out
    (job,) = head.sent
    words = shlex.split(job["entrypoint"])
    assert words[:3] == ["python", "-m", "study.launch"]
    given, values, wrong = launch.flags.parse(launch.parser(), words[3:])
    assert (given.spec, given.supervise, given.other_code) == ("study.yaml", True, resume)
    assert (given.resume, given.address, wrong) == ("made" if resume else None, "auto", [])
    assert values == {"resources": {"output": "~/studies"}}
    sent = next(parcel for parcel in head.parcels if b"study.yaml" in parcel)
    with zipfile.ZipFile(io.BytesIO(sent)) as parcel:
        spec = yaml.safe_load(parcel.read("study.yaml"))
        assert "mysecret_there.py" in parcel.namelist()
    assert (spec["train"]["epochs"], spec["resources"]["storage"]) == (3, "~/shared")
