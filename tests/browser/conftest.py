"""The browser of these tests: Debian's own, because none can be downloaded everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """While it is open an event loop runs in this thread: it ends with the module."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not here: pip install playwright")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("There is no Chromium here, which these tests drive: apt-get install chromium")
    arguments = ["--no-sandbox", "--disable-background-networking"]  # root in a container has no sandbox
    with sync_api.sync_playwright() as driver, driver.chromium.launch(executable_path=program, args=arguments) as own:
        yield own
