"""The agent's frames as they come in: lines of JSON among whatever else a log or a shell says."""

from __future__ import annotations

import json

from study.remote.agent import MARK, Frame


def read(line: bytes) -> Frame | None:
    """The frame in a line; None where the line is none.

    OSError (with no number) where it is not whole. Frames are long, so a link that breaks does so inside one;
    and no beginning of a JSON object is JSON, so what parses has come in full.
    """
    if not line.startswith(MARK.encode()):
        return None
    try:
        frame = json.loads(line.removeprefix(MARK.encode()))
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        raise OSError("it broke inside a line")
    return frame
