"""From a conversation and what was asked for to what the engine writes and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from unified_intelligence.engine import prompt
from unified_intelligence.engine.answer import Rules
from unified_intelligence.engine.decode import Plan
from unified_intelligence.engine.grammar import is_held
from unified_intelligence.engine.thinking import Thinking, ThinkingLimit
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.reasoning import Tags
from unified_intelligence.profiles import qwen3
from unified_intelligence.profiles.sampling import Sampling

if TYPE_CHECKING:
    from unified_intelligence.engine.constraints import Constraint
    from unified_intelligence.engine.load import Loaded
    from unified_intelligence.entities.generation import GenerationConfig
    from unified_intelligence.entities.message import Message

DEFAULT_MAX_TOKENS = 4096  # as far as the context has room
Least = Literal["auto", "none"]
_LEAST, _LEAST_SHARE = 10, 10  # with auto: tokens, and the part of max_tokens


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready for the engine; `limit` is None where the model writes no think block.

    `constraint` holds its one answer to the form that was asked for, None where none was.
    """

    plan: Plan
    rules: Rules
    limit: ThinkingLimit | None
    constraint: Constraint | None = None

    @classmethod
    def of(
        cls,
        loaded: Loaded,
        turns: Sequence[Message],
        config: GenerationConfig,
        adapter: str = "",
        least: Least = "none",
    ) -> Request:
        """What `adapter` is to write; `least` is for a request that says nothing of its `min_tokens`.

        Raises ConfigurationError, InvalidRequestError, ContextLengthError.
        """
        if not loaded.speaks:
            raise InvalidRequestError(
                "The model was made for vectors: its files have no weights that choose a token.",
                hint="Ask it for embeddings, or choose a model that writes text.",
            )
        text = prompt.write(loaded, turns, config)
        read = prompt.encode(loaded, text)
        prompt.check_length(loaded, read)
        plan = _plan(loaded, read, config, adapter, _least(config, least))
        rules = _rules(loaded, turns, config, text)
        limited = "reasoning" in rules.tags
        constraint = loaded.grammars.constraint(config, rules, prompt.text_of(loaded))
        limit = _thinking_limit(loaded, plan.limit, rules, config) if limited else None
        return cls(plan, rules, limit, constraint)

    def thinking(self, loaded: Loaded) -> Thinking | None:
        """The state of its think block, at the beginning."""
        return Thinking(self.limit, prompt.text_of(loaded), self.rules.splitter()) if self.limit else None


def _least(config: GenerationConfig, wanted: Least) -> int:
    """How many tokens come before the model may end its turn. A form and a call end where they are complete."""
    if config.min_tokens is not None or wanted == "none" or is_held(config) or config.tools:
        return config.min_tokens or 0
    return max(_LEAST, (config.max_tokens or 0) // _LEAST_SHARE)


def _plan(loaded: Loaded, read: Sequence[int], config: GenerationConfig, adapter: str, least: int) -> Plan:
    wanted = max(DEFAULT_MAX_TOKENS, least) if config.max_tokens is None else config.max_tokens
    limit = min(wanted, loaded.longest - len(read))
    return Plan(read, limit, loaded.ends, _sampling(loaded, config), config.seed, least, config.logprobs, adapter)


def _rules(loaded: Loaded, turns: Sequence[Message], config: GenerationConfig, text: str) -> Rules:
    """Reads the tags the model's template writes; calls only where tools were offered, or quoting one would be one."""
    template = prompt.template_of(loaded)
    tags: Tags = {
        channel: pair
        for channel, pair in qwen3.TAGS.items()
        if pair[1] in template and (channel == "reasoning" or (config.tools and config.tool_choice != "none"))
    }
    opened = "reasoning" in tags and text.rstrip().endswith(tags["reasoning"][0])
    return Rules(
        tags,
        "reasoning" if opened else "text",
        config.stop,
        config.min_tokens or 0,
        calls_before=sum(len(turn.tool_calls) for turn in turns),
        special=dict(zip(loaded.tokenizer.all_special_ids, loaded.tokenizer.all_special_tokens, strict=True)),
        exact=is_held(config),
    )


def _thinking_limit(loaded: Loaded, limit: int, rules: Rules, config: GenerationConfig) -> ThinkingLimit:
    opening, closing = prompt.encode(loaded, rules.tags["reasoning"][0]), prompt.encode(loaded, qwen3.CLOSING)
    until = limit - qwen3.answer_share(limit) - len(closing)
    opened = 0 if rules.begins == "reasoning" else len(opening)
    return ThinkingLimit(
        tuple(closing),
        most=config.thinking_budget,
        until=until if until >= opened else None,
        opening=opening[0] if len(opening) == 1 else None,
    )


def _sampling(loaded: Loaded, config: GenerationConfig) -> Sampling:
    base = _recommended(loaded, config)

    def asked(name: str) -> float:
        value = getattr(config, name)
        return getattr(base, name) if value is None else value

    return Sampling(
        asked("temperature"),
        asked("top_p"),
        int(asked("top_k")),
        asked("min_p"),
        asked("presence_penalty"),
        asked("frequency_penalty"),
        asked("repetition_penalty"),
    )


def _recommended(loaded: Loaded, config: GenerationConfig) -> Sampling:
    saved = loaded.generation
    if loaded.is_qwen3:
        thinks = qwen3.TAGS["reasoning"][0] in prompt.template_of(loaded)
        return qwen3.recommended_sampling(thinking=thinks and config.thinking is not False)
    repetition = saved.repetition_penalty or 1.0
    if not saved.do_sample:
        return Sampling(0.0, repetition_penalty=repetition)
    drawn = saved.temperature or 1.0, saved.top_p or 1.0, max(saved.top_k or 0, 0), saved.min_p or 0.0
    return Sampling(*drawn, repetition_penalty=repetition)
