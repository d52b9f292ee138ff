"""Writing one function call: the JSON Qwen's chat template expects, each undecided piece chosen by the model.

    <tool_call>
    {"name": "compound_interest", "arguments": {"principal": 10000, "rate": "5%", "years": "10 years"}}
    </tool_call>

Arguments come in the schema's order. A required one is written whenever the question holds what is likeliest to fill
it; one that only something else could fill, and an optional one, when the model wants it: "at 18 % for 3 years" does
not become a sum of 18. A piece of the question fills one argument only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from unified_intelligence.embedded.decoding import Writer
from unified_intelligence.embedded.reading import Candidate

if TYPE_CHECKING:
    from unified_intelligence.embedded.forward import Qwen3Forward
    from unified_intelligence.embedded.functions import Field, Function
    from unified_intelligence.embedded.reading import Reading
    from unified_intelligence.embedded.tokens import Tokens

CALL = "<tool_call>"
NO_CALL = "no tool fits"
OPEN = '\n{"name": "'
ARGUMENTS = '", "arguments": {'
VALUE = '": '
NEXT = ', "'
CLOSE = "}}\n</tool_call>"
STRUCTURE = (OPEN, ARGUMENTS, VALUE, NEXT, CLOSE)  # each a token of its own
MOST_NUMBERS = 400  # of a list: more than the days of a year
MOST_TEXTS = 30


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the model wrote it. `missing` are required arguments the question holds nothing for."""

    function: Function
    arguments: dict[str, object]
    literals: dict[str, str]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """`score` is the model's log-odds for calling anything at all; `call` is what it would call, if anything can be."""

    score: float
    call: Call | None
    prompt_tokens: int


def call_text(label: str, literals: Mapping[str, str]) -> str:
    """A call as it stands in a conversation; `literals` are JSON values by argument label."""
    arguments = NEXT[:-1].join(f'"{name}{VALUE}{literal}' for name, literal in literals.items())
    return f"{CALL}{OPEN}{label}{ARGUMENTS}{arguments}{CLOSE}"


def list_literal(elements: Sequence[str]) -> str:
    """A JSON list of literals, without blanks: a comma then never looks like the end of an argument."""
    return f"[{','.join(elements)}]"


def decide(
    model: Qwen3Forward,
    tokens: Tokens,
    prompt: str,
    functions: Sequence[Function],
    reading: Reading,
    bias: Sequence[float] = (),
    *,
    ask_back: Callable[[], bool] = lambda: False,
) -> Decision:
    """Lets the model choose and fill one of the functions, and say how much it wants to call any.

    `bias` is added to the model's log-probability of each function's name. `ask_back` says whether a function may be
    chosen whose arguments are all still to be asked for.
    """
    writer = Writer(model, tokens.encode(prompt))
    scores = writer.log_probabilities()
    wanted = float(scores[tokens.encode(CALL)[0]] - scores[tokens.encode(NO_CALL)[0]])
    call = _CallWriter(writer, tokens, reading).write(functions, bias, ask_back)
    return Decision(wanted, call, writer.prompt_tokens)


