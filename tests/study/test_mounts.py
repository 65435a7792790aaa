"""Which folders come over a network, by the system's table of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.mounts import filesystem, networked

TABLE = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /mnt/all rw,relatime shared:2 - nfs4 head:/export rw,vers=4.2
23 22 8:2 / /mnt/all/disk rw - xfs /dev/sdb1 rw
24 21 0:33 / /home/me/my\040files rw - fuse.sshfs me@head:/ rw
25 21 0:34 / /scratch rw - xfs /dev/sdc rw
26 25 0:35 / /scratch rw master:3 - lustre 10.0.0.1@tcp:/fs rw
half a line
"""


@pytest.mark.parametrize(
    ("path", "kind", "over_network"),
    [
        ("/home/me/studies", "ext4", False),
        ("/mnt/all/studies", "nfs4", True),
        ("/mnt/all", "nfs4", True),
        ("/mnt/alles", "ext4", False),
        ("/mnt/all/disk/studies", "xfs", False),  # a disk inside the mount
        ("/home/me/my files/a", "fuse.sshfs", True),
        ("/scratch/a", "lustre", True),  # mounted over the disk
    ],
)
def test_table(path: str, kind: str, over_network: bool) -> None:
    assert filesystem(Path(path), TABLE) == kind
    assert networked(Path(path), TABLE) == over_network


def test_a_link_is_where_it_leads_to(tmp_path: Path) -> None:
    """Also of a folder that is made later."""
    table = f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:20 / {tmp_path / 'mount'} rw - nfs4 head:/export rw"
    (tmp_path / "mount" / "me").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    (tmp_path / "there").symlink_to(tmp_path / "mount" / "me")
    (tmp_path / "mount" / "back").symlink_to(tmp_path / "disk")
    assert networked(tmp_path / "there" / "studies" / "one", table)
    assert not networked(tmp_path / "mount" / "back" / "one", table)


def test_this_machine() -> None:
    assert filesystem(Path("/proc/self"), Path("/proc/self/mountinfo").read_text()) == "proc"
    assert not networked(Path("/proc/self"))
