"""What comes from elsewhere commands no terminal: not in an error, not in a table."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from study import launch
from study.remote import agent
from study.words import one_line, plain
from trainables import imports

# Clear the screen, a title, turn the direction round, back up, and what looks like a line of ours.
HOSTILE = "a\x1b[2J\x1b]0;t\x07\x9b1m\u202eb\u2066\u200f\rc\nerror: d\u2028e"
SAID = "a[2J]0;t1mbc error: d e"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)


def test_plain_keeps_lines_and_one_line_does_not() -> None:
    assert plain({"k\x1b": [HOSTILE, 7, None]}) == {"k": ["a[2J]0;t1mbc\nerror: d\u2028e", 7, None]}
    assert one_line(HOSTILE) == SAID
    assert one_line("two  spaces, a\ttab, \n an end\n") == "two  spaces, a tab, an end"
    assert one_line(os.fsdecode(b"caf\xe9 \xc3\xa9")) == "caf é"  # no UTF-8 can print the first half
    assert one_line("naïve 日本 →") == "naïve 日本 →"


def errors(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert launch.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture
def server() -> Iterator[str]:
    """A job server that says its version is more than a number."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"ray_version": HOSTILE}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def test_a_servers_version(
    server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")  # and what it was, afterwards
    assert f"Ray {SAID}, this project" in errors(["--address", server, "--list"], capsys)


def test_names_of_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_data_only", set())
    folder = tmp_path / "studies" / "sent"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    (folder / HOSTILE).symlink_to("/etc")
    assert f"{folder}/{SAID} is a link out of" in errors(["--resume", "sent"], capsys)
    (folder / HOSTILE).unlink()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9")).symlink_to("/etc")
    assert f"{folder}/caf is a link out of" in errors(["--resume", "sent"], capsys)


def test_an_agents_errors(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A head of another's may say anything."""
    monkeypatch.setattr(agent, "answers", lambda request: iter([{"error": HOSTILE}]))
    assert errors(["--list"], capsys) == f"error: --list: {SAID}"
    assert errors(["--follow", "sent"], capsys) == f"error: study sent: {SAID}"


def test_a_lists_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "studies" / HOSTILE
    folder.mkdir(parents=True)
    study = {"state": HOSTILE, "spec": HOSTILE, "objectives": [HOSTILE]}
    (folder / "study.json").write_text(json.dumps(study))
    assert launch.main(["--list"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    assert out.splitlines()[1].startswith(f"{SAID}  {SAID}  0")
    assert all(character.isprintable() or character == "\n" for character in out)
