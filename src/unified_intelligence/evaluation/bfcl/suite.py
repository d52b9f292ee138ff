"""The suites bfcl/CATEGORY over the leaderboard's data, and bfcl/small over cases that are part of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Final

from unified_intelligence.entities.errors import UnknownNameError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.evaluation.bfcl.attainable import is_attainable
from unified_intelligence.evaluation.bfcl.cases import CATEGORIES, Case, read_cases
from unified_intelligence.evaluation.bfcl.checker import check
from unified_intelligence.evaluation.bfcl.reading import read_answer
from unified_intelligence.evaluation.bfcl.routes import (
    HERMES,
    ROUTES,
    TOOLS,
    hermes_messages,
    prompt_messages,
    tools_of,
)
from unified_intelligence.evaluation.bfcl.sources import FILES, LICENCE, VERSION, contents
from unified_intelligence.evaluation.pinned_files import described, sha256
from unified_intelligence.evaluation.suite import Dataset, Sample, Score, Scorer, Suite

if TYPE_CHECKING:
    from unified_intelligence.evaluation.bfcl.lenient import LenientCalls
    from unified_intelligence.evaluation.suite import Answer, Choice

MAX_TOKENS: Final = 4096  # the most that the leaderboard asks a local model for, thoughts included
SMALL: Final = "bfcl/small"
PREFIX: Final = "bfcl/"

# Reported as wrong or as impossible for an honest model in the threads named; they count as all others do.
DISPUTED: Final[Mapping[str, str]] = {
    "parallel_84": "wrong answer reported: ShishirPatil/gorilla#1133",
    "parallel_155": "wrong answer reported: ShishirPatil/gorilla#1133",
    "parallel_158": "wrong answer reported: ShishirPatil/gorilla#1133",
    "parallel_170": "wrong answer reported: ShishirPatil/gorilla#1133",
    "live_simple_137-90-0": "wrong answer reported: ShishirPatil/gorilla#1133",
    "live_simple_138-91-0": "wrong answer reported: ShishirPatil/gorilla#1133",
    "simple_python_13": "whole numbers in a list of floats are refused: ShishirPatil/gorilla#1049",
    "simple_python_17": "a parameter must be given that the answer marks as optional",
    "parallel_multiple_12": "the answer allows a parameter that the function does not have",
    "parallel_multiple_26": "the answer allows a parameter that the function does not have",
}


class BfclSuite(Suite):
    """Cases put by one route, judged by the leaderboard's rules, with a call beside the form told from a wrong one.

    Right is what the leaderboard's rules pass and what was written in the form that was asked for: to fail at a call is
    no abstention, though the leaderboard's own verdict, `official`, takes it for one. `lenient` is the verdict on what
    was meant: the difference to `official` is what is lost to the format.
    """

    scorer = Scorer("bfcl-ast", "1")

    def __init__(self, name: str, route: str, cases: Sequence[Case], dataset: Dataset) -> None:
        self.name, self.route, self.dataset = name, route, dataset
        self._cases = {case.id: case for case in cases}
        self._samples = tuple(map(self._sample, cases))
        self.disputed = {one: why for one, why in DISPUTED.items() if one in self._cases}

    @property
    def samples(self) -> Sequence[Sample]:
        return self._samples

    @property
    def unattainable(self) -> frozenset[str]:
        return frozenset(case.id for case in self._cases.values() if not is_attainable(case))

    def _sample(self, case: Case) -> Sample:
        messages, config = case.messages, GenerationConfig(max_tokens=MAX_TOKENS)
        if self.route == TOOLS:
            config = GenerationConfig(max_tokens=MAX_TOKENS, tools=tools_of(case.functions))
        elif self.route == HERMES:
            messages = hermes_messages(case)
        else:
            messages = prompt_messages(case)
        truth = list(case.truth)
        return Sample(id=case.id, messages=messages, config=config, reference=truth, slices=(case.category,))

    def score(self, sample: Sample, answer: Answer) -> Score:
        case = self._cases[sample.id]
        reading = read_answer(case, answer, self.route)
        underscored = self.route == TOOLS

        def verdict(output: object) -> tuple[bool, str | None]:
            return check(
                category=case.category,
                functions=case.functions,
                output=output,
                ground_truth=case.truth,
                underscored=underscored,
            )

        official, error_type = verdict(reading.strict)
        kind = reading.lenient
        lenient = verdict(kind.calls)[0] and not kind.broken
        if reading.missed:
            error_type = f"format:{_loss(kind)}"
        return Score(
            right=official and not reading.missed,
            malformed=reading.missed,
            error_type=error_type or "",
            verdicts={"official": official, "lenient": lenient},
            note="; ".join(kind.repairs),
        )


def _loss(kind: LenientCalls) -> str:
    if kind.broken:
        return "no call that can be read"
    return kind.repairs[0] if kind.repairs else "a call written as text"


def build(choice: Choice) -> Suite:
    """A suite by its name. Raises UnknownNameError, ConfigurationError, ConnectionFailedError."""
    route = choice.route or TOOLS
    if route not in ROUTES:
        raise UnknownNameError("route", route, ROUTES, hint="Scores by different routes are not the same test.")
    if choice.language not in {"", "en"}:
        raise UnknownNameError("language", choice.language, ("en",), hint="The questions of BFCL are English.")
    if choice.name == SMALL:
        return _small(route)
    category = choice.name.removeprefix(PREFIX)
    if category not in FILES:
        raise UnknownNameError("category of BFCL", category, (*FILES, "small"))
    questions, answers, origin = contents(category, choice)
    cases = read_cases(category, questions, answers, origin)
    digest = sha256(questions, answers or b"")
    return BfclSuite(
        choice.name, route, cases, described(choice.name, VERSION, LICENCE, [case.id for case in cases], digest, origin)
    )


def _small(route: str) -> BfclSuite:
    folder = resources.files(__package__ or "") / "small"
    cases: list[Case] = []
    read: list[bytes] = []
    for category in CATEGORIES:
        questions = (folder / f"{category}.jsonl").read_bytes()
        answers = folder / f"{category}_answers.jsonl"
        truth = answers.read_bytes() if answers.is_file() else None
        cases += read_cases(category, questions, truth, f"{SMALL}/{category}")
        read += [questions, truth or b""]
    ids = [case.id for case in cases]
    return BfclSuite(SMALL, route, cases, described(SMALL, "1", LICENCE, ids, sha256(*read), "this package"))
