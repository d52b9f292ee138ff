"""Whole answers of tiny models: the same with guesses as without, in fewer passes where a text repeats itself."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.tiny_qwen3 import build, build_speaker
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.entities.errors import ConfigurationError, ModelNotFoundError
from unified_intelligence.entities.generation import Generation, GenerationConfig, JsonFormat, RegexFormat, TextDelta
from unified_intelligence.entities.tools import ToolSpec

if TYPE_CHECKING:
    from pathlib import Path

    import torch

TEXT = "zyxwvu é🙂\u2028tsrqponmlkjihgfedcba\n9876543210-+*/ABC"  # no byte twice: each is a token
COPY = f"Répète : \n{TEXT}"
THOUGHT = f"<think>\n{TEXT[:30]}</think>\n\n{TEXT[30:]}"
GREEDY = GenerationConfig(temperature=0.0)
SCHEMA = {
    "type": "object",
    "properties": {
        "clé": {"type": "array", "items": {"enum": ["é🙂", "a\nb"]}, "minItems": 6, "maxItems": 6},
        "free": {"type": "string", "maxLength": 9},
    },
    "required": ["clé", "free"],
    "additionalProperties": False,
}
QUESTION = '{"clé": ["é🙂", "é🙂", "a\\nb", "é🙂"], "free": "é"} ' * 3
COPIES = {
    "greedy": GREEDY,
    "seeded": GenerationConfig(temperature=0.9, top_p=0.95, seed=7, max_tokens=120),
    "hot": GenerationConfig(temperature=2.0, seed=2, max_tokens=300),
    "penalties": GenerationConfig(temperature=1.3, seed=1, repetition_penalty=1.3, presence_penalty=0.9, max_tokens=90),
    "stop": GenerationConfig(temperature=0.0, stop=("🙂", "nml")),
    "later stop": GenerationConfig(temperature=0.0, stop=("nml",)),
    "one token": GenerationConfig(temperature=0.0, max_tokens=1),
    "two tokens": GenerationConfig(temperature=0.0, max_tokens=2),
    "a limit": GenerationConfig(temperature=0.0, max_tokens=17),
    "least": GenerationConfig(temperature=1.0, seed=4, min_tokens=100, max_tokens=140),
    "logprobs": GenerationConfig(temperature=1.0, seed=5, logprobs=2, max_tokens=60),
    "no thinking": GenerationConfig(temperature=0.0, thinking=False, max_tokens=60),
    "regex": GenerationConfig(
        temperature=0.0, max_tokens=90, response_format=RegexFormat("zyxwvu (é🙂)?\u2028tsr[a-q]{9}[e-h]+")
    ),
}
FORMS = {
    "json": GenerationConfig(temperature=0.0, response_format=JsonFormat(SCHEMA), max_tokens=200),
    "json, seeded": GenerationConfig(temperature=1.0, seed=3, response_format=JsonFormat(SCHEMA), max_tokens=200),
    "regex": GenerationConfig(temperature=0.0, response_format=RegexFormat("(ab|cd){20}é"), max_tokens=90),
    "call": GenerationConfig(
        temperature=0.7, seed=3, tools=(ToolSpec("météo", "Le temps", SCHEMA),), tool_choice="required", max_tokens=250
    ),
    "free": GenerationConfig(temperature=0.7, seed=8, max_tokens=100),
}
THOUGHTS = {
    "budget": GenerationConfig(temperature=0.0, thinking_budget=14, max_tokens=90),
    "budget, seeded": GenerationConfig(temperature=1.4, seed=11, thinking_budget=21, max_tokens=90),
    "no budget": GREEDY,
    "no room": GenerationConfig(temperature=0.0, max_tokens=30),
    "then json": GenerationConfig(
        temperature=0.0, thinking_budget=15, response_format=JsonFormat(SCHEMA), max_tokens=250
    ),
}
CASES = {"copier": (COPY, COPIES), "random": (QUESTION, FORMS), "thinker": (THOUGHT + QUESTION, THOUGHTS)}


@contextmanager
def passes(monkeypatch: pytest.MonkeyPatch) -> Generator[list[Sequence[Piece]]]:
    """What each pass read, of any model."""
    made: list[Sequence[Piece]] = []
    with monkeypatch.context() as patch:
        for kind in (FusedForward, PlainForward):

            def read(self: Any, pieces: Sequence[Piece], own: Any = kind.read) -> torch.Tensor:
                made.append(pieces)
                return own(self, pieces)

            patch.setattr(kind, "read", read)
        yield made


def guesses(made: Sequence[Sequence[Piece]]) -> int:
    return sum(max(0, piece.wanted - 1) for pieces in made for piece in pieces)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    new = tmp_path_factory.mktemp
    return {
        "random": build(new("random")),
        "thinker": build_speaker(new("thinker"), THOUGHT),
        "draft": build(new("draft"), seed=9),
        "copier": build_speaker(new("copier"), TEXT),
    }


def adapter(folder: Path, speculation: Any, **options: Any) -> TransformersAdapter:
    return TransformersAdapter(model=str(folder), threads=1, speculation=speculation, **options)


def test_a_text_that_is_copied_takes_a_fraction_of_the_passes(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: dict[str, int] = {}
    for speculation in ("none", "lookup"):
        model = adapter(folders["copier"], speculation)
        asyncio.run(model.aload())
        with passes(monkeypatch) as made:
            answer = model.generate(COPY, GREEDY)
        assert answer.text == TEXT
        counts[speculation] = len(made)
    assert counts["none"] > len(TEXT)
    assert counts["lookup"] * 3 < counts["none"]


@pytest.mark.parametrize("engine", ["fused", "transformers"])
@pytest.mark.parametrize("name", CASES)
def test_no_request_is_answered_otherwise(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, engine: Any, name: str
) -> None:
    question, requests = CASES[name]
    plain, helped = (adapter(folders[name], speculation, engine=engine) for speculation in ("none", "lookup"))
    asyncio.run(helped.aload())
    guessed = 0
    for said, request in requests.items():
        wanted = plain.generate(question, request)
        with passes(monkeypatch) as made:
            found = helped.generate(question, request)
        assert told(found) == told(wanted), said
        assert [one.logprob for one in found.logprobs] == pytest.approx(
            [one.logprob for one in wanted.logprobs], abs=1e-4
        )
        guessed += guesses(made)
    assert guessed > 10


def test_a_draft_changes_no_answer(folders: dict[str, Path]) -> None:
    plain = adapter(folders["random"], "none")
    for speculation in ("lookup", "auto"):
        helped = adapter(folders["random"], speculation, draft=str(folders["draft"]))
        for said, request in FORMS.items():
            assert told(helped.generate(QUESTION, request)) == told(plain.generate(QUESTION, request)), said


def told(answer: Generation) -> object:
    """All that does not depend on the time, or on how numbers are rounded."""
    assert answer.usage is not None
    counted = answer.usage.completion_tokens, answer.usage.reasoning_tokens
    return answer.text, answer.reasoning, answer.tool_calls, answer.finish_reason, counted


def test_eight_answers_at_once_are_those_of_one_after_the_other(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [GenerationConfig(temperature=0.8 * (seed % 3), seed=seed, max_tokens=80) for seed in range(16)]
    plain, helped = adapter(folders["copier"], "none"), adapter(folders["copier"], "lookup", slots=8)
    wanted = [plain.generate(f"{at}{COPY}", request).text for at, request in enumerate(requests)]
    with passes(monkeypatch) as made, ThreadPoolExecutor(16) as pool:
        found = [pool.submit(helped.generate, f"{at}{COPY}", request) for at, request in enumerate(requests)]
        assert [answer.result().text for answer in found] == wanted
    assert max(len(pieces) for pieces in made) == 8
    assert guesses(made)


def test_answers_that_are_left_free_their_slots(folders: dict[str, Path]) -> None:
    model = adapter(folders["random"], "lookup", slots=1, draft=str(folders["random"]))
    wanted = model.generate(QUESTION, FORMS["free"])
    for _ in range(4):
        with closing(model.stream(QUESTION, replace(GREEDY, max_tokens=3000))) as events:
            assert isinstance(next(events), TextDelta)
    assert model.generate(QUESTION, FORMS["free"]).text == wanted.text


def test_a_draft_of_another_vocabulary_is_refused(folders: dict[str, Path]) -> None:
    model = adapter(folders["random"], "auto", draft=str(folders["copier"]))
    with pytest.raises(ConfigurationError, match="The draft model has another vocabulary"):
        model.generate("Ça va ?")


def test_a_draft_that_is_not_there_or_not_wanted_is_refused_at_once(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="There is no folder"):
        adapter(folders["random"], "auto", draft=str(tmp_path / "nowhere"))
    with pytest.raises(ModelNotFoundError, match=r"holds no config\.json"):
        adapter(folders["random"], "auto", draft=str(tmp_path))
    with pytest.raises(ConfigurationError, match="speculation is none"):
        adapter(folders["random"], "none", draft=str(folders["random"]))


@pytest.mark.parametrize(
    ("speculation", "draft", "said"),
    [
        ("none", False, "; no guesses"),
        ("auto", False, "guesses looked up in the text where that pays: a further token takes"),
        ("lookup", False, "guesses looked up in the text for every answer"),
        ("auto", True, "guesses by the draft model where that pays"),
    ],
)
def test_the_engine_says_who_guesses(folders: dict[str, Path], speculation: str, draft: bool, said: str) -> None:
    options = {"draft": str(folders["draft"])} if draft else {}
    model = adapter(folders["random"], speculation, **options)
    assert model.explanation == ""
    asyncio.run(model.aload())
    assert said in model.explanation
    assert "\n" not in model.explanation
