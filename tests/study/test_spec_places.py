"""Where results go and what trials get, as a person writes it: what is wrong is said, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study import identity
from study.spec import AUTO, Resources, StudySpec
from tests.study.test_launch_errors import refused
from trainables.config import build
from trainables.errors import ConfigError


def built(**resources: Any) -> StudySpec:
    return build(StudySpec, {"name": "mine", "resources": resources})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cpus_per_trial": "0"}, "cpus_per_trial: got '0', must be greater than 0, e.g. 0.5, or auto"),
        ({"cpus_per_trial": "many"}, "cpus_per_trial: got 'many', must be a number of at least 0, or auto"),
        ({"cpus_per_trial": True}, "cpus_per_trial: got True, must be a number of at least 0, or auto"),
        ({"gpus_per_trial": "1.5"}, "gpus_per_trial: got '1.5', above 1 whole GPUs only; nearest valid: 2"),
        ({"gpus_per_trial": "nan"}, "gpus_per_trial: got 'nan', must be a number of at least 0, or auto"),
        (
            {"memory_gib_per_trial": -1},
            "memory_gib_per_trial: got -1, must be a number of at least 0, or auto",
        ),
        ({"storage": "ftp://a/b"}, "storage: unknown kind of storage 'ftp://'"),
        (
            {"grows": True},
            "grows: what does not run yet cannot be counted or measured; nearest valid: with --slots",
        ),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        built(**given)
    (problem,) = refused.value.problems
    assert problem.startswith(f"resources: {told}" if "grows" in given else f"resources.{told}")


def test_all_of_it_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        built(cpus_per_trial="x", gpus_per_trial="y", storage="ftp://a", optuna_storage="mysql://a")
    assert [line.split(":")[0] for line in refused.value.problems] == [
        "resources.cpus_per_trial",
        "resources.gpus_per_trial",
        "resources.storage",
        "resources.optuna_storage",
    ]


def test_numbers_and_auto() -> None:
    found = built(cpus_per_trial="0.5", gpus_per_trial=2, memory_gib_per_trial=AUTO).resources
    assert (found.cpus_per_trial, found.gpus_per_trial, found.memory_gib_per_trial) == (0.5, 2.0, AUTO)
    assert Resources().gpus_per_trial == AUTO


def test_the_place_of_a_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert built().place == ""
    assert built(storage="all").place == str(tmp_path / "all" / "mine")
    assert built(storage="s3://b/all?region=x").place == "s3://b/all/mine?region=x"


class TestNoHome:
    """A folder below the home of a user whom this machine does not know."""

    @pytest.fixture(autouse=True)
    def _alone(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("RAY_ADDRESS", raising=False)

    @pytest.mark.parametrize(
        "argv",
        [
            [],
            ["--dry-run"],
            ["--supervise"],
            ["--resume", "mine"],
            ["--list"],
            ["--follow", "mine"],
            ["--fetch", "mine", "--address", "http://127.0.0.1:1"],
        ],
    )
    def test_of_the_output(self, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(["--output", "~nosuch/x", *argv], capsys)
        rule = "~nosuch has no home on this machine; nearest valid: '~/x'"
        assert line == f"error: resources.output: got '~nosuch/x', {rule}"

    def test_of_all_folders_with_all_else(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("bad.yaml").write_text(
            "resources: {output: ~nosuch/x, storage: ~nosuch/y}\ntrain: {epochs: 0}\n"
        )
        for argv in ([], ["--dry-run"]):
            lines = refused(["--spec", "bad.yaml", "--data-dir", "~nosuch", *argv], capsys)
            keys = ["resources.output", "resources.storage", "train.data_dir", "train.epochs"]
            assert [line.split(": ")[1] for line in lines] == keys
        (line,) = refused(["--follow", "~nosuch/x/mine"], capsys)
        assert line.startswith("error: --follow: got '~nosuch/x/mine', ~nosuch has no home")

    def test_of_a_study_that_somebody_sent(self, capsys: pytest.CaptureFixture[str]) -> None:
        stored = StudySpec().model_dump(mode="json")
        stored["train"]["data_dir"] = stored["resources"]["storage"] = "~nosuch/x"
        stored["resources"]["output"] = "~sender/studies"  # where it was, which is of no concern here
        Path("studies/digits").mkdir(parents=True)
        study = {"spec": stored, "code": identity.code()}
        Path("studies/digits/study.json").write_text(json.dumps(study))
        (line,) = refused(["--resume", "digits", "--storage", "all"], capsys)
        assert "train.data_dir: got '~nosuch/x'" in line
        lines = refused(["--resume", "digits"], capsys)
        assert "nearest valid: --storage '~nosuch/x', or --storage ''" in lines[0]

    def test_on_a_cluster_it_is_the_cluster_s_to_know(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(["--submit", "absent.yaml", "--output", "~nosuch/x"], capsys)
        assert "absent.yaml" in line
