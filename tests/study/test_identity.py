"""A study goes on only as what it was begun as; every difference is shown, in one answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from study import identity, launch
from study.space import space_hash
from study.spec import StudySpec, layered
from study.store import held
from tests.study.test_launch_errors import refused
from trainables.config import build


def stored(name: str = "mine", **changes: Any) -> StudySpec:
    """A study of this name in out/, as its launch leaves it."""
    values = layered("digits", None, {"name": name, "resources": {"output": "out"}})
    spec = build(StudySpec, values)
    study = {"spec": json.loads(spec.model_dump_json()), "code": identity.code()}
    write(spec, study | {"space_hash": space_hash(spec.space)} | changes)
    return spec


def write(spec: StudySpec, study: dict[str, Any]) -> None:
    folder = Path("out") / spec.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(json.dumps(study))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[StudySpec]:
    """The specs that the command line would have gone on with."""
    seen: list[StudySpec] = []

    def conduct(spec: StudySpec, *args: Any, **options: Any) -> int:
        assert options == {"resume": True}
        seen.append(spec)
        return 0

    monkeypatch.setattr(launch, "conduct", conduct)
    return seen


def test_every_difference_in_one_answer(capsys: pytest.CaptureFixture[str]) -> None:
    budget = stored().search
    argv = """--epochs 3 --lr 0.5 --dataset mnist5k --schedulers sine --threshold 0.1,0.2 --sampler random
        --objectives accuracy_val,synapses --constraints sparsity_params>=0.5 --accuracy-floor 0.25
        --startup 3 --stop-rule pareto --name other --trails 3 --trials 3 --confirm 0"""
    lines = refused(["--resume", "mine", "--output", "out", *argv.split()], capsys)
    parts = {
        "train.epochs: the study has 30, given 3",
        "train.lr: the study has 0.01, given 0.5",
        "train.dataset: the study has 'digits', given 'mnist5k'",
        "space.schedulers: the study has ",
        "space.threshold: the study has ",
        "search.sampler: the study has 'auto', given 'random'",
        "search.objectives: the study has ['accuracy_val', 'sparsity_params'], given ['accuracy_val', ",
        "search.constraints: the study has [], given ['sparsity_params >= 0.5']",
        "search.accuracy_floor: the study has 0.5, given 0.25",
        "search.startup: the study has 8, given 3",
        "stopping.stop_rule: the study has 'none', given 'pareto'",
        "name: the study has 'mine', given 'other'",
        "unknown flag '--trails': did you mean '--trials'?",
        f"--trials: got 3, a budget can only grow; nearest valid: {budget.trials}",
        f"--confirm: got 0, a budget can only grow; nearest valid: {budget.confirm}",
        "--resume mine: nearest valid: without these, or another --name",
    }
    for part in parts:
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == len(parts)


def test_budget_and_place_may_change(begun: list[StudySpec]) -> None:
    before = stored()
    argv = "--trials 40 --confirm 7 --confirm-at-most 9 --slots 3 --threads 1 --device cpu --data-dir there"
    assert launch.main(["--resume", "mine", "--output", "out", *argv.split()]) == 0
    (spec,) = begun
    assert (spec.search.trials, spec.search.confirm, spec.search.confirm_at_most) == (40, 7, 9)
    assert (spec.resources.slots, spec.train.threads, spec.train.device) == (3, 1, "cpu")
    assert spec.folder == Path.cwd() / "out" / "mine"
    assert identity.differences(before, spec) == []


class TestPresetAndSpec:
    def test_the_same_may_be_given_again(self, begun: list[StudySpec]) -> None:
        before = stored()
        Path("mine.yaml").write_text("search: {trials: 30}\n")
        argv = ["--resume", "mine", "--output", "out", "--preset", "digits"]
        assert launch.main(argv) == 0
        assert launch.main([*argv, "--spec", "mine.yaml"]) == 0
        assert [spec.name for spec in begun] == ["mine", "mine"]
        assert [spec.search.trials for spec in begun] == [before.search.trials, 30]

    def test_a_difference_of_a_file_is_named_by_its_key(self, capsys: pytest.CaptureFixture[str]) -> None:
        stored()
        Path("mine.yaml").write_text("train: {epochs: 31, tau: 3.0}\nsearch: {trials: 30}\n")
        argv = ["--resume", "mine", "--output", "out", "--preset", "digits", "--spec", "mine.yaml"]
        lines = refused(argv, capsys)
        assert [line.split(" ")[1] for line in lines] == ["train.tau:", "train.epochs:", "--resume"]

    def test_a_budget_in_a_file_can_only_grow_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        least = stored().search.trials
        Path("mine.yaml").write_text("search: {trials: 3}\n")
        argv = ["--resume", "mine", "--output", "out", "--preset", "digits", "--spec", "mine.yaml"]
        (line,) = refused(argv, capsys)
        assert f"got 3, a budget can only grow; nearest valid: {least}" in line


class TestCode:
    def test_other_code_is_refused_with_what_changed(
        self, capsys: pytest.CaptureFixture[str], begun: list[StudySpec]
    ) -> None:
        stored(code=identity.code() | {"trainables": "0" * 12, "torch": "2.13.0"})
        argv = ["--resume", "mine", "--output", "out"]
        lines = refused(argv, capsys)
        ours = identity.code()
        assert lines == [
            f"error: trainables: the study was begun with 000000000000, this is {ours['trainables']}",
            f"error: torch: the study was begun with 2.13.0, this is {ours['torch']}",
            "error: code: results may differ; go on nonetheless with --other-code",
        ]
        assert launch.main([*argv, "--other-code"]) == 0
        assert len(begun) == 1

    def test_other_code_does_not_excuse_another_setting(self, capsys: pytest.CaptureFixture[str]) -> None:
        stored(code={})
        lines = refused(["--resume", "mine", "--output", "out", "--other-code", "--epochs", "3"], capsys)
        assert len(lines) == 2
        assert "train.epochs" in lines[0]

    def test_the_code_is_the_text_of_what_trains_and_of_what_draws(self, tmp_path: Path) -> None:
        code = identity.code()
        assert set(code) == {"trainables", "study", *identity.CODE}
        here = Path(identity.__file__).parent
        assert all((here / part / "__init__.py").is_file() for part in identity.DRAWS)
        assert all((here / f"{name}.py").is_file() for name in identity.CHOICES)
        one, other = tmp_path / "a.py", tmp_path / "b.py"
        one.write_text("x = 1\n")
        other.write_text("y = 1\n")
        digest = identity._digest(tmp_path, [one, other])
        assert digest == identity._digest(tmp_path, [other, one])
        assert digest != identity._digest(tmp_path, [one])
        one.write_text("x = 2\n")
        assert digest != identity._digest(tmp_path, [one, other])

    def test_a_space_of_ones_own_that_changed_is_other_code(
        self, capsys: pytest.CaptureFixture[str], begun: list[StudySpec], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(str(Path.cwd()))
        text = (
            "def space(trial, base):\n    return {'final_threshold': trial.suggest_float('d', 0.1, HIGH)}\n"
        )
        Path("ownspace.py").write_text(text.replace("HIGH", "0.5"))
        spec = build(StudySpec, {"name": "mine", "space": {"function": "ownspace:space"}})
        study = {"spec": json.loads(spec.model_dump_json()), "code": identity.code()}
        write(spec, study | {"space_hash": space_hash(spec.space)})
        argv = ["--resume", "mine", "--output", "out"]
        assert launch.main(argv) == 0
        Path("ownspace.py").write_text(text.replace("HIGH", "0.6"))
        lines = refused(argv, capsys, besides={"__pycache__"})
        assert lines[0] == "error: space.function: ownspace:space has changed since the study began"
        assert launch.main([*argv, "--other-code"]) == 0
        assert len(begun) == 2
        sys.modules.pop("ownspace", None)


class TestFolder:
    def test_under_another_name_it_would_be_another_study(self, capsys: pytest.CaptureFixture[str]) -> None:
        stored()
        stored("kept")
        (Path("out") / "mine").rename("out/moved")
        (line,) = refused(["--resume", "moved", "--output", "out"], capsys)
        assert "out/moved holds 'mine'; nearest valid: name the folder so again" in line

    def test_a_new_study_of_the_name_is_shown_what_is_different(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        stored()
        lines = refused(["--name", "mine", "--output", "out", "--epochs", "3"], capsys)
        assert "train.epochs: the study has 30, given 3" in lines[0]
        assert "exists already; choose a name (--name mine-2)" in lines[1]
        (line,) = refused(["--name", "mine", "--output", "out"], capsys)
        assert "go on with it (--resume mine) or choose a name (--name mine-2)" in line

    def test_a_damaged_study_in_the_way(self, capsys: pytest.CaptureFixture[str]) -> None:
        stored()
        Path("out/mine/study.json").write_text('{"spec": ')
        (line,) = refused(["--name", "mine", "--output", "out"], capsys)
        assert "exists already" in line

    def test_a_study_that_is_running_is_not_disturbed(self, capsys: pytest.CaptureFixture[str]) -> None:
        stored()
        with held(Path("out/mine").absolute()):
            (line,) = refused(["--resume", "mine", "--output", "out"], capsys)
        assert "out/mine is in use by process" in line
        assert line.endswith("wait for it, or choose another --name")
