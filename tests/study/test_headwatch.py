"""The watch over the head, on real sockets."""

from __future__ import annotations

import socket
import threading

import pytest

from study.nodes.headwatch import HeadWatch, answers


def test_a_silent_and_an_absent_head_do_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=lambda: server.accept()[0].close())  # accepts, and hangs up
        thread.start()
        assert answers(f"127.0.0.1:{port}") is False
        thread.join()
    assert answers(f"127.0.0.1:{port}") is None


@pytest.mark.parametrize(("silent", "least_s"), [(False, 1.0), (None, 0.3)])
def test_lost_once_after_silence_alone(silent: bool | None, least_s: float) -> None:
    """Answers come and go: only uninterrupted silence counts; who is refused waits for less of it."""
    told: list[float] = []
    story = iter([True, silent, silent, True, silent, silent, True] + [silent] * 1000)
    over = threading.Event()

    def lost(silent_s: float) -> None:
        told.append(silent_s)
        over.set()

    with HeadWatch("head:1", 0.3, lost, lambda address: next(story), 0.1, 1.0) as watch:
        assert over.wait(30)
        watch._thread.join()
    assert len(told) == 1
    assert told[0] >= least_s


def test_nothing_is_watched_without_an_address() -> None:
    with HeadWatch(None, 0.0, lambda silent_s: None, lambda address: False, look_s=0.01) as watch:
        assert not watch._thread.is_alive()
