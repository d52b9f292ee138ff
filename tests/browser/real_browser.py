"""A real browser that can reach this machine only, and the server as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import openai

from tests.cli.uic_program import SRC, command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SILENCE = ("net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE")

_CONTRAST = """(element, part) => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  let behind = element;
  while (behind.parentElement && numbers(getComputedStyle(behind).backgroundColor)[3] === 0)
    behind = behind.parentElement;
  const of = [getComputedStyle(element, part).color, getComputedStyle(behind).backgroundColor];
  const [low, high] = of.map(colour => light(numbers(colour)) + 0.05).sort((a, b) => a - b);
  return high / low;
}"""


class Served(NamedTuple):
    url: str
    process: subprocess.Popen[str]

    def client(self, key: str = "unused") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=30)

    def end(self) -> None:
        """Ends the process without a goodbye."""
        self.process.kill()
        self.process.communicate(timeout=30)


@contextmanager
def served(cwd: Path, *arguments: str, port: int = 0, **environment: str) -> Generator[Served]:
    path = os.pathsep.join((str(SRC), *environment.pop("PLUGINS", "").split()))
    process = subprocess.Popen(
        command("serve", "--port", str(port), "--log", "off", *arguments),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        cwd=cwd, env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.match(r"(http://\S+)/v1 answers", line)
        assert found, line + process.communicate(timeout=30)[1]
        yield Served(found[1], process)
    finally:
        process.kill()
        process.communicate()


class Watched(NamedTuple):
    """A page, with what it asked for and what it complained about."""

    page: Page
    asked: list[str]
    complaints: list[str]


@contextmanager
def watched(
    browser: Browser, url: str, *, width: int = 1280, dark: bool = False, silent: tuple[str, ...] = ()
) -> Generator[Watched]:
    """Opens the page; afterwards it must have asked nobody but the server, and complained of nothing but `silent`."""
    scheme = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    own = Watched(page, [], [])
    page.on("request", lambda request: own.asked.append(request.url))
    page.on("pageerror", lambda error: own.complaints.append(str(error)))
    page.on("console", lambda said: own.complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.goto(url)
    try:
        yield own
    finally:
        context.close()
    assert [one for one in own.asked if not one.startswith(url + "/")] == []
    assert [one for one in own.complaints if not any(text in one for text in silent)] == []


def contrast(page: Page, selector: str, part: str | None = None) -> float:
    """How well an element's text, or that of a part, stands out from what is behind it: 1 to 21, as WCAG has it."""
    return page.locator(selector).first.evaluate(_CONTRAST, part)


def install_plugin(folder: Path, source: str) -> str:
    """A provider named `marked_up` from a package of its own; gives where it lies."""
    metadata = folder / "uic_marked_up-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "uic_marked_up.py").write_text(source, "utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: uic-marked-up\nVersion: 1.0\n")
    entry = "[unified_intelligence.providers]\nmarked_up = uic_marked_up:Generator\n"
    (metadata / "entry_points.txt").write_text(entry)
    return str(folder)
