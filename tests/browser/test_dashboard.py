"""The dashboard as people see it: started by its command, in Chromium, on a desk and on a phone, by day and night."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.cli.uic_program import SRC, command
from tests.integration.dashboard.conftest import runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["runs"]
pytest.importorskip("streamlit", reason="pip install 'unified-intelligence-cli[dashboard]'")

VIEWS = {
    "Runs": "Which runs are there?",
    "Pareto": "How much does a GPU give, and how fast does a reader get it?",
    "Load": "How much is answered at each load, and where is the knee?",
    "Latency": "How long until the first token?",
    "Over time": "Does it get slower while it runs?",
    "Cost": "What do a million tokens cost within the limits?",
    "Failures": "What failed, and why?",
    "Client": "Can the figures be believed?",
    "Answers": "What does each say to the same prompt?",
    "A and B": "Is B really faster than A, or is it noise?",
    "Quality": "Is the cheaper one also the worse one?",
}
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
LAST_PLOTS = """(least) => {
  const drawn = [...document.querySelectorAll('.js-plotly-plot .main-svg')];
  return drawn.length >= least && !document.querySelector('[data-testid=stStatusWidget]');
}"""
# Texts of a plot that lie on each other, or beyond its edges: words and ticks, not what labels a point.
CLUTTER = """() => {
  const found = [];
  for (const plot of document.querySelectorAll('.js-plotly-plot')) {
    const whole = plot.getBoundingClientRect();
    const texts = [...plot.querySelectorAll('.legendtext, .xtick text, .ytick text, .xtitle, .ytitle')]
      .map(own => [own.textContent, own.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
    for (const [text, box] of texts)
      if (box.left < whole.left - 1 || box.right > whole.right + 1) found.push('beyond the edge: ' + text);
    texts.forEach(([a, one], at) => texts.slice(at + 1).forEach(([b, other]) => {
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (wide > 2 && high > 3) found.push(a + ' on ' + b);
    }));
  }
  return found;
}"""

GROUND = "Number(getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/[0-9]+/)[0])"


class Shown(NamedTuple):
    url: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def dashboard(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Shown]:
    home = tmp_path_factory.mktemp("home")
    process = subprocess.Popen(
        command("bench", "dashboard", "--folder", str(runs), "--evaluations", str(home / "none")),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", cwd=home,
        env={**os.environ, "PYTHONPATH": str(SRC), "HOME": str(home), "PYTHONWARNINGS": "default"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+) shows the runs in (.+)\. Ctrl-C ends it\.\n", line)
        assert found, line + process.communicate(timeout=30)[1]
        assert found[2] == str(runs)
        yield Shown(found[1], process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")
        assert not (home / ".streamlit").exists()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def page(browser: Browser, dashboard: Shown) -> Generator[Page]:
    """One for all tests, for it takes seconds to load: it must ask nobody else, and complain of nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(30_000)
    own, asked, complaints = context.new_page(), set[str](), list[str]()

    def ask(request: Any) -> None:
        asked.add(urlsplit(str(request.url)).netloc)

    own.on("request", ask)
    own.on("websocket", ask)
    own.on("pageerror", lambda error: complaints.append(str(error)))
    own.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    own.goto(dashboard.url)
    try:
        yield own
    finally:
        context.close()
    assert asked - {""} == {urlsplit(dashboard.url).netloc} and complaints == []


def look_at(page: Page, view: str, *, plots: int = 0) -> None:
    """A click, as people do; then nothing may lie on anything else."""
    page.get_by_role("radio", name=view, exact=True).click()
    page.get_by_role("heading", name=VIEWS[view], exact=True).wait_for()
    page.wait_for_function(LAST_PLOTS, arg=plots)
    assert page.get_by_test_id("stException").count() == 0
    assert not page.evaluate(TOO_WIDE), view
    if plots:
        page.wait_for_timeout(300)  # Plotly moves its legend once more after it has drawn
        assert page.evaluate(CLUTTER) == [], view


def test_every_view_is_drawn_on_a_desk(page: Page) -> None:
    for view in VIEWS:
        look_at(page, view, plots=0 if view in {"Runs", "Answers", "Quality"} else 1)
        assert page.get_by_text("INVALID, and marked so in every plot").is_visible()
    page.get_by_role("radio", name="Answers", exact=True).click()
    page.get_by_text("prompts were asked in both").wait_for()
    assert page.url.endswith("view=Answers")


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, True), (390, False)])
def test_plots_are_readable_on_a_phone_and_by_night(page: Page, width: int, dark: bool) -> None:
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_viewport_size({"width": width, "height": 900})
    page.reload()
    for view in ("Load", "Client", "A and B") if width < 1000 and dark else ("Load",):
        look_at(page, view, plots=1)
    assert (page.evaluate(GROUND) < 60) is dark


def test_nobody_elsewhere_can_read_it(dashboard: Shown) -> None:
    """Bound to this machine alone; a page whose name was made to lead here, or of another origin, is refused."""
    port = urlsplit(dashboard.url).port
    assert port is not None
    listening = Path("/proc/net/tcp").read_text("ascii") if Path("/proc/net/tcp").exists() else ""
    own = [line.split()[1] for line in listening.splitlines()[1:] if line.split()[1].endswith(f":{port:04X}")]
    assert {address.partition(":")[0] for address in own} <= {"0100007F"}
    for header in ("Host: elsewhere.example", f"Host: 127.0.0.1:{port}\r\nOrigin: http://elsewhere.example"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(
                f"GET /_stcore/stream HTTP/1.1\r\n{header}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            assert plain.recv(64).startswith(b"HTTP/1.1 403")
