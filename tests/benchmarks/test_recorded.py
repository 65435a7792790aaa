"""The committed landscape itself: read back, it holds what its page says."""

from collections import Counter

from benchmarks.landscape import curves, pack, simulator
from trainables.config import TrainConfig


def test_recorded_runs_are_read_back() -> None:
    """1,595 whole trainings of 1,243 configurations, each one that the trainer would accept."""
    runs = curves.from_parquet(simulator.RECORDED)
    assert (len(runs), runs.group.max() + 1) == (1595, 1243)
    assert runs.accuracy.shape == runs.sparsity.shape == runs.wall_s.shape == (1595, pack.EPOCHS)
    for values in (runs.accuracy, runs.sparsity):
        assert values.min() >= 0
        assert values.max() <= 1
    assert Counter(fields.get("scheduler", "dense") for fields in runs.fields)["free"] > 300
    for fields in runs.fields[::100]:
        TrainConfig(**fields)
