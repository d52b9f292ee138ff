"""What may come next in an answer whose form was asked for: llguidance reads the tokens and says which may follow.

A think block stands before the answer and is free, but for its end: nothing of the grammar is asked inside of it. What
follows it, or the whole answer where there is none, is held to the grammar, its end included.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from unified_intelligence.engine.grammar import Form, Marks, form_of, is_held, is_installed
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    MissingDependencyError,
    ModelError,
)
from unified_intelligence.profiles import qwen3

if TYPE_CHECKING:
    import numpy
    from llguidance import LLMatcher, LLTokenizer

    from unified_intelligence.engine.answer import Rules
    from unified_intelligence.engine.text import TextOfTokens
    from unified_intelligence.entities.generation import GenerationConfig

_BREAK = "\n\n"  # what a template writes between a think block and the answer


class Grammars:
    """The tokenizer of a loaded model as llguidance sees it, built when the first constraint is asked for."""

    def __init__(self, tokenizer: Any, ends: Collection[int], size: int) -> None:
        """`tokenizer` is a fast one of transformers, `ends` are the tokens that end a turn, `size` that of a row."""
        self._tokenizer, self._size = tokenizer, max(size, len(tokenizer))
        self.ends = sorted(ends)
        self._built: LLTokenizer | None = None
        self._building = Lock()

    def constraint(self, config: GenerationConfig, rules: Rules, text: TextOfTokens) -> Constraint | None:
        """The state of one answer at its beginning; None where no form was asked for.

        `rules` say how the answer will be read, `text` is for this answer alone. Raises InvalidRequestError for what
        cannot be enforced, or cannot be satisfied; ConfigurationError for a tokenizer that cannot be read.
        """
        if is_held(config) and not is_installed():
            raise MissingDependencyError("local", "llguidance", "local")
        tags = {channel: (self._mark(pair[0]), self._mark(pair[1])) for channel, pair in qwen3.TAGS.items()}
        form = form_of(config, Marks(tags["tool_call"]))
        if form is None:
            return None
        if config.tools and config.tool_choice != "none" and "tool_call" not in rules.tags:
            raise InvalidRequestError("The chat template of this model shows no calls: none can be enforced.")
        may_think = "reasoning" in rules.tags and config.thinking is not False
        opening = tags["reasoning"][0] if may_think and rules.begins == "text" else ""
        return Constraint(self, form, opening, rules, text)

    def start(self, grammar: str) -> LLMatcher:
        """Raises InvalidRequestError for a grammar that allows nothing, or is too large."""
        from llguidance import LLMatcher

        matcher = LLMatcher(self._ready(), LLMatcher.grammar_from_lark(grammar), log_level=0)
        if not matcher.is_error():
            matcher.compute_bitmask()  # what can never end or never begin shows here
        if matcher.is_error():
            raise InvalidRequestError(f"No answer can be of the form that was asked for: {_reason(matcher)}.")
        return matcher

    def encode(self, text: str) -> list[int]:
        return self._ready().tokenize_str(text)

    def allowed(self, matcher: LLMatcher) -> bytes:
        """A bit for each token, the lowest first, set where it may come next. Raises ModelError."""
        bits = matcher.compute_bitmask()
        if matcher.is_error():
            raise ModelError(f"The form of the answer is too complex: {_reason(matcher)}.", hint="Simplify the schema.")
        return bits

    def _mark(self, tag: str) -> str:
        """A tag in a grammar."""
        token = self._tokenizer.convert_tokens_to_ids(tag)
        known = token is not None and token != self._tokenizer.unk_token_id
        return f"<[{token}]>" if known else json.dumps(tag)

    def prepare(self) -> None:
        """Builds it before anybody asks. Of a large vocabulary that takes two seconds, in which no other thread runs.

        A tokenizer that cannot be read stands in nobody's way until a form is asked for.
        """
        if is_installed():
            with suppress(ConfigurationError):
                self._ready()

    def _ready(self) -> LLTokenizer:
        from llguidance import LLTokenizer

        with self._building:
            if self._built is None:
                try:
                    spelled = _with_secret_names(self._tokenizer.backend_tokenizer)
                    self._built = LLTokenizer(spelled, n_vocab=self._size, eos_token=self.ends)
                except (AttributeError, ValueError, RuntimeError) as error:
                    raise ConfigurationError(
                        f"The tokenizer of this model cannot be constrained: {error}",
                        hint="Ask without response_format, tool_choice and strict tools.",
                    ) from error
            return self._built


class Constraint:
    """What the grammar says of one answer, token by token. Not to be used for two answers."""

    def __init__(self, grammars: Grammars, form: Form, opening: str, rules: Rules, text: TextOfTokens) -> None:
        self._grammars, self._form, self._text = grammars, form, text
        self._splitter = rules.splitter()
        self._thinks = self._splitter.channel == "reasoning"
        self._may_think = bool(opening)
        grammar = form.or_thought(opening) if opening else form.after(_BREAK if self._thinks else "")
        self._matcher = grammars.start(grammar)

    @property
    def lacks(self) -> str:
        """A sentence about what was asked for and is not enforced, "" where all is."""
        return self._form.lacks

    @property
    def complete(self) -> bool:
        """Whether nothing but the end of the turn may follow."""
        return not self._thinks and self._matcher.is_stopped()

    @property
    def barred(self) -> Collection[int]:
        """Inside of a think block, which is free, what would end the answer there."""
        return self._grammars.ends if self._thinks else ()

    def allowed(self) -> bytes | None:
        """A bit for each token, the lowest first, set where it may come next; None in a think block.

        Raises ModelError.
        """
        return None if self._thinks else self._grammars.allowed(self._matcher)

    def forced(self) -> Sequence[int]:
        """The tokens that come next whatever the model says, none where it has a choice. They are still to be taken."""
        if self._thinks or self._matcher.is_stopped():
            return []
        tokens = self._matcher.compute_ff_tokens()
        ends = (at for at, token in enumerate(tokens) if token in self._grammars.ends)
        return tokens[: next(ends, len(tokens))]

    def take(self, token: int) -> None:
        """The answer goes on with this token. Raises ModelError for one that may not come."""
        if self._thinks:
            self._follow(token)
            return
        self._consume([token])
        if self._may_think:
            pieces = self._splitter.feed(self._text.add(token))
            self._thinks = self._splitter.channel == "reasoning"
            self._may_think = self._splitter.channel == "text" and not pieces

    def _follow(self, token: int) -> None:
        """A token of the think block. With its closing tag the grammar of the answer begins."""
        added = self._text.add(token)
        pieces = self._splitter.feed(added)
        if self._splitter.channel == "reasoning":
            return
        self._thinks = self._may_think = False
        begun = "".join(piece.text for piece in pieces if piece.channel == "text")
        breaks = len(added) - len(added.rstrip("\n"))
        self._matcher = self._grammars.start(self._form.after("" if begun else _BREAK[breaks:]))
        if begun:
            self._consume(self._grammars.encode(begun))

    def _consume(self, tokens: list[int]) -> None:
        if not self._matcher.consume_tokens(tokens):
            raise ModelError(f"The answer took a form that was not asked for: {_reason(self._matcher)}.")


def bias_of(allowed: bytes) -> numpy.ndarray[Any, numpy.dtype[numpy.float32]]:
    """0 for each token whose bit is set, -inf for the others."""
    import numpy

    return _of_bytes().take(numpy.frombuffer(allowed, numpy.uint8), axis=0).reshape(-1)


@cache
def _of_bytes() -> numpy.ndarray[Any, numpy.dtype[numpy.float32]]:
    """For each byte of a bit mask what its eight bits add to their logits: looked up ten times as fast as masked."""
    import numpy

    bits = numpy.unpackbits(numpy.arange(256, dtype=numpy.uint8)[:, None], axis=1, bitorder="little")
    return numpy.where(bits == 1, numpy.float32(0), numpy.float32(-numpy.inf))


def _with_secret_names(tokenizer: Any) -> str:
    """A tokenizer, of the library of that name, as JSON; its special tokens cannot be spelled: they are only text.

    Without it a schema with "<think>" among its values has no answer, for what is forced is read as the token.
    """
    fields = msgspec.json.decode(tokenizer.to_str(), type=dict[str, msgspec.Raw])  # its millions of letters stay as is
    added = msgspec.json.decode(fields["added_tokens"], type=list[dict[str, Any]])
    for token in added:
        name: str = token["content"]
        is_ordinary = tokenizer.model.token_to_id(name) is not None
        if (token["special"] or (name[:1] == "<" and name[-1:] == ">")) and not is_ordinary:
            token |= {"content": f"<|\ue000{token['id']}|>", "special": True}
    return msgspec.json.encode(fields | {"added_tokens": added}).decode()


def _reason(matcher: LLMatcher) -> str:
    return " ".join(matcher.get_error().partition("<state>")[0].split())[:200].rstrip(".")
