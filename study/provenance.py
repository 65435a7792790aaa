"""Where a study's numbers come from: versions, commit, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

PACKAGES = ["spinetune", "torch", "torchvision", "spikingjelly", "ray", "optuna", "numpy", "scikit-learn"]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit() -> str | None:
    """Commit of this checkout, with ``-dirty`` where files differ from it; None outside a checkout.

    Code that was sent to a cluster is told where it is from.
    """
    if told := os.environ.get("SPINETUNE_COMMIT"):
        return told
    folder = Path(__file__).parent
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What the study was launched on. No host name: reports get published."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line[:10] == "model name"
        ]
        model = names[0] if names else model
    pages, page = "SC_PHYS_PAGES", "SC_PAGE_SIZE"
    memory = os.sysconf(pages) * os.sysconf(page) if pages in os.sysconf_names else 0
    return {
        "cpu": model,
        "cores": cores(),
        "memory_gib": round(memory / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.release()}",
    }