class _CallWriter:
    def __init__(self, writer: Writer, tokens: Tokens, reading: Reading) -> None:
        self._writer, self._tokens, self._reading = writer, tokens, reading
        self._taken = bytearray(len(reading.text))  # 1 where a piece of the question has filled an argument
        self._encoded = cache(tokens.encode)  # of one question only: a long one has thousands of pieces
        self._next, self._close = tokens.encode(NEXT), tokens.encode(CLOSE)

    def write(self, functions: Sequence[Function], bias: Sequence[float], ask_back: Callable[[], bool]) -> Call | None:
        function = self._choose_function(functions, bias, ask_back)
        return self._fill(function) if function else None

    def _choose_function(
        self, functions: Sequence[Function], bias: Sequence[float], ask_back: Callable[[], bool]
    ) -> Function | None:
        """The one the model wants most, unless asking back of those the question holds anything for."""
        start = self._writer.mark()
        left = list(range(len(functions)))
        while left:
            self._writer.write(self._tokens.encode(CALL + OPEN))
            names = [self._tokens.encode(functions[index].label + ARGUMENTS) for index in left]
            biases = [bias[index] for index in left] if bias else []
            chosen = self._writer.choose_with(names, biases) if biases else self._writer.choose(names)
            if functions[left[chosen]].can_be_filled(self._reading) or ask_back():
                return functions[left[chosen]]
            self._writer.back_to(start)
            del left[chosen]
        return None

    def _fill(self, function: Function) -> Call:
        arguments: dict[str, object] = {}
        literals: dict[str, str] = {}
        position = self._choose_key(function.fields, 0, opening='"')
        while position < len(function.fields):
            field = function.fields[position]
            literal, value, goes_on = self._write_value(field, function.fields[position + 1 :])
            arguments[field.name], literals[field.label] = value, literal
            if not goes_on:
                break
            position = self._choose_key(function.fields, position + 1, opening="")
        missing = tuple(field.name for field in function.fields if field.required and field.name not in arguments)
        return Call(function, arguments, literals, missing)

    def _choose_key(self, fields: Sequence[Field], start: int, opening: str) -> int:
        """The index of the field to write next; past the end when the call is closed instead."""
        keys: list[int] = []
        for index in range(start, len(fields)):
            if self._left(fields[index]):
                keys.append(index)
                if self._is_due(fields[index]):
                    break
        sequences = [self._tokens.encode(opening + fields[index].label + VALUE) for index in keys]
        if opening and not any(self._is_due(fields[index]) for index in keys):
            sequences.append(self._close)
        chosen = self._writer.choose(sequences)
        return keys[chosen] if chosen < len(keys) else len(fields)

    def _write_value(self, field: Field, after: Sequence[Field]) -> tuple[str, object, bool]:
        if not field.is_list:
            candidate, end = self._choose(self._left(field), self._ends("", after))
            return candidate.literal, candidate.value, end == NEXT
        self._writer.write(self._tokens.encode("["))
        most = MOST_TEXTS if field.kind == "texts" else MOST_NUMBERS
        chosen: list[Candidate] = []
        left, end = self._left(field), ","
        while end == ",":
            ends = self._ends("]", after)
            if len(chosen) < most - 1:
                ends = self._or_another(left, joined=field.kind != "texts", ends=ends)
            without_gaps = chosen and field.kind != "texts"  # figures are listed without leaving any out
            candidate, end = self._choose(left[:1] if without_gaps else left, ends)
            chosen.append(candidate)
            left = [c for c in left if c.start >= candidate.end]
        return list_literal([c.literal for c in chosen]), [c.value for c in chosen], end == "]" + NEXT

    def _or_another(
        self, left: Sequence[Candidate], *, joined: bool, ends: Callable[[Candidate], list[str]]
    ) -> Callable[[Candidate], list[str]]:
        """What may follow an element: another too; only another where figures are `joined` in the question."""

        last = max(c.start for c in left)

        def follows(candidate: Candidate) -> list[str]:
            if last < candidate.end:
                return ends(candidate)
            if joined and self._reading.joins(candidate, next(c for c in left if c.start >= candidate.end)):
                return [","]
            return [*ends(candidate), ","]

        return follows

    def _ends(self, closing: str, after: Sequence[Field]) -> Callable[[Candidate], list[str]]:
        """What may follow a value: the next argument, if any can be filled, or the close, if none has to be."""

        rests = [(self._is_due(field), _Rest(self._all_left(field))) for field in after]

        def ends(candidate: Candidate) -> list[str]:
            fillable = [due for due, rest in rests if rest.holds_any_besides(candidate)]
            found = [closing + NEXT] if fillable else []
            return found if any(fillable) else [*found, closing + CLOSE]

        return ends

    def _choose(self, candidates: Sequence[Candidate], ends: Callable[[Candidate], list[str]]) -> tuple[Candidate, str]:
        """A candidate together with what follows it, so that 10 and 100 are told apart."""
        pairs = [(c, end) for c in candidates for end in ends(c)]
        sequences = [self._encoded(c.literal) + self._encoded(end) for c, end in pairs]
        candidate, end = pairs[self._writer.choose(sequences)]
        if candidate.is_said:
            self._taken[candidate.start : candidate.end] = b"\1" * (candidate.end - candidate.start)
        return candidate, end

    def _is_due(self, field: Field) -> bool:
        """Whether it has to be written: it is required, and what is likeliest to fill it has not been used up."""
        return field.required and bool(self._free(field.candidates(self._reading)[0]))

    def _left(self, field: Field) -> list[Candidate]:
        """What may still fill a field: of the likeliest sort that holds any."""
        sorts = (self._free(sort) for sort in field.candidates(self._reading))
        return next((free for free in sorts if free), list[Candidate]())

    def _all_left(self, field: Field) -> list[Candidate]:
        return [candidate for sort in field.candidates(self._reading) for candidate in self._free(sort)]

    def _free(self, sort: Sequence[Candidate]) -> list[Candidate]:
        return [c for c in sort if not c.is_said or self._taken.find(1, c.start, c.end) < 0]


class _Rest:
    """What may fill a later field, asked for each candidate of this one: a question has thousands of them."""

    def __init__(self, left: Sequence[Candidate]) -> None:
        said = [candidate for candidate in left if candidate.is_said]
        self._unsaid = len(said) < len(left)
        self._first_end = min((c.end for c in said), default=None)
        self._last_start = max((c.start for c in said), default=-1)

    def holds_any_besides(self, taken: Candidate) -> bool:
        """Whether anything stays that shares no character with the candidate."""
        if self._unsaid or self._first_end is None:
            return self._unsaid
        return not taken.is_said or self._first_end <= taken.start or self._last_start >= taken.end
