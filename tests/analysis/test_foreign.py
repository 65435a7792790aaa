"""Results that were not written here: every format gives the same study; what is wrong is told at once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from torch.utils.tensorboard import SummaryWriter

from analysis.foreign import FORMATS, load
from analysis.records import StudyError
from analysis.render import render
from analysis.report import main
from tests.analysis.folder import HOSTILE, write_study

Rows = Sequence[Mapping[str, Any]]


def rows(scale: float = 1.0) -> list[dict[str, Any]]:
    """Two schedules, two seeds and a dense arm, three epochs each; values that float32 holds exactly."""
    found = []
    for run, (scheduler, lam, seed, last) in enumerate(
        [("linear", 1, 1, 0.75), ("linear", 1, 2, 0.8125), ("sine", 2, 1, 0.875), ("dense", 0, 1, 0.9375)]
    ):
        for epoch in (1, 2, 3):
            sparsity = 0.0 if scheduler == "dense" else 0.25 * epoch + run / 32
            found.append({
                "run": f"{scheduler}-l{lam}-s{seed}", "scheduler": scheduler, "lam": lam, "seed": seed,
                "epoch": epoch,
                "accuracy": scale * (last - (3 - epoch) / 8), "sparsity": scale * sparsity,
                "loss": 1 / 2**epoch,
            })  # fmt: skip
    return found


def write_csv(folder: Path, table: Rows) -> Path:
    path = folder / "runs.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


def write_jsonl(folder: Path, table: Rows) -> Path:
    path = folder / "runs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    return path


def write_tensorboard(folder: Path, table: Rows) -> Path:
    path = folder / "runs"
    for run in dict.fromkeys(row["run"] for row in table):
        with SummaryWriter(str(path / run)) as writer:
            for row in [row for row in table if row["run"] == run]:
                for tag in ("accuracy", "sparsity", "loss"):
                    writer.add_scalar(tag, row[tag], row["epoch"])
    (path / "mapping.toml").write_text(r"run = '(?P<scheduler>\w+)-l(?P<lam>\d+)-s(?P<seed>\d+)'")
    return path


# One row for each format: how to write a table in it.
SETTINGS: dict[str, Callable[[Path, Rows], Path]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "tensorboard": write_tensorboard,
}
assert set(SETTINGS) == set(FORMATS), "every format needs a row of settings"


@pytest.mark.parametrize("name", SETTINGS)
def test_every_format_gives_the_same_study(name: str, tmp_path: Path) -> None:
    """Trials by hand: the last epoch counts, seeds repeat the first, dense is an arm, loss a curve."""
    study = load(SETTINGS[name](tmp_path, rows()))
    found = study.trials.sort_values(["scheduler", "seed"]).to_dict("records")
    assert [(row["scheduler"], row["kind"], row["seed"]) for row in found] == [
        ("dense", "reference", 1), ("linear", "search", 1), ("linear", "search", 2), ("sine", "search", 1),
    ]  # fmt: skip
    assert [row["accuracy"] for row in found] == [0.9375, 0.75, 0.8125, 0.875]
    assert [row["sparsity"] for row in found] == [0.0, 0.75, 0.78125, 0.8125]
    assert [row["params"]["lam"] for row in found] == [0, 1, 1, 2]
    assert found[2]["replicate_of"] == found[1]["number"]
    assert found[1]["replicate_of"] != found[1]["replicate_of"] or found[1]["replicate_of"] is None
    curve = study.epochs[study.epochs["number"] == found[3]["number"]]
    assert curve["accuracy"].tolist() == [0.625, 0.75, 0.875]
    assert curve["loss"].tolist() == [0.5, 0.25, 0.125]
    assert curve["progress"].tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert study.info["state"] == "imported"
    assert study.info["imported"]["format"] == name
    assert "commit" not in study.info
    assert study.objectives == ["accuracy", "sparsity"]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_format_becomes_a_report(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every section stands; the page says where the results come from; the same bytes from another place."""
    pages = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        path = SETTINGS[name](tmp_path / place, rows())
        assert main([str(path), "--output", str(tmp_path / "page.html")]) == 0
        pages.append((tmp_path / "page.html").read_bytes())
    assert pages[0] == pages[1]
    page = pages[0].decode()
    assert "These results were made elsewhere" in page
    assert page.count('<p class="finding">') == page.count("<section ")
    assert str(tmp_path) not in page
    assert "not from a study folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", SETTINGS)
