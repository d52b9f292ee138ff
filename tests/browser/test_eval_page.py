"""The evaluation page as people see it: samples go in, rows come, it can be stopped, the result is a file."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.real_browser import watched
from tests.integration.spaces.space_process import EVALUATION, NEEDS_GRADIO, PROJECT, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = NEEDS_GRADIO

SLOW = PROJECT / "tests/integration/spaces/slow_space.py"
DONE = re.compile(r"samples are done")


@pytest.fixture(scope="module")
def embedded(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    folder = tmp_path_factory.mktemp("embedded")
    with running(EVALUATION, cwd=folder, MODEL_ID="embedded", PYTHONPATH=str(PROJECT / "src")) as own:
        yield own.url


@pytest.fixture(scope="module")
def slow(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    folder = tmp_path_factory.mktemp("slow")
    with running(SLOW, folder / "notes", "evaluates", cwd=folder, PYTHONPATH=str(PROJECT / "src")) as own:
        yield own.url


def evaluate(page: Page, *lines: str) -> None:
    page.locator("#given textarea").fill("\n".join(lines))
    page.locator("#begin").click()


def rows(page: Page) -> list[list[str]]:
    """Outcome, sample, and the first line of the answer."""
    return [
        [cell.strip() for cell in row.locator("td").all_inner_texts()[:3]]
        for row in page.locator("#samples tbody tr").all()
    ]


def download(page: Page, folder: Path) -> dict[str, object]:
    with page.expect_download() as coming:
        page.locator("#file").click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_each_sample_gets_a_row_with_its_outcome(
    browser: Browser, embedded: str, tmp_path: Path, width: int, dark: bool
) -> None:
    with watched(browser, embedded, width=width, dark=dark) as own:
        page = own.page
        cut = {"sample_id": "<i>cut", "question": "Explain the SOLID principles.", "generation": {"max_tokens": 4}}
        evaluate(page, "What is 15% of 240?\u2028", json.dumps(cut), '{"question": " "}', "Was sind 3 km in m?")
        page.get_by_text(DONE).wait_for()
        found = {row[1]: row for row in rows(page)}
        assert [found[name][0] for name in ("1", "<i>cut", "3")] == ["answered", "truncated", "error"]
        assert "36" in found["1"][2] and "question is empty" in found["3"][2]
        assert page.locator("#state progress").get_attribute("value") == "4"
        page.locator("#samples summary").first.click()
        page.locator("#samples pre").get_by_text("What is 15% of 240?").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        told = download(page, tmp_path)
        assert told["status"] == "complete" and told["counts"] == {
            "planned": 4, "answered": 2, "truncated": 1, "malformed": 0, "error": 1,
        }  # fmt: skip
        shown = page.locator("#samples th:visible").all_inner_texts()
        assert shown == ["Outcome", "Sample", "Answer", "Tokens", "Time"][: 3 if width < 640 else 5]


def test_a_file_is_opened_and_a_mistake_in_it_is_named(browser: Browser, embedded: str, tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text('{"id": "é", "question": "What is 10% of 50?", "expected": 5}\n{"quest": 1}\n', "utf-8")
    with watched(browser, embedded) as own:
        page = own.page
        page.locator("input[type=file]").first.set_input_files(path)
        page.wait_for_function("document.querySelector('#given textarea').value.includes('quest')")
        page.locator("#begin").click()
        page.get_by_role("alert").get_by_text("Line 2 has neither messages nor a question.").wait_for()
        assert not page.locator("#file").is_visible()
        page.locator("#given textarea").fill('{"id": "é", "question": "What is 10% of 50?", "expected": 5}')
        page.locator("#begin").click()
        page.get_by_text(DONE).wait_for()
        assert rows(page)[0][:2] == ["answered", "é"] and "5" in rows(page)[0][2]


def test_a_run_can_be_stopped_and_keeps_what_it_has(browser: Browser, slow: str, tmp_path: Path) -> None:
    with watched(browser, slow) as own:
        page = own.page
        evaluate(page, "3 mots", "2 mots", "400 mots", "401 mots")
        page.locator("#samples tbody tr").nth(1).wait_for()
        assert page.locator("#begin").is_hidden()
        page.locator("#stop").click()
        page.get_by_text("Stopped.").wait_for()
        page.locator("#begin").wait_for()
        assert sorted(row[2] for row in rows(page)) == ["mot1 mot2", "mot1 mot2 mot3"]
        told = download(page, tmp_path)
        assert told["status"] == "partial" and page.locator("#stop").is_hidden()


def test_a_gpu_that_is_refused_is_told_beside_what_was_answered(browser: Browser, slow: str) -> None:
    with watched(browser, slow) as own:
        page = own.page
        evaluate(page, *["2 mots"] * 3, "Un GPU ?")
        page.get_by_role("alert").get_by_text("ZeroGPU quota exceeded: Try again in 1:02:03.").wait_for()
        assert [row[0] for row in rows(page)] == ["answered"] * 3
        page.locator("#begin").wait_for()
