"""``python -m study.nodes.secret``: makes the token that lets nodes and clients into a cluster."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from study.joining import token_file

LEAST = 32  # characters; a token that somebody thought of is guessed


def ensure(path: Path) -> str:
    """Make the token, or keep the one that is there; nobody else may read it. Returns what was done.

    The token itself is neither printed nor ever an argument of a command: both stay in logs and histories.
    OSError where the file cannot be written, ValueError where what it holds is too short for a token.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if len(path.read_text().strip()) < LEAST:
            raise ValueError(f"{path} holds less than {LEAST} characters: remove it and try again") from None
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
            return f"{path}: kept; others could read it, now nobody else can"
        return f"{path}: kept"
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return f"{path}: made"


def main() -> int:
    """0, or 2 with the reason."""
    try:
        print(ensure(token_file()))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
