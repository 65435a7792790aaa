"""Who is tried again, and what is said about it; texts are those of Ray 2.60."""

from __future__ import annotations

import pytest

from study.failing import STARVED_S, Allowance, Cause, Waiting, cause, next_in_line, verdict
from trainables.errors import out_of_memory

KILLED = """The actor died unexpectedly before finishing this task.
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: \
Worker unexpectedly exits with a connection error code 2. End of file. There are some potential root causes. \
(1) The process is killed by SIGKILL by OOM killer due to high memory usage."""
MONITOR = """1 worker(s) were killed due to the node running low on memory. Memory on the node \
(IP: 198.51.100.11, ID: 6bb4) was 14.38GB used / 23.54GB limit (0.610929)
OOM kill reason: Memory usage 15357444096B exceeded threshold of 15342841856B (60.7% of 25276510208B limit)
Top 10 memory users: PID	MEM(GB)	COMMAND
98	3.27	ray::ResourceTrainable.train
9	0.05	/venv/bin/python /venv/bin/ray start"""
NO_GPU = """ray.exceptions.RayTaskError(NoGPUError): ray::TrialRun.train() (pid=7)
  File "study/tuning.py", line 87, in step
study.failing.NoGPUError: Ray gave it 2 GPUs on n7, and torch finds none there (torch 2.14, CUDA 13.0)"""
NODE = "The actor died because its node has died. Node Id: ab. the actor's node was terminated unexpectedly"


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        (KILLED, "process", "its process died; it held 812 MiB at its last epoch"),
        (MONITOR, "memory", "14.38 of 23.54 GB in use, 3.3 GB by the largest trial"),
        (NODE, "node", "its node died, or was cut off"),
        ("ray::step()\nMemoryError: no 8 GiB; the process held 900 MiB at most", "memory", "900 MiB at most"),
        (NO_GPU, "gpu", "Ray gave it 2 GPUs on n7, and torch finds none there (torch 2.14, CUDA 13.0)"),
        (
            "ray::step()\nstudy.failing.UnreadableError: Permission denied",
            "state",
            "its state could not be read (Permission denied)",
        ),
        ("", "process", "its process died"),
    ],
)
def test_cause(text: str, kind: str, says: str) -> None:
    found = cause(text, 812.0)
    assert found.kind == kind
    assert says in found.line
    assert "\n" not in found.line


def test_exceptions_that_speak_of_memory() -> None:
    assert out_of_memory(MemoryError())
    assert out_of_memory(
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
    )
    assert out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not out_of_memory(ValueError("out of memory"))


def failures(retries: int, story: str) -> int:
    """Failures until Tune gives the trial up: 'p' process, 'm' memory, 'e' a new epoch; then 'p' forever."""
    allowance, count, most = Allowance(retries), 0, retries
    for event in story + "p" * 100:
        if event == "e":
            most = allowance.progressed(count)
            continue
        count += 1
        if count > most:  # as ray.tune.experiment.Trial.should_recover
            return count
        most = allowance.failed({"p": "process", "m": "memory"}[event])
    raise AssertionError("never given up")


@pytest.mark.parametrize(
    ("retries", "story", "count"),
    [
        (3, "", 4),  # three retries
        (0, "", 1),
        (3, "ppe", 6),  # an epoch: three retries again
        (3, "ppp" + "eppp" * 5, 19),
        (3, "m", 2),  # memory: tried once more
        (3, "mm", 2),
        (3, "pm", 3),
        (3, "mem", 3),  # it got on in between
        (0, "m", 1),
        (1, "em", 2),
    ],
)
def test_allowance(retries: int, story: str, count: int) -> None:
    assert failures(retries, story) == count


def test_verdict() -> None:
    memory = Cause("memory", "out of memory (8 GiB)")
    assert verdict([memory, memory], 6) == "in epoch 7, 2 times: out of memory (8 GiB)"
    assert verdict([], 0) == "in epoch 1: its process died"


@pytest.mark.parametrize(
    ("waiting", "first"),
    [
        ({}, None),
        ({1: (90.0, False), 2: (95.0, False)}, None),  # their processes may be starting
        ({1: (90.0, False), 2: (95.0, True)}, 2),
        ({1: (95.0, True), 2: (90.0, True)}, 2),
        ({1: (0.0, False), 2: (99.0, True)}, 2),  # it has begun
        ({1: (5.0, False), 2: (0.0, False), 3: (99.0, False)}, 2),
    ],
)
def test_next_in_line(waiting: dict[int, tuple[float, bool]], first: int | None) -> None:
    assert STARVED_S < 90
    assert next_in_line({n: Waiting(*one) for n, one in waiting.items()}, 100.0) == first
