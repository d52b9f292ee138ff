"""Who does what for a request: what the generator is asked, and what is left to be done around it.

Everything the generator does not honour is in the plan, is the same as not asking, or is refused here: nothing is
ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import GenerationConfig, JsonFormat, NamedTool
from unified_intelligence.profiles.qwen3 import THINKING_BUDGETS
from unified_intelligence.serving.json_answer import JsonAnswer
from unified_intelligence.serving.tool_calls import CallRules, rules_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from unified_intelligence.entities.generation import Generation, ResponseFormat

_CHANGES_NOTHING: Mapping[str, float] = {
    "min_tokens": 0,
    "top_p": 1,
    "top_k": 0,
    "min_p": 0,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "repetition_penalty": 1,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """`config` is what the generator is asked; the rest is done around it."""

    config: GenerationConfig
    stop: tuple[str, ...] = ()
    calls: CallRules | None = None
    json: JsonAnswer | None = None
    without_reasoning: bool = False

    @property
    def instruction(self) -> str:
        json = self.json.instruction if self.json and self.config.response_format is None else ""
        parts = (self.calls.instruction if self.calls else "", json)
        return "\n\n".join(part for part in parts if part)

    @property
    def checks_all(self) -> bool:
        """Whether nothing may go out before the whole answer was checked."""
        return self.json is not None or (self.calls is not None and self.calls.required)

    def fault(self, answer: Generation) -> str:
        """What is wrong with the answer, empty if nothing is. Computes: call it beside an event loop.

        An answer that calls functions is not yet the one whose text has a form.
        """
        if self.calls and (fault := self.calls.fault(answer.tool_calls)):
            return fault
        return self.json.fault(answer.text) if self.json and not answer.tool_calls else ""


def plan_for(
    honoured: Collection[str],
    config: GenerationConfig,
    enforces: Callable[[ResponseFormat], bool] = lambda _: True,
    entrusted: Collection[str] = (),
) -> Plan:
    """`enforces` says whether the generator gives every answer a form, where it honours forms at all.

    What is among `entrusted` too is passed on, and checked when it comes back.

    Raises InvalidRequestError for what nobody would act on. Computes where schemas are checked.
    """
    config, without_reasoning = _with_thinking(_without_neutral(config, honoured), honoured)
    config, calls = _with_tools(config, honoured, entrusted)
    stop = () if "stop" in honoured else config.stop
    config, answer = _with_form(config, honoured, enforces, entrusted)
    config = replace(config, stop=() if stop else config.stop)
    ignored = sorted(config.asked_for() - frozenset(honoured))
    if ignored:
        raise InvalidRequestError(
            f"This model does not support {', '.join(ignored)}.", hint="Leave it out, or ask another model."
        )
    return Plan(config, stop, calls, answer, without_reasoning)


def _with_form(
    config: GenerationConfig,
    honoured: Collection[str],
    enforces: Callable[[ResponseFormat], bool],
    entrusted: Collection[str],
) -> tuple[GenerationConfig, JsonAnswer | None]:
    """A schema that is more than the generator can enforce is checked here too, unless it is strict: then it refuses.

    What is no JSON can only be enforced, not be asked for in words; `ignored` says so.
    """
    wanted = config.response_format
    if not isinstance(wanted, JsonFormat):
        return config, None
    if "response_format" not in honoured:
        return replace(config, response_format=None), JsonAnswer(wanted)
    if "response_format" not in entrusted and (wanted.schema is None or wanted.strict or enforces(wanted)):
        return config, None
    return config, JsonAnswer(wanted)


def _without_neutral(config: GenerationConfig, honoured: Collection[str]) -> GenerationConfig:
    """The configuration without values that change nothing: they ask for nothing."""
    asked = config.asked_for().difference(honoured)
    neutral = {name for name, value in _CHANGES_NOTHING.items() if name in asked and getattr(config, name) == value}
    if config.parallel_tool_calls or not config.tools:
        neutral |= {"parallel_tool_calls"} & asked
    return replace(config, **dict.fromkeys(neutral))


def _with_thinking(config: GenerationConfig, honoured: Collection[str]) -> tuple[GenerationConfig, bool]:
    """The configuration with what it says of reasoning in the generator's terms, and whether none may be told."""
    effort = config.reasoning_effort
    if effort is not None and "reasoning_effort" not in honoured:
        thinks = effort != "none"
        if config.thinking is not None and config.thinking != thinks:
            raise InvalidRequestError(
                f"reasoning_effort {effort} and thinking {config.thinking} contradict each other."
            )
        if thinks and not {"thinking", "thinking_budget"}.intersection(honoured):
            raise InvalidRequestError(
                "This model does not support reasoning_effort.", hint="Leave it out, or ask another model."
            )
        budget = config.thinking_budget
        if budget is None and thinks and "thinking_budget" in honoured:
            budget = THINKING_BUDGETS[effort]
        thinking = thinks if "thinking" in honoured or not thinks else config.thinking
        config = replace(config, reasoning_effort=None, thinking=thinking, thinking_budget=budget)
    if config.thinking is not False or "thinking" in honoured:
        return config, False
    if "thinking_budget" in honoured:
        return replace(config, thinking=None, thinking_budget=0), False
    return replace(config, thinking=None), True


def _with_tools(
    config: GenerationConfig, honoured: Collection[str], entrusted: Collection[str]
) -> tuple[GenerationConfig, CallRules | None]:
    choice = config.tool_choice
    if choice == "none" and "tool_choice" not in honoured:
        return replace(config, tools=(), tool_choice="auto", parallel_tool_calls=None), None
    if not config.tools or "tools" not in honoured:
        return config, None
    enforces = "tool_choice" in honoured
    single = config.parallel_tool_calls is False and "parallel_tool_calls" not in honoured
    tools = config.tools
    if isinstance(choice, NamedTool) and not enforces:
        tools = tuple(tool for tool in tools if tool.name == choice.name)
    checked_there = enforces and "tools" not in entrusted
    offered = tuple(replace(tool, strict=False) for tool in tools) if checked_there else tools
    rules = rules_for(offered, required=choice != "auto" and not enforces, single=single)
    return replace(
        config,
        tools=tools if enforces else tuple(replace(tool, strict=False) for tool in tools),
        tool_choice=choice if enforces else "auto",
        parallel_tool_calls=None if single else config.parallel_tool_calls,
    ), rules
