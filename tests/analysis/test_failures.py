"""Failures: kinds of reason, every reason, retries."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.results import load
from analysis.sections.base import Material
from analysis.sections.failures import UNKNOWN, failures, kind
from tests.analysis.folder import trial, write_folder


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ValueError: NaN in epoch 3 (train.py:88)", "ValueError: NaN in epoch 17 (train.py:91)"),
        ("lost <object at 0x7f3a>", "lost <object at 0x11ff>"),
        ("loss -1.5e-3", "loss 22"),
    ],
)
def test_reasons_that_differ_in_numbers_are_one_kind(one: str, other: str) -> None:
    """Epochs, addresses and lines of code are particulars."""
    assert kind(one) == kind(other)


def test_reasons_that_differ_in_words_are_two_kinds() -> None:
    """Names with digits in them stay: conv1 is not conv2."""
    assert kind("ValueError: x") != kind("TypeError: x")
    assert kind("conv1 is silent") == "conv1 is silent"
    assert kind(None) == kind("  ") == UNKNOWN


def material(tmp_path: Path, *rows: dict[str, object]) -> Material:
    return Material.of(load(write_folder(tmp_path / "s", rows)))


def test_counts_kinds_and_reasons(tmp_path: Path) -> None:
    """Three of five failed, two of them alike; one process died twice and its trial ended well."""
    found = failures(
        material(
            tmp_path,
            trial(0, 0.9, 0.9),
            trial(1, None, None, error="MemoryError: 12 GiB", retries=1),
            trial(2, None, None, error="ValueError: NaN in epoch 3"),
            trial(3, None, None, error="ValueError: NaN in epoch 9"),
            trial(4, 0.8, 0.95, retries=2),
        )
    )
    sentence = found.finding.replace("\N{NO-BREAK SPACE}", " ")
    assert sentence.startswith("3 of 5 ended trials (60.0 %) failed for 2 kinds of reason")
    assert "in 2 trials, is: ValueError: NaN in epoch" in sentence
    assert "2 trials died (3 times in all); 1 of them went on" in sentence
    kinds, listed = found.tables
    assert [row[1].sort for row in kinds.rows] == [2, 1]
    assert [row[0].trial for row in listed.rows] == [1, 2, 3]
    assert [row[-1].text for row in listed.rows] == [
        "MemoryError: 12 GiB",
        "ValueError: NaN in epoch 3",
        "ValueError: NaN in epoch 9",
    ]


def test_none_failed(tmp_path: Path) -> None:
    """A finding, not a missing section."""
    found = failures(material(tmp_path, trial(0, 0.9, 0.9)))
    assert found.missing == ""
    assert found.tables == ()
    assert "None of 1\N{NO-BREAK SPACE}ended trial failed" in found.finding


def test_a_long_list_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first failures by number; the sentence still counts all."""
    monkeypatch.setitem(failures.__globals__, "LISTED", 2)
    found = failures(material(tmp_path, *(trial(i, None, None) for i in range(4))))
    assert [row[0].trial for row in found.tables[1].rows] == [0, 1]
    assert "first 2 of 4 failed trials" in found.notes[0]
    assert found.finding.startswith("4 of 4")
