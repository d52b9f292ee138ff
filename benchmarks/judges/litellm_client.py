"""litellm, which gives many providers one face; here as `openai/NAME` with an address."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.judges.cases import CITY_QUESTION, HARD, SUM, SUM_QUESTION, Cases, raised, same, within

litellm: Any = import_module("litellm")
cases = Cases()
case = cases.case
litellm.suppress_debug_info = True
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def asking(text: str = HARD, *, embedded: bool = False, **more: Any) -> dict[str, Any]:
    model, url = ("embedded", cases.embedded) if embedded else ("echo", cases.echo)
    turns = [{"role": "user", "content": text}]
    return {
        "model": f"openai/{model}", "api_base": url, "api_key": "unused", "num_retries": 0, "messages": turns, **more
    }  # fmt: skip


@case
def chat() -> None:
    same(litellm.completion(**asking()).choices[0].message.content)


@case
def chat_streamed() -> None:
    same("".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**asking(stream=True))))


@case
async def chat_asynchronous() -> None:
    same((await litellm.acompletion(**asking())).choices[0].message.content)
    stream = await litellm.acompletion(**asking(stream=True))
    same("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))


@case
def a_tool_is_called() -> None:
    answer = litellm.completion(**asking(CITY_QUESTION, embedded=True, tools=[TOOL]))
    same(answer.choices[0].message.tool_calls[0].function.arguments, '{"city": "Paris"}')


@case
def a_tool_is_called_in_a_stream() -> None:
    chunks = list(litellm.completion(**asking(CITY_QUESTION, embedded=True, tools=[TOOL], stream=True)))
    call = litellm.stream_chunk_builder(chunks).choices[0].message.tool_calls[0]
    same((call.function.name, call.function.arguments), ("get_weather", '{"city": "Paris"}'))


@case
def a_computed_answer_with_its_reasoning() -> None:
    message = litellm.completion(**asking(SUM_QUESTION, embedded=True)).choices[0].message
    within(SUM, message.content)
    within("percent_of", message.reasoning_content)


@case
def responses() -> None:
    answer = litellm.responses(model="openai/echo", api_base=cases.echo, api_key="unused", input=HARD)
    same("".join(part.text for item in answer.output for part in item.content))


@case
def errors_are_of_their_classes() -> None:
    raised(litellm.NotFoundError, lambda: litellm.completion(**{**asking(), "model": "openai/nobody"}))
    raised(litellm.BadRequestError, lambda: litellm.completion(**asking(temperature=9)))


if __name__ == "__main__":
    cases.run()
