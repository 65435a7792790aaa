"""The report of a study with confirmation, constraints and three objectives, and with parts of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.render import render
from analysis.report import main
from analysis.results import load
from analysis.sections import SECTIONS
from analysis.sections.base import Material
from tests.analysis.folder import HOSTILE, write_confirmed, write_hostile, write_study
from tests.analysis.test_report import Page


def text_of(folder: Path) -> str:
    """Visible text with plain spaces."""
    return " ".join(Page(render(load(folder))).text.replace("\u00a0", " ").split())


def strip(folder: Path, *keys: str) -> Path:
    """Take keys out of study.json and of every trial: what an older writer would have left."""
    study = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({k: v for k, v in study.items() if k not in keys}))
    lines = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    kept = [{key: value for key, value in line.items() if key not in keys} for line in lines]
    (folder / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))
    return folder


NEW = (
    "confirmed",
    "constraints",
    "sampler",
    "stopping",
    "violations",
    "replicate_of",
    "kind",
    "metrics",
    "budget",
)


@pytest.mark.parametrize("without", [(), NEW, NEW[::2], NEW[1::2]], ids=len)
@pytest.mark.parametrize("third", [False, True])
def test_every_section_renders_with_and_without_the_new_data(
    tmp_path: Path, without: tuple[str, ...], third: bool
) -> None:
    """Each new key missing in some company; every section still states a finding, tables are whole."""
    material = Material.of(load(strip(write_confirmed(tmp_path / "s", third), *without)))
    for make in SECTIONS:
        section = make(material)
        assert section.finding
        for table in (*section.tables, *(picture.table for picture in section.pictures)):
            assert all(len(row) == len(table.columns) for row in table.rows)


@pytest.mark.parametrize("third", [False, True])
def test_same_folder_same_bytes(tmp_path: Path, third: bool) -> None:
    """Wherever the folder lies."""
    reports = []
    for name in ("a", "b"):
        folder = write_confirmed(tmp_path / name, third)
        assert main([str(folder)]) == 0
        reports.append((folder / "report.html").read_bytes())
    assert reports[0] == reports[1]


def test_the_headline_rests_on_fresh_seeds(tmp_path: Path) -> None:
    """Mean, interval, n, paired gain, test accuracy of the same runs, and what the search had claimed."""
    text = text_of(write_confirmed(tmp_path / "s"))
    for part in (
        "keeps 93.0 % validation accuracy (mean of 5 fresh seeds, 95 % interval 91.1 to 94.9 %)",
        "the best of 3 confirmed configurations",
        "Test accuracy of the same runs: 92.0 %",
        "is not in it: 95.0 %, 2.0 points above the mean",
        "chosen among 3 confirmed configurations",
        "The test split is read once",
    ):
        assert part in text, part
    assert "96.0 % validation accuracy" not in text[: text.index("Accuracy against sparsity")]


def test_confirmed_configurations_stand_in_a_table_with_their_optimism(tmp_path: Path) -> None:
    """Trial 5 lost four points; of trial 7 four of five runs count; the front says what of it held."""
    text = text_of(write_confirmed(tmp_path / "s"))
    assert "3 form the confirmed front" in text
    assert "which dominate 2 of 3 confirmed reference arms" in text
    assert "4 of 5" in text
    assert "+4.0" in text
    assert "1 violating a constraint" in text
    assert "violates fits: Loihi" in text


def test_a_band_without_confirmed_configurations_says_so(tmp_path: Path) -> None:
    """The search's own value, with the caveat, where only sparser or denser ones were trained again."""
    folder = write_confirmed(tmp_path / "s")
    lines = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    kept = [line for line in lines if line["replicate_of"] in (None, 0, 4)]
    (folder / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))
    text = text_of(folder)
    assert "keeps 96.0 % validation accuracy (one training" in text
    assert "the best of 4 feasible search trials" in text
    assert "No configuration of this sparsity was confirmed with fresh seeds; others were." in text
    assert "Of 8 configurations to be confirmed, 6 have no completed fresh run." in text


def test_how_it_was_made_names_sampler_constraints_and_the_audit(tmp_path: Path) -> None:
    """Directions and reference points too; without the keys a dash, and no audit table."""
    text = text_of(write_confirmed(tmp_path / "s", third=True))
    making = text[text.rindex("How this was made") :]
    for part in (
        "Samplertpe", "Why this samplerschedulers are categories", "Constraintsfits: Loihi",
        "Synapses left: less is better, reference point 386,112", "Stopping audit", "false stop rate0.25",
        "epochs: saved120", "audited4, 8",
    ):  # fmt: skip
        assert part in making, part
    assert "Stopping audit" not in text_of(write_study(tmp_path / "old", trials=2))


def test_hostile_words_of_the_new_keys_stay_text(tmp_path: Path) -> None:
    """Constraints, sampler and audit full of markup."""
    new: dict[str, Any] = {
        "constraints": [HOSTILE],
        "sampler": {"name": HOSTILE, "why": HOSTILE},
        "stopping": {HOSTILE: HOSTILE},
        "confirmed": [0, HOSTILE],
    }
    folder = write_hostile(tmp_path / "s")
    study = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(study | new))
    page = Page(render(load(folder)))
    assert not {"img", "b"} & {tag for tag, _ in page.tags}
    assert page.text.count("onerror=alert(1)") > 10


@pytest.mark.parametrize("objectives", [[], ["accuracy_val"], ["a", "a"], ["a", "b", "c", "d"]])
def test_other_numbers_of_objectives_are_refused(
    tmp_path: Path, objectives: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One message, status 2."""
    assert main([str(write_study(tmp_path / "s", trials=1, objectives=objectives))]) == 2
    assert "reads two or three different ones" in capsys.readouterr().err
