"""A report opened in Chromium, from disk, cut off from the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from analysis.render import render
from analysis.results import load

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed"),
]
PATIENCE_MS = 100_000  # a machine that is busy with other tests is slow


class Visit:
    """A page with everything that it asked for and complained about."""

    def __init__(self, browser: Any, address: str = "", **options: Any) -> None:
        """A fresh context; `address` is opened, and its figures are waited for."""
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        if address:
            self.page.goto(address)
            if options.get("java_script_enabled", True):
                self.ready()

    def ready(self) -> None:
        """Wait until all figures have drawn."""
        self.page.wait_for_selector("html[data-ready]")

    def until(self, script: str, expected: Any) -> Any:
        """Evaluate until the value is the expected one, also in a page that comes anew; the last value."""
        # wait_for_function would evaluate a string inside the page, which the page's policy forbids.
        value = None
        for _ in range(PATIENCE_MS // 50):
            try:
                value = self.page.evaluate(script)
            except Exception as error:
                if "context was destroyed" not in str(error):
                    raise
            if value == expected:
                break
            self.page.wait_for_timeout(50)
        return value


@contextmanager
def visiting(browser: Any, address: str, **options: Any) -> Iterator[Visit]:
    """A visit that ends with its block."""
    visit = Visit(browser, address, **options)
    yield visit
    visit.context.close()


def write_report(study: Path, file: Path) -> str:
    """Render a study folder into a file; its address."""
    file.write_text(render(load(study)), encoding="utf-8")
    return file.as_uri()
