"""What the scaling benchmark makes of spans that are worked out by hand."""

import json
from pathlib import Path

import pytest

from benchmarks.scaling_table import driver, efficiency, merged, read_spans, results_per_s, table

# Two slots: one is up at 2 s and one at 4 s. Trials 0, 1 and 3, the last, of two epochs, trial 2 of one.
SPANS = {
    11: [(2.0, 4.0, 0), (4.5, 6.0, 0), (7.0, 10.0, 2)],
    12: [(4.0, 6.0, 1), (6.5, 9.0, 1), (12.0, 16.0, 3), (16.5, 20.0, 3)],
}


def test_slots_are_busy_while_their_trials_sleep() -> None:
    found = efficiency(SPANS, started=0.0, slots=2)
    # from 4 (both slots work) to 12 (the last trial begins): 1.5 + 3 and 2 + 2.5 of 2 x 8 seconds
    assert found["steady"] == pytest.approx(9 / 16)
    assert found["steady_s"] == 8.0
    assert found["start_s"] == 4.0
    assert found["between_trials_s"] == 2.0  # of 1 and 3
    assert found["between_trials_p95_s"] == pytest.approx(2.9)
    assert found["between_epochs_s"] == 0.5


def test_the_driver_is_measured_from_the_first_epoch_on() -> None:
    # at 1 s nothing has begun; after 4 s, when one ends, until 12 s four epochs do
    clock = [(1.0, 5.0, 8.0), (4.0, 5.5, 9.0), (7.0, 5.9, 9.9), (12.0, 6.1, 10.2)]
    found = driver(SPANS, clock)
    assert found["driver_ms_per_result"] == pytest.approx(600 / 4)
    assert found["driver_share"] == pytest.approx(0.6 / 8)
    assert found["driver_all_threads_share"] == pytest.approx(1.2 / 8)


def test_results_a_second_are_those_of_the_middle_half() -> None:
    slow_ends = [(0.0, float(end), 0) for end in (0, 100, 200, 201, 202, 203, 300, 400)]
    assert results_per_s({1: slow_ends}) == pytest.approx(1.0)


def test_a_setting_that_is_measured_again_replaces_its_row() -> None:
    rows = [
        {"trial_s": trial_s, "nodes": nodes, "slots_per_node": slots, "n": n}
        for n, (trial_s, nodes, slots) in enumerate(
            [(0.0, 1, 8), (30.0, 8, 4), (30.0, 1, 4), (60.0, 8, 4), (30.0, 8, 4)]
        )
    ]
    found: list[dict[str, object]] = []
    for row in rows:
        found = merged(found, row)
    assert [row["n"] for row in found] == [2, 4, 3, 0]


def test_notes_are_read_by_process(tmp_path: Path) -> None:
    for pid, spans in SPANS.items():
        (tmp_path / f"{pid}.jsonl").write_text("".join(json.dumps(span) + "\n" for span in spans))
    assert read_spans(tmp_path) == SPANS


def test_the_recorded_page_is_made_of_the_recorded_results() -> None:
    results = Path(__file__).parents[2] / "benchmarks" / "results"
    recorded = json.loads((results / "scaling.json").read_text())
    assert table(recorded["results"], recorded) == (results / "scaling.md").read_text()
    assert {row["slots"] for row in recorded["results"] if row["trial_s"]} == {4, 8, 16, 32, 64, 128, 256}
