"""What the command line does about bad input: exit status 2, one line a problem, nothing touched."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Collection
from pathlib import Path

import pytest
import yaml

from study import launch
from study.spec import StudySpec


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below the folder, files with their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def refused(argv: list[str], capsys: pytest.CaptureFixture[str], besides: Collection[str] = ()) -> list[str]:
    """The problems that ``argv`` is refused for; the folder must be as before but for what is ``besides``."""

    def kept() -> dict[str, bytes | None]:
        here = contents(Path.cwd())
        return {name: text for name, text in here.items() if Path(name).parts[0] not in besides}

    before = kept()
    assert launch.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines
    assert all(line.startswith("error: ") for line in lines)
    assert kept() == before
    return lines


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--preset", "digit"], "unknown preset 'digit': did you mean 'digits'?"),
        (["--scheduler", "sinus"], "unknown schedule 'sinus': did you mean 'sine'?"),
        (["--schedulers", "sine,qubic"], "unknown schedule 'qubic': did you mean 'cubic'?"),
        (["--dataset", "digit"], "unknown data set 'digit': did you mean 'digits'?"),
        (["--trails", "5"], "unknown flag '--trails': did you mean '--trials'?"),
        (["--trial", "5"], "unknown flag '--trial': did you mean '--trials'?"),  # no abbreviations
        (["5"], "unexpected words: 5"),
        (["--trials"], "--trials: expected one argument"),
        (["--final-threshold", "-0.1"], "final_threshold: got '-0.1', must be at least 0"),
        (["--final-threshold", "2e6"], "final_threshold: got '2e6', must be at most 1000000"),
        (["--final-threshold", "nan"], "final_threshold: got 'nan'"),
        (["--threshold", "0.5,0.1"], "nearest valid: 0.1,0.5"),
        (["--threshold", "0.5"], "space.threshold"),
        (["--epochs", "0"], "epochs: got '0', must be at least 1; nearest valid: 1"),
        (["--epochs", "1e9"], "epochs: got '1e9'"),
        (["--trials", "0"], "trials: got '0', must be at least 1; nearest valid: 1"),
        (["--trials", "1000001"], "nearest valid: 1000000"),
        (["--name", "../up"], "name: got '../up'"),
        (["--device", "cuda:99"], "nearest valid: cpu"),
        (["--spec", "absent.yaml"], "absent.yaml: cannot be read"),
    ],
)
def test_one_bad_flag(argv: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = refused(argv, capsys)
    assert part in line


@pytest.mark.parametrize("flag", ["preset", "spec", "resume"])
def test_a_variable_that_is_not_set_starts_no_other_study(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = f"error: --{flag}: got '', must not be empty; nearest valid: leave --{flag} out"
    for more in ([], ["--list"], ["--dry-run"]):
        assert refused([f"--{flag}=", *more], capsys) == [expected]
    lines = refused([f"--{flag}", "", "--epochs", "0", "--trails", "5"], capsys)
    assert [expected in lines, len(lines)] == [True, 3]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("train: {epohcs: 3}\n", "unknown key 'train.epohcs': did you mean 'train.epochs'?"),
        ("train: [1,\nname: x\n", "not YAML"),
        ("- 1\n", "must hold keys and values"),
        ("train: 5\n", "train: got 5"),
        ("name: 2026-13-45\n", "not YAML"),
        ("[" * 6000, "not YAML"),
        ("space: {start: [0.0, 0.7]}\n", "every start must lie before every end"),
    ],
)
def test_bad_spec_file(content: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text(content)
    (line,) = refused(["--spec", "bad.yaml"], capsys)
    assert part in line


def test_flags_and_file_are_reported_together(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text("nmae: x\ntrain: {epochs: 0}\n")
    argv = ["--spec", "bad.yaml", "--trails", "5", "--trials", "0", "--schedulers", "lniear"]
    lines = refused(argv, capsys)
    assert len(lines) == 5
    for part in ("'nmae'", "train.epochs: got 0", "'--trails'", "search.trials: got '0'", "'lniear'"):
        assert sum(part in line for line in lines) == 1, part


class TestOutput:
    def test_study_that_exists_is_left_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        folder = Path("out/mine")
        folder.mkdir(parents=True)
        Path("out/mine-2").mkdir()
        (folder / "trials.jsonl").write_bytes(b'{"number": 0}\n{"torn": ')
        (line,) = refused(["--name", "mine", "--output", "out"], capsys)
        assert "exists already" in line
        assert "--resume" not in line  # without study.json there is nothing to go on with
        assert "--name mine-3" in line

    @pytest.mark.parametrize("output", ["file", "file/below/it"])
    def test_folder_below_a_file(self, output: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("file").write_text("not a folder")
        (line,) = refused(["--output", output], capsys)
        assert line.startswith("error: output: ")
        assert f"{Path.cwd() / 'file'} is not a folder" in line


class TestAddress:
    @pytest.mark.parametrize(
        "address", ["nonsense", "host:", ":6379", "host:0", "host:65536", "host:six", "", "host:\u00b2"]
    )
    def test_malformed(self, address: str, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused([f"--address={address}", "--output", "out"], capsys)
        assert f"address: got {address!r}, must be HOST:PORT" in line

    @pytest.mark.parametrize("host", ["a..b", "x" * 70])
    def test_host_that_is_no_name(self, host: str, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused([f"--address={host}:6379", "--output", "out"], capsys)
        assert f"no Ray answers at {host}:6379" in line

    @pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", None])
    def test_somebody_answers_who_is_not_ray(
        self, greeting: bytes | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One closes at once, one speaks HTTP/1, one accepts and stays silent."""
        monkeypatch.setattr("study.joining.ANSWER_S", 0.5)
        kept = []
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                kept.append(server.accept()[0])
                if greeting is not None:
                    kept[0].sendall(greeting)
                    kept[0].shutdown(socket.SHUT_WR)

            thread = threading.Thread(target=answer)
            thread.start()
            address = f"127.0.0.1:{server.getsockname()[1]}"
            (line,) = refused(["--address", address, "--output", "out"], capsys)
            thread.join()
        kept[0].close()
        assert f"no Ray answers at {address}" in line
        assert ("timed out" if greeting is None else "does not speak Ray's protocol") in line

    def test_nobody_answers(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        for argv in (["--address", address], ["--address", f"ray://{address}"]):
            (line,) = refused([*argv, "--output", "out"], capsys)
            assert f"no Ray answers at {argv[1]} (Connection refused)" in line
        monkeypatch.setenv("RAY_ADDRESS", address)
        (line,) = refused(["--output", "out"], capsys)
        assert f"no Ray answers at {address}" in line


class TestResume:
    @pytest.fixture(autouse=True)
    def _stored(self, _alone: None) -> None:
        folder = Path("out/digits")
        folder.mkdir(parents=True)
        (folder / "study.json").write_text(json.dumps({"spec": StudySpec().model_dump()}))
        (folder.parent / "stray.txt").write_text("not a study")

    def test_unknown_study_names_the_nearest(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(["--resume", "digts", "--output", "out"], capsys)
        assert "unknown study 'digts': did you mean 'digits'?" in line
        (line,) = refused(["--resume", "digits"], capsys)  # not in the default output folder
        assert "unknown study 'digits'" in line

    @pytest.mark.parametrize("content", ["{", "{}", "", "[1]", '{"spec": 3}'])
    def test_damaged_study(self, content: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("out/digits/study.json").write_text(content)
        (line,) = refused(["--resume", "digits", "--output", "out"], capsys)
        assert "is damaged" in line

    def test_unreadable_study(self, capsys: pytest.CaptureFixture[str]) -> None:
        path = Path("out/digits/study.json")
        path.unlink()
        path.mkdir()
        (line,) = refused(["--resume", "digits", "--output", "out"], capsys)
        assert "study.json cannot be read (Is a directory)" in line


class TestDryRun:
    def test_prints_the_spec_and_the_first_suggestions(self, capsys: pytest.CaptureFixture[str]) -> None:
        argv = ["--dry-run", "--trials", "3", "--schedulers", "linear,slats", "--output", "out"]
        texts = []
        for _ in range(2):
            assert launch.main(argv) == 0
            texts.append(capsys.readouterr().out)
        assert texts[0] == texts[1]
        assert "trials: 3" in texts[0]
        found = [line.split() for line in texts[0].splitlines() if line.startswith("  #")]
        assert [(line[0], line[1]) for line in found] == [
            ("#0", "dense"),
            ("#1", "linear"),
            ("#2", "sine"),
            ("#3", "slats"),
            ("#4", "search"),
            ("#5", "search"),
            ("#6", "search"),
        ]
        assert contents(Path.cwd()) == {}

    def test_what_a_spec_says_is_printed_as_it_is(self, capsys: pytest.CaptureFixture[str]) -> None:
        where = f"{'long/' * 20}[/data] [bold]"
        assert launch.main(["--dry-run", "--data-dir", where, "--output", "out"]) == 0
        printed = capsys.readouterr().out.partition("\n\n")[0]
        assert yaml.safe_load(printed)["train"]["data_dir"] == where

    def test_bad_values_are_refused_all_the_same(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = refused(["--dry-run", "--epochs", "0"], capsys)
        assert "epochs" in line


def test_a_fresh_process_reports_like_the_function(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study.launch", "--epochs", "0", "--trails", "1", "--output", "out"]
    environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line[:7] for line in done.stderr.splitlines()] == ["error: "] * 2
    assert contents(tmp_path) == {}
