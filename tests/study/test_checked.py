"""The check of a storage before the first trial, by the driver alone: no node, no Ray."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from study.nodes.storage import check
from tests.study.s3 import S3
from trainables.errors import ConfigError


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with S3() as server:
        yield server


def test_a_sound_place_is_left_as_it_was(server: S3) -> None:
    check(server.url, [])
    assert [key for key in server.written if "probe-" in key]
    assert not [key for key in server.objects if "probe-" in key]


def test_a_place_that_keeps_everything_is_refused(server: S3) -> None:
    server.keeps = True
    with pytest.raises(ConfigError) as refused:
        check(server.url, [])
    (problem,) = refused.value.problems
    assert problem.startswith(f"storage: the driver cannot remove what is written to {server.url} (")
    assert problem.endswith("nearest valid: the right to delete there, or another place with --storage")
