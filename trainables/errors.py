"""Errors made by people: what was given, the rule it broke, the nearest valid choice; all at once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_ALLOCATION = ("can't allocate memory", "out of memory", "unable to allocate", "alloc_failed")


class ConfigError(ValueError):
    """Bad input from a person. ``problems``: one line each with what was given, the rule, a valid choice."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def unknown(what: str, given: str, names: Iterable[str]) -> str:
    """One line for a name that is not in a list, with the nearest one that is."""
    known = list(names)
    near = get_close_matches(given.lower(), known, n=1, cutoff=0.6)
    if near and len(known) > 10:
        return f"unknown {what} {given!r}: did you mean {near[0]!r}?"
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {given!r}: {hint}known: {', '.join(known) or 'none yet'}"


def require_known(what: str, given: str, names: Iterable[str]) -> str:
    """``given``, or a ValueError that names the nearest known name."""
    known = list(names)
    if given not in known:
        raise ValueError(unknown(what, given, known))
    return given


def out_of_memory(error: Exception) -> bool:
    """Whether an exception says that no memory was left; torch raises RuntimeError on a CPU."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(mark in text for mark in _ALLOCATION)
    )


def said(error: BaseException) -> str:
    """An exception in one line: its type and what it says."""
    return " ".join(f"{type(error).__name__}: {error}".split())
