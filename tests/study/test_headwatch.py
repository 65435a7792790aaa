"""The watch over the head, on real sockets."""

from __future__ import annotations

import socket
import threading

from study.nodes.headwatch import HeadWatch, answers


def test_a_silent_and_an_absent_head_do_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=lambda: server.accept()[0].close())  # accepts, and hangs up
        thread.start()
        assert not answers(f"127.0.0.1:{port}")
        thread.join()
    assert not answers(f"127.0.0.1:{port}")


def test_lost_once_after_silence_alone() -> None:
    """Answers come and go: only uninterrupted silence counts."""
    told: list[float] = []
    story = iter([True, False, False, True, False, False, True] + [False] * 1000)
    over = threading.Event()

    def lost(silent_s: float) -> None:
        told.append(silent_s)
        over.set()

    with HeadWatch("head:1", 0.5, lost, lambda address: next(story), look_s=0.1) as watch:
        assert over.wait(30)
        watch._thread.join()
    assert len(told) == 1
    assert told[0] >= 0.5


def test_nothing_is_watched_without_an_address() -> None:
    with HeadWatch(None, 0.0, lambda silent_s: None, lambda address: False, look_s=0.01) as watch:
        assert not watch._thread.is_alive()
