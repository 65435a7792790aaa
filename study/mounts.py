"""Whether a folder lies on a disk of this machine or comes over a network."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Types of /proc/self/mountinfo that other machines serve. sshfs, s3fs and rclone are of type fuse.something.
NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs",
    "panfs", "pvfs2", "smb3", "smbfs", "virtiofs", "wekafs",
}  # fmt: skip


def networked(path: Path, table: str | None = None) -> bool:
    """Whether what is written to ``path`` goes over a network; False where the system has no mount table.
    Links are followed: a link on a disk may lead to another machine.

    ``table``: text of proc(5)'s mountinfo. SQLite must not be written there (its locks do not hold on many
    of these, and a connection that breaks leaves half a page), and an open file does not survive an outage.
    """
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_text()
        except OSError:
            return False
    kind = filesystem(Path(os.path.realpath(path)), table)
    return kind in NETWORK or kind.startswith("fuse.")


def filesystem(path: Path, table: str) -> str:
    """Type of the file system that an absolute ``path`` is on: of the longest mount point above it, and of
    equal ones the last, which hides the others. Empty where none is above it.
    """
    found, best = "", -1
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or not kinds:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            found, best = kinds[0], len(point.parts)
    return found
