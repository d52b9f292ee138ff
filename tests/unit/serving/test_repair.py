"""Forms the provider cannot keep to by itself: what goes out is valid, or an error."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import Any, cast

import pytest

from tests.unit.serving.scripted import Answer, Scripted, answer_for, cut_anywhere, events_for
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
from unified_intelligence.entities.errors import (
    AnswerInvalidError,
    AnswerRefusedError,
    InvalidRequestError,
    MalformedToolCallError,
    StreamInterruptedError,
)
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    Notice,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall, ToolSpec
from unified_intelligence.serving import repair
from unified_intelligence.serving.enforcement import enforced
from unified_intelligence.serving.plan import plan_for

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"ville": {"type": "string"}, "jours": {"type": "integer"}},
    "required": ["ville"],
    "additionalProperties": False,
}
WEATHER = ToolSpec("météo", "Le temps qu'il fait", CITY)
STRICT = ToolSpec("météo", "Le temps qu'il fait", CITY, strict=True)
CLOCK = ToolSpec("heure", "L'heure", {"type": "object", "properties": {}})
USAGE = Usage(10, 5, 2, 1)
JSON = '{"ville": "Saint-Étienne 🌞",\n "jours": 2}'


def text(said: str, finish: Any = "stop", usage: Usage | None = USAGE) -> Answer:
    return [ReasoningDelta("Hm… "), TextDelta(said), Finished(finish, usage)]


def calls(*made: tuple[str, str], before: str = "", finish: Any = "tool_calls") -> Answer:
    pieces = [ToolCallDelta(index, f"c{index}", name, arguments) for index, (name, arguments) in enumerate(made)]
    return [*([TextDelta(before)] if before else []), *pieces, Finished(finish, USAGE)]


GOOD = ("météo", '{"ville": "Nîmes"}')
BAD = ("météo", '{"ville": 30000}')
ASKED_JSON = GenerationConfig(response_format=JsonFormat(CITY, strict=True))
REQUIRED = GenerationConfig(tools=(WEATHER, CLOCK), tool_choice="required")


@pytest.mark.parametrize("written", [
    JSON, f" \n{JSON}\n", f"```json\n{JSON}\n```", f"```\n{JSON}```\n", f"\n``` JSON  \n\n{JSON}\n\n  ```",
])  # fmt: skip
def test_what_goes_out_is_exactly_the_json(written: str) -> None:
    generator = Scripted(text(written))
    answer = answer_for(generator, ASKED_JSON)
    assert (answer.text, answer.reasoning, answer.usage, len(generator.asked)) == (JSON, "Hm… ", USAGE, 1)


def test_the_schema_is_put_to_the_model_beside_its_instructions() -> None:
    generator = Scripted(text(JSON))
    turns = (Message("system", "Sois bref."), Message("user", "Quelle ville ?"))
    asyncio.run(_read(enforced(generator, turns, plan_for(generator.honoured, ASKED_JSON))))
    system, question = generator.asked[0][0]
    assert system.role == "system" and system.content.startswith("Sois bref.\n\nAnswer with one JSON document")
    assert '"additionalProperties": false' in system.content
    assert question == turns[1]
    assert generator.asked[0][1] == GenerationConfig()


@pytest.mark.parametrize(("wrong", "said"), [
    ("Voilà : {}", "the answer is not JSON"), ('{"ville": 3}', "at $.ville: 3 is not of type 'string'"),
    ('{"ville": NaN}', "NaN is not a JSON value"), ("", "the answer is not JSON"), ("[" * 200_000, "nested too deeply"),
    ('{"ville": "a"} {"ville": "b"}', "the answer is not JSON"), (f"```json\n{JSON}", "the answer is not JSON"),
])  # fmt: skip
def test_a_wrong_answer_is_told_and_asked_for_again(wrong: str, said: str) -> None:
    generator = Scripted(text(wrong), text(JSON))
    answer = answer_for(generator, ASKED_JSON, "Quelle ville ?")
    assert (answer.text, answer.usage) == (JSON, Usage(20, 10, 4, 2))
    system, question = generator.asked[1][0]
    assert said in system.content and wrong[:2000] in system.content and "JSON Schema" in system.content
    assert question.content == "Quelle ville ?"
    assert len(system.content) < 5000


def test_patience_ends_with_the_last_answer_in_the_error() -> None:
    generator = Scripted(text("un"), text("deux"), text("trois 🙂"), text(JSON))
    with pytest.raises(AnswerInvalidError, match="not as it was asked for: the answer is not JSON") as wrong:
        events_for(generator, ASKED_JSON)
    assert (wrong.value.answer, wrong.value.exit_code, len(generator.asked)) == ("trois 🙂", 10, 3)
    assert generator.ended == 3


def test_any_object_is_json_object_and_nothing_else_is() -> None:
    asked = GenerationConfig(response_format=JsonFormat())
    assert answer_for(Scripted(text("[1]"), text('"é"'), text('{"é": [1]}')), asked).text == '{"é": [1]}'
    assert answer_for(EchoAdapter(), asked, ' {"à": "ça va 🙂"} ').text == '{"à": "ça va 🙂"}'
    with pytest.raises(AnswerInvalidError, match="not an object"):
        answer_for(EchoAdapter(), asked, "[]")


def test_an_answer_cut_at_its_most_tokens_is_an_error_at_once() -> None:
    generator = Scripted(text('{"ville": "Saint-', "length"))
    with pytest.raises(AnswerInvalidError, match="cut at its most tokens") as wrong:
        events_for(generator, ASKED_JSON)
    assert (len(generator.asked), wrong.value.hint) == (1, "Allow more max_tokens.")


def test_a_filter_and_a_broken_stream_are_told_as_what_they_are() -> None:
    with pytest.raises(AnswerRefusedError):
        events_for(Scripted(text("{", "content_filter")), ASKED_JSON)
    with pytest.raises(StreamInterruptedError):
        events_for(Scripted([TextDelta(JSON)]), ASKED_JSON)


def test_usage_is_unknown_where_one_attempt_does_not_tell() -> None:
    assert answer_for(Scripted(text("un", usage=None), text(JSON)), ASKED_JSON).usage is None
    counted = answer_for(Scripted(text("un", usage=Usage(1, 2)), text(JSON)), ASKED_JSON).usage
    assert counted == Usage(11, 7, None, None)


def test_an_unfit_schema_is_refused_before_anything_is_generated() -> None:
    generator = Scripted(text(JSON))
    for schema in ({"type": "strin"}, {"$ref": "https://example.org"}):
        with pytest.raises(InvalidRequestError, match="The schema of response_format"):
            events_for(generator, GenerationConfig(response_format=JsonFormat(schema)))
        tool = ToolSpec("météo", "", schema)
        with pytest.raises(InvalidRequestError, match="The schema of the tool 'météo'"):
            events_for(generator, GenerationConfig(tools=(tool,), tool_choice="required"))
    assert generator.asked == []


def test_more_tools_than_can_be_checked_are_refused() -> None:
    tools = tuple(ToolSpec(f"t{number}", "", CITY, strict=True) for number in range(129))
    with pytest.raises(InvalidRequestError, match="129 tools are to be checked; at most 128"):
        events_for(Scripted(text("a")), GenerationConfig(tools=tools))
    assert answer_for(Scripted(text("a")), GenerationConfig(tools=tools[1:])).text == "a"


def test_nothing_but_notices_comes_before_the_check() -> None:
    first = [Notice("attends"), ReasoningDelta("Hm"), TextDelta("non"), Notice("encore"), Finished("stop", USAGE)]
    events = events_for(Scripted(first, text(JSON)), ASKED_JSON)
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "The answer is checked before it is sent.",
        "attends",
        "encore",
        "The answer was not as it was asked for; asking again.",
    ]
    assert events[4:6] == [ReasoningDelta("Hm… "), TextDelta(JSON)]
    assert isinstance(events[6], Finished) and len(events) == 7


def test_the_stop_sequence_is_kept_to_in_every_attempt() -> None:
    config = GenerationConfig(response_format=JsonFormat(CITY), stop=("FIN",))
    assert answer_for(Scripted(text("un FIN"), text(f"{JSON} FIN {JSON}")), config).text == JSON


def test_probabilities_are_those_of_the_json() -> None:
    tokens = [TokenLogprob(token, -1.0) for token in ("```", "json\n", '{"ville":', ' "é"}', "\n", "```")]
    said = [*(TextDelta(own.token, (own,)) for own in tokens), Finished("stop")]
    config = GenerationConfig(response_format=JsonFormat(CITY), logprobs=0)
    answer = answer_for(Scripted(said, honoured=frozenset({"logprobs"})), config)
    assert (answer.text, list(answer.logprobs)) == ('{"ville": "é"}', tokens[2:4])


def test_an_answer_too_long_to_be_held_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "LONGEST_ANSWER", 100)
    generator = Scripted([TextDelta("é" * 60), TextDelta("é" * 60), TextDelta("é"), Finished("stop")])
    with pytest.raises(AnswerInvalidError, match="more than 100 characters"):
        events_for(generator, ASKED_JSON)
    assert (generator.given, generator.ended) == (2, 1)


@pytest.mark.parametrize("wrong", [
    text("Il fait beau."), calls(BAD), calls(("météo", "{")), calls(("météo", "[]")), calls(("neige", "{}")),
    calls(GOOD, BAD), [MalformedToolCallError('{"name": ')], [TextDelta("a"), MalformedToolCallError("x")],
])  # fmt: skip
def test_a_required_call_is_made_right_or_asked_for_again(wrong: Answer) -> None:
    generator = Scripted(wrong, calls(GOOD))
    answer = answer_for(generator, REQUIRED)
    assert (answer.tool_calls, answer.text) == ((ToolCall("c0", *GOOD),), "")
    assert answer.finish_reason == "tool_calls"
    assert [config for _, config in generator.asked] == [GenerationConfig(tools=(WEATHER, CLOCK))] * 2
    assert (
        "Answer with a call of one of these functions, and no text: météo, heure." in generator.asked[0][0][0].content
    )
    assert "Your last answer was wrong: " in generator.asked[1][0][0].content
    with pytest.raises(AnswerInvalidError) as refused:
        events_for(Scripted(wrong), REQUIRED)
    assert refused.value.answer


def test_a_named_tool_is_the_only_one_offered() -> None:
    generator = Scripted(calls(GOOD), calls(("heure", "{}")))
    answer = answer_for(generator, GenerationConfig(tools=(WEATHER, CLOCK), tool_choice=NamedTool("heure")))
    assert answer.tool_calls == (ToolCall("c0", "heure", "{}"),)
    assert [config.tools for _, config in generator.asked] == [(CLOCK,), (CLOCK,)]


def test_one_call_at_a_time() -> None:
    config = GenerationConfig(tools=(WEATHER,), parallel_tool_calls=False)
    generator = Scripted(calls(GOOD, GOOD), calls(GOOD))
    assert len(answer_for(generator, config).tool_calls) == 1
    assert "2 functions were called at once" in generator.asked[1][0][0].content
    assert answer_for(Scripted(calls(BAD)), config).tool_calls[0].arguments == BAD[1]


def test_strict_arguments_are_checked_where_the_choice_is_free() -> None:
    config = GenerationConfig(tools=(STRICT,))
    assert answer_for(Scripted(calls(BAD), calls(GOOD)), config).tool_calls == (ToolCall("c0", *GOOD),)
    with pytest.raises(AnswerInvalidError, match=r"the arguments for météo are wrong, at \$\.ville"):
        events_for(Scripted(calls(BAD)), config)
    with pytest.raises(AnswerInvalidError, match="cut at its most tokens"):
        events_for(Scripted(calls(("météo", '{"vil'), finish="length")), config)


def test_with_a_free_choice_text_streams_until_a_call_begins() -> None:
    said = [ReasoningDelta("Hm"), TextDelta("Ça va,\n"), TextDelta(" merci 🙂"), Finished("length", USAGE)]
    events = events_for(Scripted(said), GenerationConfig(tools=(STRICT,)))
    assert events[:3] == said[:3]
    assert isinstance(events[3], Finished) and (events[3].finish_reason, events[3].usage) == ("length", USAGE)


def test_text_that_went_out_is_not_said_twice() -> None:
    generator = Scripted(
        calls(BAD, before="Je regarde. "), text("Je renonce."), calls(GOOD, before="Je regarde encore. ")
    )
    answer = answer_for(generator, GenerationConfig(tools=(STRICT,)))
    assert (answer.text, answer.tool_calls) == ("Je regarde. ", (ToolCall("c0", *GOOD),))
    assert answer.usage == Usage(30, 15, 6, 3)
    assert "the function was not called again" in generator.asked[2][0][0].content


def test_a_form_is_asked_of_the_text_only_where_no_function_is_called() -> None:
    config = GenerationConfig(tools=(WEATHER,), response_format=JsonFormat(CITY))
    answer = answer_for(Scripted(calls(GOOD, before="D'abord : ")), config)
    assert (answer.text, answer.tool_calls[0].name) == ("D'abord : ", "météo")
    assert answer_for(Scripted(text("non"), text(JSON)), config).text == JSON


def test_a_generator_that_enforces_is_believed() -> None:
    generator = Scripted(calls(BAD), honoured=frozenset({"tools", "tool_choice"}))
    config = GenerationConfig(tools=(STRICT,), tool_choice="required")
    assert answer_for(generator, config).tool_calls[0].arguments == BAD[1]
    assert generator.asked[0][1] == config


def test_the_embedded_model_calls_what_it_is_given() -> None:
    tool = ToolSpec(
        "add_vat", "Add value-added tax to a price",
        {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]},
    )  # fmt: skip
    for choice in ("required", NamedTool("add_vat")):
        config = GenerationConfig(tools=(tool,), tool_choice=choice)
        answer = answer_for(EmbeddedAdapter(), config, "Add value-added tax to a price of 250")
        assert [(call.name, call.arguments) for call in answer.tool_calls] == [("add_vat", '{"price": 250}')]
        with pytest.raises(AnswerInvalidError, match="no function was called"):
            answer_for(EmbeddedAdapter(), config, "Who painted the ceiling of the chapel?")


@pytest.mark.parametrize("seed", range(40))
def test_however_the_answers_are_cut(seed: int) -> None:
    chance = random.Random(seed)
    scripts: list[tuple[list[Answer], GenerationConfig]] = [
        ([text("non"), text(f"```json\n{JSON}\n```")], ASKED_JSON),
        ([text("Il fait beau."), calls(BAD), calls(GOOD, ("heure", "{}"))], REQUIRED),
        ([calls(BAD, before="Je regarde… "), calls(GOOD, before="Encore.")], GenerationConfig(tools=(STRICT,))),
        ([text(f"{JSON} FIN")], GenerationConfig(response_format=JsonFormat(CITY), stop=(" FIN",))),
    ]
    for answers, config in scripts:
        whole, pieces = Scripted(*answers), Scripted(*(list(_cut(answer, chance)) for answer in answers))
        expected, given = answer_for(whole, config), answer_for(pieces, config)
        assert (given.text, given.tool_calls, given.usage) == (expected.text, expected.tool_calls, expected.usage)
        assert pieces.asked == whole.asked


def test_leaving_early_ends_the_attempt_under_way() -> None:
    generator = Scripted([TextDelta("non"), Notice("…"), *[TextDelta("é")] * 1000, Finished("stop")])

    async def leave() -> None:
        plan = plan_for(generator.honoured, ASKED_JSON)
        async with aclosing(cast("Any", enforced(generator, (Message("user", "?"),), plan))) as events:
            assert isinstance(await anext(events), Notice)
            assert await anext(events) == Notice("…")

    asyncio.run(leave())
    assert (generator.given, generator.ended) == (2, 1)


def _cut(answer: Answer, chance: random.Random) -> list[Event | Exception]:
    return list(cut_anywhere(cast("list[Event]", answer), chance))


async def _read(events: Any) -> list[Event]:
    return [event async for event in events]
