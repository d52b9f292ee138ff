"""pydantic-ai over chat completions and over responses: agents, streams, functions and typed answers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.judges.cases import CITY, CITY_QUESTION, HARD, RAIN, SUM, SUM_QUESTION, Cases, same, within

cases = Cases()
case = cases.case
pydantic_ai: Any = import_module("pydantic_ai")
models: Any = import_module("pydantic_ai.models.openai")
provider_of: Any = import_module("pydantic_ai.providers.openai").OpenAIProvider


def agent(name: str, kind: str = "OpenAIChatModel", **more: Any) -> Any:
    url = cases.embedded if name == "embedded" else cases.echo
    model = getattr(models, kind)(name, provider=provider_of(base_url=url, api_key="unused"))
    return pydantic_ai.Agent(model, **more)


@case
async def chat() -> None:
    same((await agent("echo").run(HARD)).output)


@case
async def chat_streamed() -> None:
    async with agent("echo").run_stream(HARD) as answer:
        same("".join([piece async for piece in answer.stream_text(delta=True, debounce_by=None)]))


@case
async def responses() -> None:
    same((await agent("echo", "OpenAIResponsesModel").run(HARD)).output)


@case
async def responses_streamed() -> None:
    async with agent("echo", "OpenAIResponsesModel").run_stream(HARD) as answer:
        same("".join([piece async for piece in answer.stream_text(delta=True, debounce_by=None)]))


async def _round_trip(kind: str) -> None:
    asked: list[str] = []
    own = agent("embedded", kind)

    @own.tool_plain
    def get_weather(city: str) -> str:
        """Weather in a city"""
        asked.append(city)
        return RAIN

    same((await own.run(CITY_QUESTION)).output, RAIN)
    same(asked, [CITY])


@case
async def tools_round_trip() -> None:
    await _round_trip("OpenAIChatModel")


@case
async def tools_round_trip_with_responses() -> None:
    await _round_trip("OpenAIResponsesModel")


@case
async def a_typed_answer() -> None:
    pydantic: Any = import_module("pydantic")
    form = pydantic.create_model("City", name=(str, ...))
    own = agent("echo", output_type=pydantic_ai.NativeOutput(form))
    same((await own.run('{"name": "Orléans 🏰"}')).output, form(name="Orléans 🏰"))


@case
async def a_computed_answer() -> None:
    within(SUM, (await agent("embedded").run(SUM_QUESTION)).output)


if __name__ == "__main__":
    cases.run()