def test_percent_needs_a_word(name: str, tmp_path: Path) -> None:
    """Refused with the fix; with the fix, the same fractions."""
    path = SETTINGS[name](tmp_path, rows(100))
    with pytest.raises(
        StudyError, match=r'accuracy is [0-9.]+ in .*1\]\. If it is in percent, put scale = "percent"'
    ):
        load(path)
    mapping = (path if path.is_dir() else path.parent) / "mapping.toml"
    mapping.write_text('scale = "percent"\n' + (mapping.read_text() if mapping.exists() else ""))
    assert sorted(load(path).trials["accuracy"]) == [0.75, 0.8125, 0.875, 0.9375]


def test_mapping_names_columns_and_what_remains(tmp_path: Path) -> None:
    """Their names, connectivity in percent and error rate: 1 - x."""
    (tmp_path / "mapping.toml").write_text(
        'source = "old.csv"\nname = "Old runs"\ndata = "CIFAR-10"\naccuracy_floor = 0.5\n'
        '[columns]\naccuracy_test = "err"\nsparsity_params = "conn %"\n'
        '[scale]\naccuracy_test = "remaining"\nsparsity = "remaining percent"\n'
    )
    (tmp_path / "old.csv").write_text("err,conn %\n0.25,10\n0.5,2.5\n")
    study = load(tmp_path)
    assert study.objectives == ["accuracy_test", "sparsity_params"]
    assert study.trials["accuracy_test"].tolist() == [0.75, 0.5]
    assert study.trials["sparsity_params"].tolist() == pytest.approx([0.9, 0.975])
    assert (study.info["name"], study.part("data")["name"], study.floor) == ("Old runs", "CIFAR-10", 0.5)
    assert study.label("sparsity_params") == "Sparsity (parameters)"


def test_steps_become_epochs(tmp_path: Path) -> None:
    """Accuracy and sparsity logged at different steps meet in an epoch; the last value of it counts."""
    with SummaryWriter(str(tmp_path / "r")) as writer:
        for step in range(1, 9):
            writer.add_scalar("accuracy" if step % 2 else "sparsity", step / 16, step)
    with pytest.raises(StudyError, match="steps_per_epoch"):
        load(tmp_path)
    (tmp_path / "mapping.toml").write_text("steps_per_epoch = 4")
    epochs = load(tmp_path).epochs
    assert epochs["accuracy"].tolist() == [3 / 16, 7 / 16]
    assert epochs["sparsity"].tolist() == [4 / 16, 8 / 16]


def test_plain_table_without_epochs(tmp_path: Path) -> None:
    """Each row a trial; unknown values fail that trial alone; odd columns are parameters."""
    (tmp_path / "t.csv").write_text(
        "\ufeffaccuracy,sparsity,width\n0.5,0.9,8\n,0.95,16\n0.75,nan,x\n", "utf-8"
    )
    study = load(tmp_path / "t.csv")
    assert study.trials["state"].tolist() == ["COMPLETE", "FAIL", "FAIL"]
    assert study.trials["error"].tolist() == [None, "accuracy not recorded", "sparsity not recorded"]
    assert [row["width"] for row in study.trials["params"]] == [8, 16, "x"]
    assert any("no column epoch" in notice for notice in study.notices)
    render(study)


def test_torn_last_lines_are_left_out(tmp_path: Path) -> None:
    """And told."""
    (tmp_path / "t.csv").write_text("accuracy,sparsity\n0.5,0.9\n0.7")
    (tmp_path / "t.jsonl").write_text('{"accuracy": 0.5, "sparsity": 0.9}\n{"accuracy": 0.7, "spa')
    for name in ("t.csv", "t.jsonl"):
        study = load(tmp_path / name)
        assert study.trials["accuracy"].tolist() == [0.5]
        assert any("torn" in notice for notice in study.notices)


def test_hostile_tables_stay_text(tmp_path: Path) -> None:
    """Names, columns and values full of markup."""
    table = [{"accuracy": 0.5, "sparsity": 0.9, "scheduler": HOSTILE, HOSTILE: HOSTILE, "seed": HOSTILE}] * 3
    page = render(load(write_jsonl(tmp_path, table)))
    assert "<img src=x" not in page


