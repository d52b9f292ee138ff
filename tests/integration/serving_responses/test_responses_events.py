"""The events of a streamed response: their order, their numbers, and what OpenAI's own client adds them up to."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel

from tests.integration.serving.served import serving
from tests.integration.serving_responses.clients import MODEL, client
from tests.unit.serving.scripted import Answer, Scripted
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
from unified_intelligence.entities.errors import RateLimitedError, ServerFailedError
from unified_intelligence.entities.generation import (
    Finished,
    Notice,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

HARD = "Ça va\u2028bien 🎉\n\u2029\u0085 fin"
ABILITIES = frozenset({"max_tokens", "tools", "logprobs"})
CITY: Any = {"type": "function", "name": "city", "parameters": {"type": "object"}, "strict": False}


class Ville(BaseModel):
    nom: str


def streamed(answer: Answer, **asked: Any) -> list[ResponseStreamEvent]:
    with serving(Scripted(answer, honoured=ABILITIES)) as served:
        return list(client(served).responses.create(model=MODEL, input="?", stream=True, **asked))


def kinds(events: list[Any]) -> list[str]:
    return [event.type.removeprefix("response.") for event in events]


def last_response(events: list[Any]) -> Any:
    return events[-1].response


MESSAGE = [
    "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
    "content_part.done", "output_item.done",
]  # fmt: skip
REASONING = [
    "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done",
    "output_item.done",
]  # fmt: skip


def test_every_part_is_opened_filled_and_closed_in_order() -> None:
    usage = Usage(3, 4, 1)
    events = streamed([ReasoningDelta("Hm"), TextDelta("Ça "), TextDelta(HARD), Finished("stop", usage)])
    assert kinds(events) == ["created", "in_progress", *REASONING, *MESSAGE, "completed"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    told: list[Any] = list(events)
    assert {each.output_index for each in told[2:8]} == {0} and {each.output_index for each in told[8:15]} == {1}
    assert {each.item_id for each in told if each.type.startswith("response.output_text")} == {told[8].item.id}
    assert (told[8].item.content, told[8].item.status, told[9].part.text) == ([], "in_progress", "")
    assert (told[5].text, told[12].text, told[13].part.text) == ("Hm", f"Ça {HARD}", f"Ça {HARD}")
    assert (told[14].item.status, told[14].item.content[0].text) == ("completed", f"Ça {HARD}")
    assert (told[0].response.status, told[0].response.output, told[0].response.usage) == ("in_progress", [], None)
    done = last_response(events)
    assert (done.output_text, done.id, done.status) == (f"Ça {HARD}", told[0].response.id, "completed")
    assert done.usage is not None and done.usage.total_tokens == 7


def test_calls_grow_side_by_side() -> None:
    events = streamed(
        [
            TextDelta("Je "), TextDelta("regarde"), ToolCallDelta(0, "c0", "météo", '{"ville": '),
            ToolCallDelta(1, "c1", "city", ""), ToolCallDelta(0, arguments='"Nîmes 🌞"}'),
            ToolCallDelta(1, arguments="{}"), Finished("tool_calls"),
        ],
        tools=[CITY],
    )  # fmt: skip
    call = "function_call_arguments"
    assert kinds(events) == [
        "created", "in_progress", *MESSAGE, "output_item.added", f"{call}.delta", "output_item.added", f"{call}.delta",
        f"{call}.delta", f"{call}.done", "output_item.done", f"{call}.done", "output_item.done", "completed",
    ]  # fmt: skip
    _, first, second = last_response(events).output
    assert first.type == second.type == "function_call"
    assert (first.call_id, first.name, first.arguments) == ("c0", "météo", '{"ville": "Nîmes 🌞"}')
    assert (second.call_id, second.name, second.arguments) == ("c1", "city", "{}")
    told: list[Any] = [event for event in events if event.type.startswith(f"response.{call}")]
    assert [each.output_index for each in told] == [1, 1, 2, 1, 2]
    assert told[3].item_id == first.id and told[3].arguments == first.arguments


def test_the_clients_accumulation_is_the_response() -> None:
    answer = [ReasoningDelta("Hm"), TextDelta('{"nom": '), TextDelta('"Nîmes 🌞"}'), Finished("stop", Usage(1, 2))]
    generator = Scripted([TextDelta("non"), Finished("stop", Usage(1, 2))], answer)
    with (
        serving(generator) as served,
        client(served).responses.stream(model=MODEL, input="?", text_format=Ville) as stream,
    ):
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert final.output_parsed == Ville(nom="Nîmes 🌞")
    assert "".join(deltas) == final.output_text == '{"nom": "Nîmes 🌞"}'
    assert final.usage is not None and final.usage.total_tokens == 6


def test_the_clients_accumulation_of_calls() -> None:
    question = "Add value-added tax to a price of 250"
    tool: Any = {
        "type": "function", "name": "add_vat", "description": "Add value-added tax to a price", "strict": True,
        "parameters": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]},
    }  # fmt: skip
    with (
        serving(EmbeddedAdapter()) as served,
        client(served).responses.stream(model=MODEL, input=question, tools=[tool], tool_choice="required") as stream,
    ):
        snapshots = [event.snapshot for event in stream if event.type == "response.function_call_arguments.delta"]
        (call,) = stream.get_final_response().output
    assert call.type == "function_call" and json.loads(call.arguments) == {"price": 250}
    assert snapshots[-1] == call.arguments


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_a_cut_answer_ends_as_incomplete(finish: Any, reason: str) -> None:
    events = streamed([TextDelta("Ça "), TextDelta("va"), Finished(finish)])
    assert kinds(events) == ["created", "in_progress", *MESSAGE, "incomplete"]
    cut = last_response(events)
    assert cut.incomplete_details is not None and cut.incomplete_details.reason == reason
    (message,) = cut.output
    assert message.type == "message" and message.status == "incomplete" and cut.output_text == "Ça va"


def test_thinking_that_never_ends_is_incomplete_without_a_message() -> None:
    events = streamed([ReasoningDelta("Hm"), Finished("length")])
    assert kinds(events) == ["created", "in_progress", *REASONING, "incomplete"]


@pytest.mark.parametrize(("error", "code"), [
    (ServerFailedError("secret://inside broke", url="secret://inside"), "server_error"),
    (RateLimitedError("wait", provider="p"), "rate_limit_exceeded"), (KeyError("secret"), "server_error"),
])  # fmt: skip
def test_an_answer_that_breaks_ends_as_failed(error: Exception, code: str) -> None:
    events = streamed([TextDelta("Ça "), ToolCallDelta(0, "c", "f", "{"), error])
    assert kinds(events)[-1] == "failed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    broken = last_response(events)
    assert broken.error is not None and broken.error.code == code and "secret" not in broken.error.message
    assert broken.status == "failed"
    assert [item.status for item in broken.output if item.type != "compaction"] == ["completed", "incomplete"]


def test_a_stream_that_just_stops_has_failed() -> None:
    assert kinds(streamed([TextDelta("Ça ")]))[-1] == "failed"


def test_a_failure_before_the_answer_has_its_own_status() -> None:
    with pytest.raises(openai.RateLimitError):
        streamed([Notice("patience"), RateLimitedError("wait", provider="p")])


def test_probabilities_come_with_their_pieces() -> None:
    said = [TextDelta("é", (TokenLogprob("é", -0.5),)), TextDelta("à", (TokenLogprob("à", -1.0),)), Finished("stop")]
    told: list[Any] = [
        event for event in streamed(said, top_logprobs=1) if event.type.startswith("response.output_text")
    ]
    assert [[each.token for each in event.logprobs] for event in told] == [["é"], ["à"], ["é", "à"]]


def test_the_wire_names_each_event_and_shows_notices_as_comments() -> None:
    with serving(Scripted([Notice("le Space\ns'éveille"), TextDelta(HARD), Finished("stop")])) as served:
        body = json.dumps({"model": MODEL, "input": "?", "stream": True}).encode()
        asking = urllib.request.Request(
            f"{served.url}/v1/responses", body, {"content-type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(asking, timeout=30) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            blocks = answer.read().decode().split("\n\n")
    assert blocks[0] == ": still working" and blocks[-1] == ""
    for block in blocks[1:-1]:
        name, data = block.split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"
    assert not any(character in "".join(blocks) for character in "\u2028\u2029\u0085")


def test_leaving_ends_the_work() -> None:
    generator = Scripted([*[TextDelta("é ")] * 100_000, Finished("stop")])
    with serving(generator) as served:
        stream = client(served).responses.create(model=MODEL, input="?", stream=True)
        next(iter(stream))
        stream.close()
        until = time.perf_counter() + 10
        while not generator.ended and time.perf_counter() < until:
            time.sleep(0.02)
        assert generator.ended == 1 and generator.given < 100_000


def test_streams_and_whole_answers_say_the_same() -> None:
    with serving(EchoAdapter()) as served:
        whole = client(served).responses.create(model=MODEL, input=HARD)
        *_, last = client(served).responses.create(model=MODEL, input=HARD, stream=True)
    assert last.type == "response.completed"
    differ = {"id", "created_at", "completed_at", "output"}
    assert last.response.model_dump(exclude=differ) == whole.model_dump(exclude=differ)
    assert last.response.output_text == whole.output_text == HARD
