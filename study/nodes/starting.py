"""What 'ray start' calls before it starts a node (``RAY_START_HOOK``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def guarded(parameters: Any, head: bool) -> None:
    """No server for ``ray://`` clients, port 10001: nothing here uses it, and no flag of Ray turns it off.

    SystemExit where the folder of Ray's own (``RAY_TMPDIR``, where it is set) is somebody else's.
    """
    parameters.ray_client_server_port = None
    if place := os.environ.get("RAY_TMPDIR"):
        try:
            private(Path(place))
        except OSError as error:
            raise SystemExit(f"error: {error.filename}: {error.strerror}") from None


def private(folder: Path) -> None:
    """Make a folder for this user alone, or see that the one that is there is such; else PermissionError.

    Anybody may make a folder in /tmp, under any name, and whoever owns it may change what lies in it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid():
        raise PermissionError(
            1, "made by somebody else; have it removed, or Ray's files would be theirs", str(folder)
        )
    if status.st_mode & 0o077:
        folder.chmod(0o700)
