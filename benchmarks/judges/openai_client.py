"""OpenAI's own client: every endpoint whole and streamed, its helpers, and the errors its users catch."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.judges.cases import CITY, CITY_QUESTION, HARD, RAIN, SUM, SUM_QUESTION, Cases, raised, same, within

openai: Any = import_module("openai")
cases = Cases()
case = cases.case
ECHO, EMBEDDED, LOCAL = "echo", "embedded", "tiny"
echo = openai.OpenAI(base_url=cases.echo, api_key="unused", max_retries=0)
embedded = openai.OpenAI(base_url=cases.embedded, api_key="unused", max_retries=0)
local = openai.OpenAI(base_url=cases.local, api_key="unused", max_retries=0)
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOL = {"type": "function", "function": WEATHER}


def asked(text: str = HARD) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@case
def chat() -> None:
    same(echo.chat.completions.create(model=ECHO, messages=asked()).choices[0].message.content)


@case
def chat_streamed_with_usage() -> None:
    chunks = list(
        echo.chat.completions.create(model=ECHO, messages=asked(), stream=True, stream_options={"include_usage": True})
    )
    same("".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices))
    if not chunks[-1].usage.completion_tokens:
        raise AssertionError("the last chunk has no usage")


@case
async def chat_asynchronous() -> None:
    async with openai.AsyncOpenAI(base_url=cases.echo, api_key="unused", max_retries=0) as client:
        same((await client.chat.completions.create(model=ECHO, messages=asked())).choices[0].message.content)
        stream = await client.chat.completions.create(model=ECHO, messages=asked(), stream=True)
        same("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))


@case
def chat_stream_helper_accumulates() -> None:
    with echo.chat.completions.stream(model=ECHO, messages=asked()) as stream:
        kinds = {event.type for event in stream}
        same(stream.get_final_completion().choices[0].message.content)
    if not {"chunk", "content.delta", "content.done"} <= kinds:
        raise AssertionError(f"events: {kinds}")


@case
def chat_stream_helper_accumulates_calls() -> None:
    exact = {**WEATHER["parameters"], "additionalProperties": False}
    tool = {**TOOL, "function": {**WEATHER, "parameters": exact, "strict": True}}
    with embedded.chat.completions.stream(model=EMBEDDED, messages=asked(CITY_QUESTION), tools=[tool]) as stream:
        list(stream)
        message = stream.get_final_completion().choices[0].message
    same(message.tool_calls[0].function.parsed_arguments, {"city": CITY})


@case
def chat_parse_reads_a_form() -> None:
    pydantic: Any = import_module("pydantic")
    form = pydantic.create_model("City", name=(str, ...), people=(int, ...))
    written = '{"name": "Orléans 🏰", "people": 116269}'
    answer = echo.chat.completions.parse(model=ECHO, messages=asked(written), response_format=form)
    same(answer.choices[0].message.parsed, form(name="Orléans 🏰", people=116269))


@case
def tools_round_trip() -> None:
    turns = asked(CITY_QUESTION)
    first = embedded.chat.completions.create(model=EMBEDDED, messages=turns, tools=[TOOL])
    same(first.choices[0].finish_reason, "tool_calls")
    call = first.choices[0].message.tool_calls[0]
    same((call.function.name, call.function.arguments), ("get_weather", '{"city": "Paris"}'))
    turns += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": RAIN}]
    second = embedded.chat.completions.create(model=EMBEDDED, messages=turns, tools=[TOOL])
    same(second.choices[0].message.content, RAIN)


@case
def a_computed_answer() -> None:
    answer = embedded.chat.completions.create(model=EMBEDDED, messages=asked(SUM_QUESTION))
    within(SUM, answer.choices[0].message.content)


@case
def logprobs_and_several_answers() -> None:
    answer = local.chat.completions.create(
        model=LOCAL, messages=asked(), n=2, logprobs=True, top_logprobs=3, seed=7, max_tokens=4
    )
    same([len(choice.logprobs.content[0].top_logprobs) for choice in answer.choices], [3, 3])


@case
def responses() -> None:
    answer = echo.responses.create(model=ECHO, input=HARD)
    same((answer.output_text, answer.status), (HARD, "completed"))


@case
def responses_streamed() -> None:
    with echo.responses.stream(model=ECHO, input=HARD) as stream:
        came = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        same((came, stream.get_final_response().output_text), (HARD, HARD))


@case
def responses_with_tools() -> None:
    tool = {"type": "function", "strict": False, **WEATHER}
    first = embedded.responses.create(model=EMBEDDED, input=CITY_QUESTION, tools=[tool])
    call = next(item for item in first.output if item.type == "function_call")
    same(call.arguments, '{"city": "Paris"}')
    output = {"type": "function_call_output", "call_id": call.call_id, "output": RAIN}
    told = [*asked(CITY_QUESTION), *first.output, output]
    same(embedded.responses.create(model=EMBEDDED, input=told, tools=[tool]).output_text, RAIN)


@case
def completions() -> None:
    same(echo.completions.create(model=ECHO, prompt=HARD).choices[0].text)
    stream = echo.completions.create(model=ECHO, prompt=HARD, stream=True)
    same("".join(chunk.choices[0].text for chunk in stream))


@case
def embeddings() -> None:
    made = local.embeddings.create(model=LOCAL, input=["Ça va ?", HARD])
    plain = local.embeddings.create(model=LOCAL, input=["Ça va ?", HARD], encoding_format="float")
    same([[round(x, 5) for x in each.embedding] for each in made.data],
         [[round(x, 5) for x in each.embedding] for each in plain.data])  # fmt: skip


@case
def models() -> None:
    same([model.id for model in echo.models.list()], [ECHO])
    same(echo.models.retrieve(ECHO).object, "model")


@case
def raw_headers() -> None:
    raw = echo.chat.completions.with_raw_response.create(
        model=ECHO, messages=asked(), extra_headers={"X-Request-Id": "mine"}
    )
    same((raw.headers["x-client-request-id"], raw.headers["content-type"]), ("mine", "application/json"))
    same(raw.parse().choices[0].message.content)
    if not raw.headers["x-request-id"].startswith("req_") or raw.parse()._request_id != raw.headers["x-request-id"]:  # noqa: SLF001 - the client's documented name
        raise AssertionError("no x-request-id")


@case
def errors_are_of_their_classes() -> None:
    def chat_with(client: Any = echo, model: str = ECHO, **more: Any) -> Callable[[], object]:
        return lambda: client.chat.completions.create(model=model, messages=asked(), **more)

    missing: Any = raised(openai.NotFoundError, chat_with(model="nobody"))
    same((missing.code, missing.param, missing.type), ("model_not_found", "model", "invalid_request_error"))
    wrong: Any = raised(openai.BadRequestError, chat_with(extra_body={"colour": "red"}))
    same((wrong.code, wrong.param), ("unknown_parameter", "colour"))
    long: Any = raised(openai.BadRequestError, lambda: local.chat.completions.create(
        model=LOCAL, messages=asked("oui " * 5000)))  # fmt: skip
    same(long.code, "context_length_exceeded")
    locked: Any = raised(openai.AuthenticationError, chat_with(openai.OpenAI(base_url=cases.keyed, api_key="wrong")))
    same(locked.code, "invalid_api_key")


@case
def a_full_server_is_a_rate_limit_and_a_retry_helps() -> None:
    key = os.environ["JUDGED_KEY"]
    crowded = openai.OpenAI(base_url=cases.crowded, api_key=key, max_retries=0)
    with crowded.chat.completions.create(model=ECHO, messages=asked("un deux trois"), stream=True) as stream:
        next(stream)
        full: Any = raised(openai.RateLimitError, lambda: crowded.chat.completions.create(model=ECHO, messages=asked()))
        same((full.code, int(full.response.headers["retry-after"]) >= 1), ("rate_limit_exceeded", True))
        patient = crowded.with_options(max_retries=8).chat.completions.create(model=ECHO, messages=asked("Ça va 🙂"))
    same(patient.choices[0].message.content, "Ça va 🙂")


if __name__ == "__main__":
    cases.run()
