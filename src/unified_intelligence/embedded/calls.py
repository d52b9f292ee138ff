"""Writing one function call: the JSON Qwen's chat template expects, each undecided piece chosen by the model.

    <tool_call>
    {"name": "compound_interest", "arguments": {"principal": 10000, "rate": "5%", "years": "10 years"}}
    </tool_call>

Arguments come in the schema's order. A required one is written whenever the question holds anything that may fill it;
an optional one when the model wants it. A piece of the question fills one argument only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the model wrote it. `missing` are required arguments the question holds nothing for."""

    function: Function
    arguments: dict[str, object]
    literals: dict[str, str]
    missing: tuple[str, ...]
    name_score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """`score` is the model's log-odds for calling anything at all; `call` is what it would call, if anything can be."""

    score: float
    call: Call | None
    prompt_tokens: int
    completion_tokens: int


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
) -> Decision:
    """Lets the model choose and fill one of the functions, and say how much it wants to call any.

    `bias` is added to the model's log-probability of each function's name.
    """
    writer = Writer(model, tokens.encode(prompt))
    scores = writer.log_probabilities()
    wanted = float(scores[tokens.encode(CALL)[0]] - scores[tokens.encode(NO_CALL)[0]])
    possible = [index for index, function in enumerate(functions) if function.can_be_filled(reading)]
    call = None
    if possible:
        biases = [bias[index] for index in possible] if bias else ()
        call = _CallWriter(writer, tokens, reading).write([functions[index] for index in possible], biases)
    return Decision(wanted, call, writer.prompt_tokens, len(writer.written))


class _CallWriter:
    def __init__(self, writer: Writer, tokens: Tokens, reading: Reading) -> None:
        self._writer, self._tokens, self._reading = writer, tokens, reading
        self._used: list[Candidate] = []
        self._next, self._close = tokens.encode(NEXT), tokens.encode(CLOSE)

    def write(self, functions: Sequence[Function], bias: Sequence[float]) -> Call:
        self._writer.write(self._tokens.encode(CALL + OPEN))
        names = [self._tokens.encode(function.label + ARGUMENTS) for function in functions]
        index, score = self._writer.choose_with(names, bias) if bias else self._writer.choose(names)
        function = functions[index]
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
        return Call(function, arguments, literals, missing, score)

    def _choose_key(self, fields: Sequence[Field], start: int, opening: str) -> int:
        """The index of the field to write next; past the end when the call is closed instead."""
        keys: list[int] = []
        for index in range(start, len(fields)):
            if self._left(fields[index]):
                keys.append(index)
                if fields[index].required:
                    break
        sequences = [self._tokens.encode(opening + fields[index].label + VALUE) for index in keys]
        if opening and not any(fields[index].required for index in keys):
            sequences.append(self._close)
        chosen, _ = self._writer.choose(sequences)
        return keys[chosen] if chosen < len(keys) else len(fields)

    def _write_value(self, field: Field, after: Sequence[Field]) -> tuple[str, object, bool]:
        if not field.is_list:
            candidate, end = self._choose(self._left(field), self._ends("", after))
            return candidate.literal, candidate.value, end == NEXT
        self._writer.write(self._tokens.encode("["))
        chosen: list[Candidate] = []
        end = ","
        while end == ",":
            left = [c for c in self._left(field) if not chosen or c.start >= chosen[-1].end]
            if chosen and field.kind != "texts":  # figures are listed without leaving any out
                left = left[:1]
            candidate, end = self._choose(left, self._list_ends(field, after))
            chosen.append(candidate)
        return list_literal([c.literal for c in chosen]), [c.value for c in chosen], end == "]" + NEXT

    def _list_ends(self, field: Field, after: Sequence[Field]) -> Callable[[Candidate], list[str]]:
        """What may follow an element: another, or the end; of figures side by side in the question, another."""
        closed = self._ends("]", after)

        def ends(candidate: Candidate) -> list[str]:
            following = next((c for c in self._left(field) if c.start >= candidate.end), None)
            if following is None:
                return closed(candidate)
            if field.kind != "texts" and self._reading.joins(candidate, following):
                return [","]
            return [*closed(candidate), ","]

        return ends

    def _ends(self, closing: str, after: Sequence[Field]) -> Callable[[Candidate], list[str]]:
        """What may follow a value: the next argument, if any can be filled, or the close, if none has to be."""

        def ends(candidate: Candidate) -> list[str]:
            fillable = [field for field in after if self._left(field, candidate)]
            found = [closing + NEXT] if fillable else []
            return found if any(field.required for field in fillable) else [*found, closing + CLOSE]

        return ends

    def _choose(
        self, candidates: Sequence[Candidate], ends: Callable[[Candidate], list[str]]
    ) -> tuple[Candidate, str]:
        """A candidate together with what follows it, so that 10 and 100 are told apart."""
        pairs = [(c, end) for c in candidates for end in ends(c)]
        sequences = [self._tokens.encode(c.literal) + self._tokens.encode(end) for c, end in pairs]
        candidate, end = pairs[self._writer.choose(sequences)[0]]
        self._used.append(candidate)
        return candidate, end

    def _left(self, field: Field, besides: Candidate | None = None) -> list[Candidate]:
        used = [*self._used, besides] if besides else self._used
        for sort in field.candidates(self._reading):
            if left := [c for c in sort if not any(_overlap(c, other) for other in used)]:
                return left
        return []


def _overlap(one: Candidate, other: Candidate) -> bool:
    return one.start >= 0 and other.start >= 0 and one.start < other.end and other.start < one.end
