"""Compiles C once per machine and loads it. No compiler: None, said once, and the caller runs eager.

Why plain C through ctypes: on the digits network (two cores, torch 2.14) torch.compile reached the same
step time but cost 30 s the first time and 3.5 s in every later process, an ahead-of-time compiled graph
34 s and 0.01 s; this costs 0.3 s and 0.0005 s for each kind of neuron and dtype (a network has one or
two). Every trial process pays the second figure.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path

# No contraction: equal bits with torch's separate multiplications and additions. The two no-* flags let
# comparisons and divisions vectorise and change no result.
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
LINK = ["-fopenmp", "-shared", "-fPIC"]


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "spinetune"


@cache
def _processor() -> str:
    """What -march=native depends on: a cache on a shared home folder serves machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return "".join(
            sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
        )
    except OSError:
        return platform.machine() + platform.processor()


@cache
def load(source: str) -> ctypes.CDLL | None:
    """The library compiled from C ``source``, or None (said once) where it cannot be had."""
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        say_eager("no C compiler found")
        return None
    key = hashlib.sha256("\0".join([source, *FLAGS, *LINK, compiler, _processor()]).encode()).hexdigest()[:16]
    try:
        folder = _cache_folder()
        target = folder / f"neurons-{key}.so"
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _compile(compiler, source, target)
        return ctypes.CDLL(str(target))
    except subprocess.CalledProcessError as error:
        say_eager(f"{compiler} failed: {error.stderr.decode(errors='replace').strip()[:500]}")
    except (OSError, subprocess.TimeoutExpired) as error:
        say_eager(str(error))
    return None


def _compile(compiler: str, source: str, target: Path) -> None:
    """Compile next to ``target`` and rename, so that two processes never load half a file."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        built = Path(scratch) / target.name
        command = [compiler, *FLAGS, *LINK, "-o", str(built), "-x", "c", "-", "-lm"]
        subprocess.run(command, input=source.encode(), check=True, capture_output=True, timeout=120)
        built.replace(target)


@cache
def say_eager(reason: str) -> None:
    """Warn that the neurons run on SpikingJelly's own operations; once for each reason."""
    warnings.warn(
        f"neurons run as plain torch operations, about half as fast: {reason}", RuntimeWarning, stacklevel=3
    )
