"""The house's walls: who may import whom, how large a file may grow, what a fresh interpreter loads."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STDLIB = sys.stdlib_module_names
ALLOWED = {
    "trainables": {
        "trainables",
        "numpy",
        "torch",
        "torchvision",
        "spikingjelly",
        "pydantic",
        "rich",
        "nir",
        "safetensors",
    },
    "study": {"study", "trainables", "numpy", "torch", "optuna", "pydantic", "rich", "yaml"},
    "analysis": {"analysis", "numpy", "scipy", "pandas", "pyarrow", "plotly", "jinja2", "markupsafe"},
}
EXCEPTIONS = {
    "study/tuning.py": {"ray"},
    "study/cluster.py": {"ray"},
    "study/storage.py": {"pyarrow"},
    "study/postgres.py": {"psycopg"},
} | {str(path.relative_to(ROOT)): {"ray"} for path in (ROOT / "study" / "nodes").rglob("*.py")}
FILES = sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the whole path"
            found.add(str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_stay_inside_the_walls(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    allowed = ALLOWED[name.split("/")[0]] | EXCEPTIONS.get(name, set())
    if name.startswith("study/nodes/"):
        allowed = allowed | {"ray"}
    assert imported(path) - STDLIB <= allowed


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {str(path): len(path.read_text().splitlines()) for path in FILES}
    assert max(lengths.values()) <= 300
    assert statistics.median(lengths.values()) <= 130


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("trainables.train", ["ray", "optuna", "pandas", "plotly"]),
        ("study.launch", ["ray", "pandas", "plotly"]),
        ("analysis.report", ["ray", "torch", "optuna"]),
    ],
)
def test_fresh_interpreter_stays_clean(module: str, absent: list[str]) -> None:
    code = f"import sys, {module}; print([name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
