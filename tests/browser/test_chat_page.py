"""The chat page of the Gradio Space as people see it: a model that thinks aloud, one that takes its time, Chromium."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.browser.real_browser import watched
from tests.integration.spaces.space_process import APP, NEEDS_GRADIO, PROJECT, running
from tests.tiny_qwen3 import build_speaker

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = NEEDS_GRADIO

SLOW = PROJECT / "tests/integration/spaces/slow_space.py"
THOUGHT = "Je réfléchis : naïf, 42."
ANSWER = "Bonjour, ça va !\n\n- **fünf** Wörter\n- <b>kein</b> Markup"
FIGURES = re.compile(r"s to the first token")
COLOUR = "getComputedStyle(document.querySelector('#title h1')).color"


class Spaces(NamedTuple):
    speaker: str
    slow: str
    notes: Path


@pytest.fixture(scope="module")
def spaces(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[Spaces]:
    folder = tmp_path_factory.mktemp("spaces")
    path = {"PYTHONPATH": str(PROJECT / "src")}
    with running(SLOW, folder / "notes", cwd=folder, **path) as slow:
        model = build_speaker(folder / "speaker", f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}")
        with running(APP, cwd=folder, MODEL_ID=str(model), DTYPE="float32", **path) as speaker:
            yield Spaces(speaker.url, slow.url, folder / "notes")


def ask(page: Page, text: str) -> None:
    page.locator("#question textarea").fill(text)
    page.keyboard.press("Enter")


def said(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.locator("#chat .bot-row").get_by_text(text).first


def messages(page: Page) -> list[str]:
    return page.locator("#chat .message-content").all_inner_texts()


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_an_answer_its_reasoning_and_its_figures(browser: Browser, spaces: Spaces, width: int, dark: bool) -> None:
    with watched(browser, spaces.speaker, width=width, dark=dark) as own:
        page = own.page
        page.locator("#question textarea").wait_for()
        assert page.title() == "speaker"
        assert page.locator("#chat .example").count() == 4
        ask(page, "Qui es-tu ?\u2028Dis-le.")
        said(page, FIGURES).wait_for()
        assert page.locator("#question textarea").input_value() == ""
        assert "Bonjour, ça va !" in messages(page)[-1] and "fünf Wörter" in messages(page)[-1]
        assert page.locator("#chat li strong").all_inner_texts() == ["fünf"]
        page.get_by_text(THOUGHT).wait_for(state="hidden")
        said(page, "Reasoning").click()
        page.get_by_text(THOUGHT).wait_for()
        assert THOUGHT not in messages(page)[-1]
        figures = said(page, FIGURES).inner_text()
        assert re.fullmatch(r"[\d.]+ m?s to the first token · [\d,]+ tokens/s · \d+ tokens", figures)
        said(page, FIGURES).click()
        page.get_by_text("Tokens read").wait_for()
        assert page.locator("#chat [aria-label=Retry]:visible").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_a_call_is_shown_with_its_arguments(browser: Browser, spaces: Spaces, width: int, dark: bool) -> None:
    with watched(browser, spaces.slow, width=width, dark=dark) as own:
        page = own.page
        ask(page, "Appelle un outil.")
        said(page, "Call of get_weather").wait_for()
        said(page, FIGURES).wait_for()
        code = page.locator("#chat pre code")
        code.wait_for()
        assert '"city": "Zürich <b>gras</b>"' in code.inner_text()
        assert page.locator("#chat b").count() == 0
        assert page.locator("#chat [aria-label=Retry]:visible").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_was_asked_can_be_asked_again_or_taken_back(browser: Browser, spaces: Spaces) -> None:
    with watched(browser, spaces.speaker) as own:
        page = own.page
        page.locator("#chat .example").nth(2).click()
        said(page, FIGURES).wait_for()
        assert "TAEG" in messages(page)[0]
        page.locator("#chat [aria-label=Retry]:visible").click()
        said(page, FIGURES).wait_for(state="detached")
        said(page, FIGURES).wait_for()
        assert len([text for text in messages(page) if "TAEG" in text]) == 1
        page.locator("#chat [aria-label=Undo]:visible").click()
        page.locator("#chat .bot-row").wait_for(state="detached")
        assert "TAEG" in page.locator("#question textarea").input_value()


def test_settings_reach_the_model(browser: Browser, spaces: Spaces) -> None:
    """As few tokens as the page lets one ask for, and no thinking first."""
    with watched(browser, spaces.speaker) as own:
        page = own.page
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("Think before answering").uncheck()
        page.get_by_label("number input for Most tokens", exact=True).fill("16")
        page.get_by_label("number input for Most tokens", exact=True).press("Tab")
        ask(page, "Et maintenant ?")
        figures = said(page, FIGURES)
        figures.wait_for()
        assert figures.inner_text().endswith(" 16 tokens")
        page.get_by_text("It reached its greatest length.").wait_for()


def test_the_theme_can_be_switched(browser: Browser, spaces: Spaces) -> None:
    with watched(browser, spaces.speaker) as own:
        page = own.page
        page.locator("#question textarea").wait_for()
        light = page.evaluate(COLOUR)
        page.get_by_role("button", name="Light / dark").click()
        dark = page.evaluate(COLOUR)
        assert light != dark
        page.get_by_role("button", name="Light / dark").click()
        assert page.evaluate(COLOUR) == light


def test_an_answer_streams_and_can_be_stopped(browser: Browser, spaces: Spaces) -> None:
    with watched(browser, spaces.slow) as own:
        page = own.page
        ask(page, "Raconte.")
        said(page, "Waiting for a GPU").wait_for()
        said(page, "mot3 ").wait_for()
        early = messages(page)[-1]
        said(page, "mot12 ").wait_for()
        assert messages(page)[-1].startswith(early.rstrip())
        page.locator("#question .stop-button").click()
        said(page, "Stopped").wait_for()
        page.locator("#question .submit-button").wait_for()
        kept = messages(page)[-1]
        until = time.monotonic() + 20
        while not spaces.notes.exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert 12 <= int(spaces.notes.read_text("utf-8")) < 600
        assert messages(page)[-1] == kept and "mot12" in kept
        ask(page, "   ")
        assert page.locator("#chat .user-row").count() == 1


def test_a_gpu_that_is_refused_is_told(browser: Browser, spaces: Spaces) -> None:
    with watched(browser, spaces.slow) as own:
        page = own.page
        ask(page, "Un GPU ?")
        said(page, "No answer").wait_for()
        said(page, "ZeroGPU quota exceeded: Try again in 1:02:03.").wait_for()
        page.locator("#question .submit-button").wait_for()
        assert page.locator("#chat [aria-label=Retry]:visible").count() == 1
