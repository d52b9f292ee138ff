"""A report as people see it: a file opened in Chromium, on a desk and on a phone, by day and by night."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.uic_program import SRC, command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MARKUP = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
ROWS = 120


def uic(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        command("eval", *arguments, "--runs", str(folder)), cwd=folder, env=environment, capture_output=True, text=True,
        encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of hostile questions, a third of them wrong; `echo` answers with the question."""
    folder = tmp_path_factory.mktemp("report")
    rows = [
        {
            "id": f"q-{number}-{'x' * (number % 40)}",
            "question": f"Ça va ? 🎉 numéro {number}\nzweite\u2028Zeile {MARKUP}",
            "expect": {"contains": [f"numéro {number}" if number % 3 else "jamais"]},
            "slices": [MARKUP if number % 2 else "pair"],
            "language": "fr" if number % 2 else "en",
            "max_tokens": 8 if number % 10 == 1 else 200,
        }
        for number in range(ROWS)
    ]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    uic(folder, "run", "own.jsonl", "--provider", "echo", "--name", "r", "--price", "0.1,0.4")
    return Path(uic(folder, "report", "r", "--html", str(folder / "page.html")).strip())


@contextmanager
def opened(browser: Browser, report: Path, *, width: int = 1280, dark: bool = False) -> Generator[Page]:
    """Afterwards it must have asked nobody, and complained of nothing."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    page, asked, complaints = context.new_page(), list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.goto(report.as_uri())
    try:
        yield page
        assert page.title() == "r: own.jsonl"
        assert not page.evaluate(TOO_WIDE)
    finally:
        context.close()
    assert asked == [report.as_uri()] and complaints == []


def found(page: Page) -> str:
    return page.locator("#found").inner_text()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (375, False), (375, True)])
def test_the_page_shows_its_figures_and_is_nobodys_but_ours(
    browser: Browser, report: Path, width: int, dark: bool
) -> None:
    with opened(browser, report, width=width, dark=dark) as page:
        assert found(page) == f"{ROWS} of {ROWS}"
        assert page.locator("svg").count() == 4
        assert page.locator(".legend").inner_text().replace("\n", " ").startswith("right 7")
        assert page.locator(".tiles > div").count() == 5
        assert page.locator("#rows > li").count() == 50
        page.locator("#rows button").first.click()
        assert MARKUP in page.locator("#rows .sample").first.inner_text()
        assert page.locator("#rows img, #rows script").count() == 0
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/report-{width}-{'dark' if dark else 'light'}.png", full_page=True)


def test_samples_can_be_filtered_searched_and_turned_over(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        page.locator("#outcome").select_option("wrong")
        count = int(found(page).partition(" ")[0])
        assert 0 < count < ROWS / 3 + 1
        assert set(page.locator("#rows .end").all_inner_texts()) == {"wrong"}
        page.locator("#outcome").select_option("")
        page.locator("#search").fill("NUMÉRO 77")
        assert found(page) == f"1 of {ROWS}"
        page.locator("#search").fill("")
        page.locator("#slice").select_option("fr")
        assert found(page) == f"60 of {ROWS}"
        page.locator("#slice").select_option("")
        page.locator("#next").click()
        page.locator("#next").click()
        assert page.locator("#page").inner_text() == "3 of 3" and page.locator("#next").is_disabled()
        assert page.locator("#rows > li").count() == ROWS - 100


def test_it_works_from_the_keyboard(browser: Browser, report: Path) -> None:
    with opened(browser, report) as page:
        page.locator("#order").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        button = page.locator("#rows button").first
        assert button.get_attribute("aria-expanded") == "true"
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-expanded") == "false"
        assert page.locator("#rows .sample").count() == 0


def test_without_a_script_the_figures_stand(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("svg").count() == 4 and "need JavaScript" in page.locator("main").inner_text()
    context.close()
