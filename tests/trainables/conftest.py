"""Trainings that several files of export tests read."""

from __future__ import annotations

import pytest

from tests.trainables.exported import Trained, pool_averages, training


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return training(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def trained_average(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """With average pooling; to be read under the ``average_pooling`` fixture."""
    with pytest.MonkeyPatch.context() as patch:
        pool_averages(patch)
        return training(tmp_path_factory.mktemp("run"))


@pytest.fixture
def average_pooling(monkeypatch: pytest.MonkeyPatch) -> None:
    pool_averages(monkeypatch)