HEAD = "accuracy,sparsity\n"
WRONG = 'scal = "percent"\nscale = "precent"\nformat = "cvs"\nrun = "("\nsteps_per_epoch = 0'
MISTAKES: dict[str, tuple[Mapping[str, str], str, Sequence[str]]] = {
    "no columns": (
        {"t.csv": "acuracy,density\n1,1\n"},
        "t.csv",
        ["did you mean 'acuracy'", "no column 'sparsity'"],
    ),
    "all at once": (
        {"t.csv": "accuracy,sparsity,epoch\n97.5,x,1.5\n-1,0.5,1\n"},
        "t.csv",
        ["accuracy is 97.5 in t.csv, line 2", "sparsity is 'x' in", "epoch is '1.5' in t.csv, line 2"],
    ),
    "negative": ({"t.csv": HEAD + "-0.5,0.5\n"}, "t.csv", ["accuracy is -0.5", "not a fraction"]),
    "above 100": (
        {"t.csv": HEAD + "150,50\n", "mapping.toml": 'scale = "percent"'},
        "t.csv",
        ["accuracy is 150"],
    ),
    "empty": ({"t.csv": ""}, "t.csv", ["t.csv is empty"]),
    "semicolons": ({"t.csv": "accuracy;sparsity\n1;1\n"}, "t.csv", ["delimiter = ';'"]),
    "short row": ({"t.csv": HEAD + "1\n1,1\n"}, "t.csv", ["line 2 has 1"]),
    "open quote": ({"t.csv": HEAD + '"1,1\n'}, "t.csv", ["is not CSV"]),
    "twice": ({"t.csv": "accuracy,sparsity,accuracy\n1,1,1\n"}, "t.csv", ["header with 'accuracy'"]),
    "not text": ({"t.csv": "\udcff"}, "t.csv", ["is not UTF-8"]),
    "bad line": (
        {"t.jsonl": '[]\n{"accuracy": 1, "sparsity": 1}\n'},
        "t.jsonl",
        ["t.jsonl, line 1, is no JSON"],
    ),
    "same epoch": (
        {"t.csv": "accuracy,sparsity,epoch\n0.1,0.1,1\n0.1,0.2,1\n0.1,0.2,2\n"},
        "t.csv",
        ["line 2 and line 3 are the same"],
    ),
    "no run": (
        {"t.csv": "accuracy,sparsity,epoch,loss\n0.1,0.1,1,5\n0.1,0.2,2,4\n"},
        "t.csv",
        ["column 'run'", "metrics = ["],
    ),
    "kind": ({"t.csv": "accuracy,sparsity,kind\n1,1,arm\n"}, "t.csv", ["kind is 'arm'"]),
    "mapping": (
        {"t.csv": HEAD, "mapping.toml": WRONG},
        "t.csv",
        ["did you mean 'scale'", "mean 'percent'", "mean 'csv'", "regular expression", "steps_per_epoch = 0"],
    ),
    "mapping is no TOML": (
        {"t.csv": HEAD, "mapping.toml": "scale ="},
        "t.csv",
        ["mapping.toml cannot be read"],
    ),
    "mapped column": (
        {"t.csv": HEAD, "mapping.toml": '[columns]\nseed = "sed"'},
        "t.csv",
        ["no column 'sed'"],
    ),
    "two tables": ({"t.csv": HEAD, "u.csv": HEAD, "mapping.toml": ""}, "", ["2 files", 'source = "FILE"']),
    "no source": ({"mapping.toml": 'source = "x.csv"'}, "", ["source = 'x.csv' is not there"]),
    "empty log": ({"events.out.tfevents.1": ""}, "", ["hold no scalars"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One message that names file, place, rule and fix; exit 2; nothing is written."""
    files, given, parts = MISTAKES[case]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert main([str(tmp_path / given)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("error: ") == 1
    for part in parts:
        assert part in err
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(files)


def test_a_folder_of_studies_is_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ray Tune writes event files into study folders."""
    folder = write_study(tmp_path / "studies" / "one", trials=2)
    (folder / "tune").mkdir()
    with SummaryWriter(str(folder / "tune")) as writer:
        writer.add_scalar("accuracy", 1, 1)
    assert main([str(tmp_path / "studies")]) == 2
    assert "has no study.json" in capsys.readouterr().err
    assert len(load(folder).trials) == 10
