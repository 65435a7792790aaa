"""Words from elsewhere, for a terminal: names of files, error texts, what a study folder or a server says."""

from __future__ import annotations

import re
from typing import Any

# Control characters but tab and newline; what turns the direction of writing round, so that a line reads as
# another one; half characters, as names of files that are no UTF-8 have them: printing those raises.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
BREAK = re.compile("[ \t]*[\t\n\u2028\u2029][\\s]*")


def plain(value: Any) -> Any:
    """A JSON value without what a terminal would obey; its lines stay lines."""
    if isinstance(value, str):
        return CONTROL.sub("", value)
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {plain(key): plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def one_line(text: str) -> str:
    """Text without what a terminal would obey, and in one line: of a table, or of an error."""
    return BREAK.sub(" ", str(plain(text))).strip()
