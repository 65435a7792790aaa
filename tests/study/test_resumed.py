"""What a study goes on with outside its folder: storage and database are the command's to name."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import socket
from pathlib import Path

import pytest
from rich.console import Console

from study import ending, identity, resumed, storage
from study.launch import main, parser
from study.spec import Resources, StudySpec
from tests.study.made import make, opened
from trainables import flags, imports
from trainables.config import build

DATABASE = "postgresql://me@127.0.0.1:5432/studies"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(imports, "_data_only", set())


def begun(root: str = "studies", **resources: str) -> StudySpec:
    """A study whose study.json names these places."""
    spec = build(StudySpec, {"name": "sent", "resources": resources})
    folder = Path(root, "sent")
    folder.mkdir(parents=True)
    stored = {"spec": json.loads(spec.model_dump_json()), "code": identity.code()}
    (folder / "study.json").write_text(json.dumps(stored))
    return spec


def refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    before = sorted(Path.cwd().rglob("*"))
    assert main(argv) == 2
    assert sorted(Path.cwd().rglob("*")) == before
    return capsys.readouterr().err.splitlines()


def goes_on(argv: list[str]) -> Resources:
    """The resources of the spec that the command goes on with."""
    return resumed.spec_of(*flags.parse(parser(), argv)).resources


def test_places_that_only_the_folder_names_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made there, and nobody there is shown the password."""
    monkeypatch.setenv("PGPASSWORD", "horse")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        database = f"postgresql://me@127.0.0.1:{stranger.getsockname()[1]}/x"
        begun(storage=str(tmp_path / "theirs"), optuna_storage=database)
        for more in ([], ["--trials", "40"], ["--preset", "digits"], ["--supervise"]):
            lines = refused(["--resume", "sent", *more], capsys)
            first, second = [line for line in lines if "resources." in line]
            assert f"resources.storage: study.json names '{tmp_path / 'theirs'}'" in first
            assert f"nearest valid: --storage {tmp_path / 'theirs'}, or --storage ''" in first
            assert f"resources.optuna_storage: study.json names '{database}'" in second
            assert f"nearest valid: --optuna-storage {database}, or --optuna-storage ''" in second
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.accept()


def test_it_is_said_with_all_that_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    begun(storage="all")
    lines = refused(["--resume", "sent", "--trails", "3", "--epochs", "3", "--trials", "2"], capsys)
    parts = ("'--trails'", "resources.storage: ", "train.epochs: ", "--resume sent: ", "--trials: got 2")
    for part in parts:
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == len(parts)


def test_what_a_shell_or_a_terminal_would_obey_is_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    begun("one", storage="/x; touch ran")
    (line,) = refused(["--resume", "sent", "--output", "one"], capsys)
    assert shlex.split(line.partition("nearest valid: ")[2])[:2] == ["--storage", "/x; touch ran,"]
    begun("two", storage="/x\x1b[2J\n--storage /y")
    (line,) = refused(["--resume", "sent", "--output", "two"], capsys)
    assert line.isprintable()
    assert line.endswith("nearest valid: --storage '' to go on without what lies there")


class TestSaid:
    @pytest.mark.parametrize("spelled", ["all", "./all", "/TMP/all"])
    def test_by_a_flag_in_any_spelling(self, spelled: str, tmp_path: Path) -> None:
        spec = begun(storage="all", optuna_storage=DATABASE)
        given = spelled.replace("/TMP", str(tmp_path))
        argv = ["--resume", "sent", "--storage", given, "--optuna-storage", DATABASE]
        found = goes_on(argv)
        assert Path(storage.absolute(found.storage), "sent") == Path(spec.place) == tmp_path / "all" / "sent"
        assert found.optuna_storage == DATABASE

    def test_the_flag_of_the_answer_is_the_one(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        begun(storage="a place")
        (line,) = refused(["--resume", "sent"], capsys)
        flag, place = shlex.split(line.partition("nearest valid: ")[2].partition(", or")[0])
        assert (flag, place) == ("--storage", str(tmp_path / "a place"))
        assert goes_on(["--resume", "sent", flag, place]).storage == place

    def test_by_a_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        begun(storage="all", optuna_storage=DATABASE)
        Path("mine.yaml").write_text(f"resources: {{storage: all, optuna_storage: '{DATABASE}'}}\n")
        found = goes_on(["--resume", "sent", "--spec", "mine.yaml"])
        assert (found.storage, found.optuna_storage) == ("all", DATABASE)
        Path("half.yaml").write_text("resources: {storage: all}\n")
        (line,) = refused(["--resume", "sent", "--spec", "half.yaml"], capsys)
        assert "resources.optuna_storage: " in line

    def test_to_go_on_without(self) -> None:
        begun(storage="all", optuna_storage=DATABASE)
        found = goes_on(["--resume", "sent", "--storage", "", "--optuna-storage="])
        assert (found.storage, found.optuna_storage) == ("", "")

    def test_a_new_head_finds_the_study_in_the_storage(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Mounted elsewhere than on the old one. The database that is named there is not asked either."""
        begun("all", storage="/mnt/of/the/old/head")
        argv = ["--resume", "sent", "--output", "new", "--storage", "all"]
        assert goes_on(argv).storage == "all"
        Path("mine.yaml").write_text("resources: {storage: all, output: new}\n")
        assert goes_on(["--resume", "sent", "--spec", "mine.yaml"]).storage == "all"
        shutil.rmtree("all")
        begun("all", storage="all", optuna_storage=DATABASE)
        (line,) = refused(argv, capsys)
        assert "resources.optuna_storage: " in line


def test_a_supervised_study_is_found_where_its_file_puts_it() -> None:
    """A supervisor repeats the flags of the first command, and ``--resume``."""
    begun("out", storage="all")
    Path("mine.yaml").write_text("name: sent\nresources: {output: out}\n")
    for first in (
        ["--spec", "mine.yaml", "--storage", "all"],
        ["--name", "sent", "--output", "out", "--storage", "all"],
        ["--resume", "sent", "--output", "out", "--storage", "all"],
    ):
        assert goes_on([*first, "--resume", "sent"]).output == str(Path("out").absolute())


def test_the_last_words_name_all_that_the_next_command_needs() -> None:
    places = {"output": "out here", "storage": "all", "optuna_storage": DATABASE}
    spec = make(1, resources=places).model_copy(update={"name": "sent"})
    begun("out here", storage="all", optuna_storage=DATABASE)
    out = io.StringIO()
    with opened(make(1), Path("books")) as recorder:  # without the database, which is not there
        recorder.next()
        assert ending.conclude(spec, recorder, None, Console(file=out)) == ending.INTERRUPTED
    command = shlex.split(out.getvalue().partition("Go on with: ")[2])
    assert command[:3] == ["python", "-m", "study.launch"]
    found = goes_on(command[3:])
    assert found.storage == str(Path("all").absolute())
    assert found.optuna_storage == DATABASE
