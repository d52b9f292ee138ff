"""The status page as people see it: `uic serve` as a process, asked by the openai client, looked at in Chromium."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import openai
import pytest

from tests.browser.real_browser import SILENCE, Served, install_plugin, served, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KEY = "clef-4711"
MARKUP = "<img src=x onerror=\"document.title='owned'\">"
QUESTION = f"Ça va ? 🎉\nzweite Zeile\u2028{MARKUP} fünf"
BREAKS = f"""
from unified_intelligence.entities.errors import ModelError
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator

Broken = type({MARKUP!r}, (ModelError,), {{}})

class Generator(InProcessTextGenerator):
    def __init__(self):
        pass
    def stream(self, messages, config=None):
        raise Broken("it broke")
        yield
"""
NAME = "ein-sehr-langer-Modellname/ohne-jede-Stelle-an-der-er-umbrechen-könnte-20B"
TOO_WIDE = """[...document.querySelectorAll("section, .tiles > div")]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"""
GROWN = f"""async () => {{
    const [view, told] = [await import("/static/view.js"), await (await fetch("/status.json")).json()];
    const spread = {{ p50: 1234, p90: 2345, p99: 9999 }};
    Object.assign(told.latency, {{ first_token: spread, between_tokens: spread, total: spread }});
    Object.assign(told.requests.outcomes, {{ answered: 12345678, refused: 1234567, failed: 9999999 }});
    Object.assign(told, {{ running: 1234, waiting: 12345, rejections: {{ queue: 12345, key: 12345, wait: 123 }} }});
    Object.assign(told.tokens, {{ completion_per_second: 123456, prompt_per_second: 1234567 }});
    told.about.content_digest = "f".repeat(64);
    told.models = [{{ model: "{NAME}", state: "loading", running: 1234, waiting: 12345, answers: 1234567 }}];
    view.showFigures(told, false);
    const last = document.getElementById("build").lastElementChild.innerText;
    return [document.getElementById("outcomes").rows[0].cells[1].textContent, {TOO_WIDE}, last];
}}"""
SAID = """async () => {
    const say = await import("/static/wording.js");
    return [
        say.spread([0.0000151, 0.0004, 0.0099]), say.spread([0.00025, 1.5, 9.2]), say.spread([0.1234, 65, 1200]),
        say.spread([null, null, null]), say.bytes(5e8), say.bytes(3 * 2 ** 30), say.share(1, 3), say.share(1, 1e5),
        say.share(0, 0), say.duration(59.9), say.duration(3600), say.duration(93784), say.count(1234567),
    ];
}"""
NUMBER = re.compile(r"\d")


def ask(client: openai.OpenAI, model: str) -> str | None:
    made = client.chat.completions.create(model=model, messages=[{"role": "user", "content": QUESTION}])
    return made.choices[0].message.content


def row(page: Page, table: str, name: str) -> list[str]:
    """The cells of the row with that heading."""
    return page.locator(f"#{table} tr", has=page.get_by_role("rowheader", name=name)).locator("td").all_inner_texts()


def comes(page: Page, selector: str, text: str) -> None:
    """Waits until the element has the text in it."""
    page.locator(selector).filter(has_text=text).first.wait_for(state="attached")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    """One that has answered, and refused."""
    with served(tmp_path_factory.mktemp("served"), "--provider", "echo", "--served-name", NAME) as own:
        with own.client() as client:
            assert ask(client, NAME) == QUESTION
            for _ in range(9):
                with pytest.raises(openai.NotFoundError):
                    ask(client, "another")
        yield own


def test_figures_move_with_requests(browser: Browser, server: Served) -> None:
    with watched(browser, server.url) as own:
        page = own.page
        page.locator("#figures").wait_for()
        assert page.title() == f"Ready: {NAME}"
        answered, refused, failed = (int(row(page, "outcomes", name)[0]) for name in ("Answered", "Refused", "Failed"))
        with server.client() as client:
            assert [ask(client, NAME) for _ in range(3)] == [QUESTION] * 3
            with pytest.raises(openai.BadRequestError):
                client.chat.completions.create(model=NAME, messages=[])
        comes(page, "#requests-note", f"{answered + refused + failed + 4} since the start")
        assert row(page, "outcomes", "Answered")[0] == str(answered + 3)
        assert row(page, "outcomes", "Refused")[0] == str(refused + 1)
        assert row(page, "outcomes", "Failed") == [str(failed), "0.0 %"]
        for name in ("First token", "Between tokens", "Whole answer"):
            *numbers, unit = row(page, "latency", name)
            assert all(map(NUMBER.search, numbers)) and unit in {"µs", "ms", "s"}, name
        assert float(page.locator("#tokens").inner_text().replace(",", "")) > 0
        assert re.fullmatch(r"\d[\d,]* MiB", page.locator("#memory").inner_text())
        assert page.locator("#tokens").locator("xpath=..//*[@class='line']").get_attribute("d")
        last = page.locator("#errors tr").first.locator("td").all_inner_texts()
        assert last[1] == "400" and last[3] == "/v1/chat/completions"
        build, about = page.locator("#build").inner_text(), httpx2.get(f"{server.url}/version").json()
        assert all(str(about[name]) in build for name in ("backend", "version", "digest"))


def test_nothing_that_is_told_becomes_markup(browser: Browser, tmp_path: Path) -> None:
    plugins = install_plugin(tmp_path / "site", BREAKS)
    arguments = ("--provider", "marked_up", "--served-name", MARKUP)
    with served(tmp_path, *arguments, PLUGINS=plugins) as server, watched(browser, server.url) as own:
        with server.client() as client, pytest.raises(openai.InternalServerError):
            ask(client, MARKUP)
        comes(own.page, "#errors .code", "<img src=x")
        assert own.page.get_by_role("heading", level=1).inner_text() == MARKUP
        assert row(own.page, "outcomes", "Failed")[0] == "1"
        assert own.page.title() == f"Ready: {MARKUP}"
        assert own.page.locator("img").count() == 0


def test_a_server_that_is_gone_is_told_and_its_figures_look_old(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "--provider", "echo") as server, watched(browser, server.url, silent=SILENCE) as own:
        page = own.page
        comes(page, "#requests-note", "No request has come yet.")
        assert row(page, "outcomes", "Answered") == ["0", "–"] and row(page, "latency", "Whole answer")[0] == "–"
        assert page.locator("#errors-note").inner_text() == "None since the start."
        fresh = page.locator("#running").evaluate("element => getComputedStyle(element).color")
        server.end()
        page.locator("#gone").wait_for()
        assert re.search(r"The server has not answered since \d\d:\d\d:\d\d\.", page.locator("#gone").inner_text())
        assert page.get_by_role("status").inner_text() == page.locator("#gone-text").inner_text()
        assert page.title() == "No answer: echo" and "old figures, from " in page.locator("#as-of").inner_text()
        assert page.locator("#running").evaluate("element => getComputedStyle(element).color") != fresh
        with served(tmp_path, "--provider", "echo", port=int(server.url.rpartition(":")[2])):
            page.get_by_role("button", name="Try now").press("Enter")
            comes(page, "#state", "Ready")
            assert not page.locator("#gone").is_visible()


def test_figures_are_for_those_with_a_key(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, "--provider", "echo", "--api-key", "env:TEAM", TEAM=KEY) as server:
        assert httpx2.get(f"{server.url}/status.json").status_code == 401
        with watched(browser, server.url, silent=("401",)) as own:
            page, field = own.page, own.page.get_by_label("API key")
            comes(page, "#state", "Key needed")
            assert not page.locator("#figures").is_visible()
            assert page.evaluate("document.activeElement.id") == "key"  # the keyboard is enough
            page.keyboard.type(f"two {KEY}")
            page.keyboard.press("Enter")
            comes(page, "#key-wrong", "no blanks")
            assert not [url for url in own.asked if url.endswith("status.json")]  # and no error in the server's list
            field.fill(KEY)
            page.keyboard.press("Enter")
            page.locator("#figures").wait_for()
            assert page.evaluate("document.activeElement.tagName") == "H1"
            assert page.locator("#errors tr").count() == 1  # the page itself was never sent away
            page.reload()
            page.locator("#figures").wait_for()
            assert page.evaluate("[...Object.values(sessionStorage), localStorage.length]") == [KEY, 0]
            assert page.context.cookies() == [] and KEY not in page.url
            page.get_by_role("button", name="Forget the key").click()
            field.wait_for()
            assert page.evaluate("sessionStorage.length") == 0 and own.complaints == []
            field.fill("another")
            page.get_by_role("button", name="Show the figures").click()
            comes(page, "#key-wrong", "does not accept this key")
            assert page.get_by_role("status").inner_text() == "The server does not accept this key."
            assert page.evaluate("sessionStorage.length") == 0 and not page.locator("#figures").is_visible()


@pytest.mark.parametrize(("width", "dark"), [(360, False), (700, False), (1280, True)])
def test_it_fits_the_screen(browser: Browser, server: Served, width: int, dark: bool) -> None:
    with watched(browser, server.url, width=width, dark=dark) as own:
        page = own.page
        page.locator("#errors tr").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(TOO_WIDE) == []
        answered, too_wide, last = page.evaluate(GROWN)
        assert (answered, too_wide) == ("12,345,678", [])
        assert last.split("\n") == [f"Model {NAME}", "loading, 1,234 running, 12,345 queued, 1,234,567 answers"]
        headings = page.locator("h1, h2").all_inner_texts()
        assert headings == [NAME, "Now", "Requests", "Latency", "Model and build", "Last errors"]
        table = page.get_by_role("table", name="Last errors")
        assert table.get_by_role("columnheader").all_text_contents() == ["Time", "Status", "Error", "Route", "Request"]
        assert table.get_by_role("row").count() == 1 + 8
        errors = page.locator("#errors tr").count()
        page.get_by_role("button", name=f"Show all {errors}").press("Enter")
        assert errors > 8 and table.get_by_role("row").count() == 1 + errors
        assert page.evaluate("document.documentElement.scrollWidth") == width
        ground = "getComputedStyle(document.documentElement).getPropertyValue('--ground')"
        assert (page.evaluate(ground) == "#101316") is dark


def test_figures_in_words(browser: Browser, server: Served) -> None:
    with watched(browser, server.url) as own:
        told = own.page.evaluate(SAID)
    assert told == [
        ["15.1", "400", "9,900", "µs"], ["0.250", "1,500", "9,200", "ms"], ["0.123", "65.0", "1,200", "s"],
        ["–", "–", "–", ""], ["477", "MiB"], ["3.00", "GiB"], "33.3 %", "< 0.1 %",
        "–", "59\u00a0s", "1\u00a0h", "1\u00a0d 2\u00a0h", "1,234,567",
    ]  # fmt: skip
