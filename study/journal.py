"""An SQLite journal that lies beside a database of a study folder, which may come from somebody else."""

from __future__ import annotations

from pathlib import Path

MAGIC = bytes.fromhex("d9d505f920a163d7")  # at both ends of a name's record (sqlite.org/fileformat2.html, 3)


def drop_foreign(database: Path) -> None:
    """Remove the journal of ``database`` where it names another file: SQLite would delete that one.

    A transaction over several databases ends its journals with the name of one they share, and whoever opens
    the database plays the journal back and clears the shared one away, wherever it lies. Copies of a study
    are single databases: their own journals name nothing. What the database lacks then is found when it is
    compared with the log.
    """
    journal = database.with_name(f"{database.name}-journal")
    try:
        with journal.open("rb") as file:
            file.seek(-len(MAGIC), 2)
            named = file.read() == MAGIC
    except OSError:  # none, or one of fewer bytes
        return
    if named:
        journal.unlink()
