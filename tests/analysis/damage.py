"""Ways to spoil a study folder, as hypothesis draws them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

FILES = ("study.json", "trials.jsonl", "epochs.jsonl", "models/index.json")
scalars = (
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats() | st.text(max_size=8)
    | st.sampled_from(
        ["", "0.5", "NaN", "</script><b>", "\ud800", "\x00", "dense", "COMPLETE", 0, -1, 1e308, -0.0, 10**400]
    )
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
Change = Callable[[Path], None]


def _given(folder: Path, *names: str) -> list[str]:
    """Those of the files that are there and hold something."""
    return [name for name in names if (folder / name).exists() and (folder / name).stat().st_size]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all entries of a nested value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in [(*path, key), *_places(item, (*path, key))]]


def _with(value: Any, place: tuple[Any, ...], draw: st.DrawFn) -> None:
    """Change, remove or add one entry."""
    for key in place[:-1]:
        value = value[key]
    match draw(st.sampled_from(["change", "change", "change", "remove", "add"])):
        case "change":
            value[place[-1]] = draw(values)
        case "remove":
            del value[place[-1]]
        case _ if isinstance(value, dict):
            value[draw(st.text(max_size=9) | st.sampled_from(["layer_x", "chips", "outcome", "number"]))] = (
                draw(values)
            )
        case _:
            value.append(draw(values))


@st.composite
def entries(draw: st.DrawFn, folder: Path) -> Change:
    """One to four entries of one JSON text have other values, are missing, or are new."""
    name = draw(st.sampled_from(_given(folder, *FILES)))
    lines = (
        (folder / name).read_text().splitlines(keepends=False)
        if name.endswith("l")
        else [(folder / name).read_text()]
    )
    at = draw(st.integers(0, len(lines) - 1))
    record = json.loads(lines[at])
    for _ in range(draw(st.integers(1, 4))):
        places = _places(record)
        if places:
            _with(record, draw(st.sampled_from(places)), draw)
    text = "\n".join([*lines[:at], json.dumps(record), *lines[at + 1 :], ""])
    return lambda target: (target / name).write_text(text) and None


@st.composite
def column(draw: st.DrawFn, folder: Path) -> Change:
    """One key has another value in all lines of a file, or is missing there."""
    name = draw(st.sampled_from(_given(folder, "trials.jsonl", "epochs.jsonl")))
    rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    key, value, removed = draw(st.sampled_from(sorted(rows[0]))), draw(values), draw(st.booleans())
    for row in rows:
        if removed:
            row.pop(key, None)
        else:
            row[key] = value
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return lambda target: (target / name).write_text(text) and None


@st.composite
def bytes_of(draw: st.DrawFn, folder: Path) -> Change:
    """A file is cut, empty, gone, doubled, or has other bytes somewhere."""
    name = draw(st.sampled_from(_given(folder, *FILES)))
    content = (folder / name).read_bytes()
    at = draw(st.integers(0, len(content)))
    new = draw(
        st.sampled_from([
            content[:at], b"", content[:at] + b"\xff\xfe" + content[at:], content[:at] + b"\n" + content[at:],
            content * 2, content + b"\0" * 999, content[at:], content.replace(b"0.", b"1e999,0."), None,
            content.replace(b"\n", b"\r\n"),
            b"\xef\xbb\xbf" + content, content.replace(b": 0", b": NaN"), b"[" * 99_999 + content,
            b"\n".join(reversed(content.split(b"\n")[:-1])) + b"\n",
        ])
    )  # fmt: skip
    if new is None:
        return lambda target: (target / name).unlink(missing_ok=True)
    return lambda target: (target / name).write_bytes(new) and None


def changes(folder: Path) -> st.SearchStrategy[Change]:
    """Any one of the ways; `folder` is read now and not changed."""
    return entries(folder) | column(folder) | bytes_of(folder)
