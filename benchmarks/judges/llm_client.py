"""`llm`, with the served models in its extra-openai-models.yaml."""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.judges.cases import CITY, CITY_QUESTION, HARD, RAIN, SUM, SUM_QUESTION, Cases, same, within

cases = Cases()
case = cases.case


def model(name: str, *, asynchronous: bool = False) -> Any:
    llm: Any = import_module("llm")
    return (llm.get_async_model if asynchronous else llm.get_model)(name)


@case
def chat() -> None:
    same(model("echo").prompt(HARD, stream=False, key="unused").text())


@case
def chat_streamed() -> None:
    same("".join(model("echo").prompt(HARD, key="unused")))


@case
async def chat_asynchronous() -> None:
    answer = model("echo", asynchronous=True).prompt(HARD, key="unused")
    same("".join([piece async for piece in answer]))


@case
def a_conversation_goes_on() -> None:
    conversation = model("echo").conversation()
    same([conversation.prompt(text, key="unused").text() for text in (HARD, "Et toi ? 🙂")], [HARD, "Et toi ? 🙂"])


@case
def tools_round_trip() -> None:
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """Weather in a city"""
        asked.append(city)
        return RAIN

    same(model("embedded").chain(CITY_QUESTION, tools=[get_weather], key="unused").text(), RAIN)
    same(asked, [CITY])


@case
def a_computed_answer() -> None:
    within(SUM, model("embedded").prompt(SUM_QUESTION, key="unused").text())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        entries = [
            f"- model_id: {name}\n  model_name: {name}\n  api_base: {url}\n  supports_tools: true\n"
            for name, url in (("echo", cases.echo), ("embedded", cases.embedded))
        ]
        Path(folder, "extra-openai-models.yaml").write_text("".join(entries), encoding="utf-8")
        os.environ["LLM_USER_PATH"] = folder
        cases.run()


if __name__ == "__main__":
    main()
