"""The suite qwen3-eval: 31 short tasks for agents in their roles, each with an answer that a program can check.

What the suite of that name once measured, the length of an answer, is read by `length_reports` and is no score here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from unified_intelligence.entities.errors import UnknownNameError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.evaluation.pinned_files import described, sha256
from unified_intelligence.evaluation.roles.checks import passes
from unified_intelligence.evaluation.suite import Sample, Score, Scorer, Suite

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Answer, Choice

NAME: Final = "qwen3-eval"
MAX_TOKENS: Final = 2048
LANGUAGES: Final = ("en", "fr")
_ROLES: Final = {
    "coordinator": "You coordinate a team of agents. Answer exactly in the form that is asked for.",
    "coder": "You are the coder of a team of agents. Answer exactly in the form that is asked for.",
    "tester": "You are the tester of a team of agents. Answer exactly in the form that is asked for.",
    "researcher": "You are the researcher of a team of agents. Answer exactly in the form that is asked for.",
}


class RolesSuite(Suite):
    """Right is an answer that passes all checks of its task, each of them a gate."""

    name = NAME
    scorer = Scorer("role-checks", "1")

    def __init__(self, tasks: Sequence[Mapping[str, Any]], digest: str) -> None:
        ids = [task["id"] for task in tasks]
        self.dataset = described(NAME, "1", "Apache-2.0", ids, digest, "this package")
        self._samples = tuple(map(_sample, tasks))
        self._checks: dict[str, list[Mapping[str, Any]]] = {task["id"]: task["checks"] for task in tasks}

    @property
    def samples(self) -> Sequence[Sample]:
        return self._samples

    def score(self, sample: Sample, answer: Answer) -> Score:
        gates: dict[str, bool] = {}
        for number, check in enumerate(self._checks[sample.id], 1):
            gates[f"{number} {check['kind']}"] = passes(check, answer.text)
        failed = [name.partition(" ")[2] for name, passed in gates.items() if not passed]
        return Score(right=not failed, error_type=f"check:{failed[0]}" if failed else "", gates=gates)


def build(choice: Choice) -> Suite:
    """Raises UnknownNameError for a route or a language it does not have."""
    if choice.route not in {"", "chat"}:
        raise UnknownNameError("route", choice.route, ("chat",), hint="These tasks are asked one way.")
    if choice.language not in {"", *LANGUAGES}:
        raise UnknownNameError("language", choice.language, LANGUAGES)
    content = (resources.files(__package__ or "") / "tasks.json").read_bytes()
    tasks = [task for task in json.loads(content) if choice.language in {"", task["language"]}]
    return RolesSuite(tasks, sha256(content, choice.language.encode()))


def _sample(task: Mapping[str, Any]) -> Sample:
    return Sample(
        id=task["id"],
        messages=(Message("system", _ROLES[task["agent"]]), Message("user", task["task"])),
        config=GenerationConfig(max_tokens=MAX_TOKENS),
        reference=task["checks"],
        slices=(task["agent"],),
        language=task["language"],
    )
