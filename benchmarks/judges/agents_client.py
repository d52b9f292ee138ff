"""openai-agents over chat completions and over responses: runs, streams and functions."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.judges.cases import CITY, CITY_QUESTION, HARD, RAIN, SUM, SUM_QUESTION, Cases, same, within

cases = Cases()
case = cases.case
openai: Any = import_module("openai")
agents: Any = import_module("agents")
agents.set_tracing_disabled(True)
CHAT, RESPONSES = "OpenAIChatCompletionsModel", "OpenAIResponsesModel"


def agent(name: str, kind: str = CHAT, **more: Any) -> Any:
    url = cases.embedded if name == "embedded" else cases.echo
    client = openai.AsyncOpenAI(base_url=url, api_key="unused", max_retries=0)
    return agents.Agent(name="Assistant", model=getattr(agents, kind)(model=name, openai_client=client), **more)


async def _streamed(own: Any) -> str:
    events = agents.Runner.run_streamed(own, HARD).stream_events()
    pieces = [each.data for each in [event async for event in events] if each.type == "raw_response_event"]
    return "".join(piece.delta for piece in pieces if piece.type == "response.output_text.delta")


async def _round_trip(kind: str) -> None:
    asked: list[str] = []

    @agents.function_tool
    def get_weather(city: str) -> str:
        """Weather in a city"""
        asked.append(city)
        return RAIN

    answer = await agents.Runner.run(agent("embedded", kind, tools=[get_weather]), CITY_QUESTION)
    same((answer.final_output, asked), (RAIN, [CITY]))


@case
async def chat() -> None:
    same((await agents.Runner.run(agent("echo"), HARD)).final_output)


@case
async def chat_streamed() -> None:
    same(await _streamed(agent("echo")))


@case
async def responses() -> None:
    same((await agents.Runner.run(agent("echo", RESPONSES), HARD)).final_output)


@case
async def responses_streamed() -> None:
    same(await _streamed(agent("echo", RESPONSES)))


@case
async def tools_round_trip() -> None:
    await _round_trip(CHAT)


@case
async def tools_round_trip_with_responses() -> None:
    await _round_trip(RESPONSES)


@case
async def a_computed_answer() -> None:
    within(SUM, (await agents.Runner.run(agent("embedded"), SUM_QUESTION)).final_output)


if __name__ == "__main__":
    cases.run()
