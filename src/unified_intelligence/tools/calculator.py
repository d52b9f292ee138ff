"""Arithmetic as people write it, in symbols or in English and French words, by a parser of its own and never `eval`.

Limits keep a hostile expression cheap: its length, its nesting, the size of its powers and factorials. A text
is first read into a postfix program; `find_expressions` stops there, `evaluate` runs it.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Expression

_Step = float | str  # a number to push, or what to do with the last one or two

LONGEST = 500
DEEPEST = 50
LARGEST_FACTORIAL = 170
LARGEST_EXPONENT = 1024

_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,3}(?![\w.]))?|\.[0-9]+"
_WORDS: dict[str, str] = {
    # what is written -> the operator it means; longer phrases first when the pattern is built
    "divided by": "/", "over": "/", "divise par": "/", "sur": "/",
    "multiplied by": "*", "times": "*", "fois": "*", "multiplie par": "*", "x": "*",
    "plus": "+", "added to": "+", "minus": "-", "less": "-", "moins": "-",
    "to the power of": "^", "to the power": "^", "puissance": "^", "a la puissance": "^", "raised to": "^",
    "modulo": "mod", "mod": "mod",
    "squared": "^2", "cubed": "^3", "au carre": "^2", "au cube": "^3",
    "the square root of": "sqrt", "square root of": "sqrt", "square root": "sqrt", "sqrt": "sqrt", "root of": "sqrt",
    "la racine carree de": "sqrt", "racine carree de": "sqrt", "racine de": "sqrt",
    "the cube root of": "cbrt", "cube root of": "cbrt", "racine cubique de": "cbrt",
    "the factorial of": "factorial", "factorial of": "factorial", "factorielle de": "factorial",
    "la factorielle de": "factorial", "la racine cubique de": "cbrt",
    "factorial": "!", "factorielle": "!", "log10": "log10", "log2": "log2", "log": "log10", "ln": "ln", "exp": "exp",
    "sin": "sin", "cos": "cos", "tan": "tan", "abs": "abs", "pi": "pi", "e": "e",
}  # fmt: skip
_WORD = "|".join(sorted((re.escape(word).replace(r"\ ", r"\s+") for word in _WORDS), key=len, reverse=True))
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})|(?P<word>(?:{_WORD})(?![a-z]))|(?P<symbol>\*\*|[-+*/^()!%×÷·√−:²³]))",
    re.IGNORECASE,
)
_SYMBOLS = {"**": "^", "×": "*", "÷": "/", "·": "*", "√": "sqrt", "−": "-", ":": "/", "²": "^2", "³": "^3"}
_START = re.compile(
    r"(?<![\w.,])(?:[-(+√.0-9]|\b(?:(?:the )?(?:square|cube|factorial)|(?:la )?(?:racine|factorielle)"
    r"|sqrt|ln|log|log10|log2|exp|sin|cos|tan|abs|pi)\b)"
)
_NOT_A_SUM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}:[0-9]{2}")  # a date, a time
_TIME_FOLLOWS = re.compile(r"\s*(?:years|months|weeks|days|hours|ans?|mois|semaines|jours|heures)\b")
_OVER = re.compile(r"(?:over|sur)\s+[0-9.]+$")
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt, "cbrt": math.cbrt, "log2": math.log2, "log10": math.log10, "ln": math.log, "exp": math.exp,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "abs": abs,
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "e": math.e}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["number", "operator"]
    text: str
    start: int
    end: int


def calculate(expression: Expression) -> Outcome:
    """Computes an arithmetic expression.

    expression: numbers with + - * / ^ % !, brackets, sqrt, ln, log, exp, sin, cos, tan, abs, pi and e; words such as
    "times" or "divisé par" are read too.
    """
    value = evaluate(expression)
    tokens, _ = _tokens(_fold(expression), 0)
    angles = any(token.text in {"sin", "cos", "tan"} for token in tokens)
    return Outcome({"result": value, "expression": _written(tokens)}, notes=("radians",) if angles else ())


def evaluate(expression: str) -> float:
    """The value of an expression. Raises ToolError with the place and the reason."""
    if len(expression) > LONGEST:
        raise ToolError(f"The expression has {len(expression)} characters; at most {LONGEST} are read.")
    folded = _fold(expression)
    tokens, end = _tokens(folded, 0)
    if folded[end:].strip(" =?."):
        raise ToolError(f"Not arithmetic: {expression[end:].strip()!r} in {expression.strip()!r}.")
    if not tokens:
        raise ToolError("The expression is empty.")
    program = _Parser(tokens).parse()
    try:
        value = _run(program)
    except ZeroDivisionError as error:
        raise ToolError(f"Division by zero in {expression.strip()!r}.") from error
    except OverflowError as error:
        raise ToolError(f"The result of {expression.strip()!r} is too large.") from error
    except ValueError as error:
        if isinstance(error, ToolError):
            raise
        raise ToolError(f"{expression.strip()!r} has no real value ({error}).") from error
    if not math.isfinite(value):
        raise ToolError(f"The result of {expression.strip()!r} is too large.")
    return value + 0.0


def find_expressions(text: str) -> list[tuple[int, int]]:
    """The spans of a text that read as arithmetic with at least one operation, longest first from the left."""
    folded = _fold(text)
    spans: list[tuple[int, int]] = []
    tokens: list[_Token] = []
    index = read = position = 0
    for match in _START.finditer(folded):
        start = match.start()
        if start < position:
            continue
        if start >= read:
            tokens, read = _tokens(folded, start)
            index = 0
        while index < len(tokens) and tokens[index].start < start:
            index += 1
        if index < len(tokens) and tokens[index].start == start:
            end, position = _longest_expression(folded, tokens, index)
            if end > start and not _NOT_A_SUM.fullmatch(folded, start, end):
                spans.append((start, end))
    return spans


def _longest_expression(folded: str, tokens: list[_Token], first: int) -> tuple[int, int]:
    """Where the longest expression ends that starts with a token (its start if none), and where to look on."""
    start = tokens[first].start
    parser = _Parser(tokens, first)
    try:
        parser.parse()
    except _SyntaxError:
        pass  # what was complete before it stands
    except ToolError:
        return start, tokens[parser.position - 1].end
    whole = tokens[first : parser.complete]
    end = whole[-1].end if whole else start
    over = _OVER.search(folded, start, end)
    if over and _TIME_FOLLOWS.match(folded, end):  # "1000 over 10 years" divides nothing
        whole = [token for token in whole if token.end <= over.start()]
        end = whole[-1].end if whole else start
    operates = any(token.kind == "operator" and token.text not in {"%", "(", ")"} for token in whole[1:])
    return (end if operates or (whole and whole[0].text in _FUNCTIONS) else start), end


def _fold(text: str) -> str:
    return text.lower().translate(_PLAIN) if len(text.lower()) == len(text) else text.translate(_PLAIN)


_PLAIN = str.maketrans("éèêàâîïôûùçÉÈÀ", "eeeaaiiouuceea")


def _tokens(folded: str, start: int) -> tuple[list[_Token], int]:
    tokens: list[_Token] = []
    position = start
    while match := _TOKEN.match(folded, position):
        if match["number"]:
            tokens.append(_Token("number", match["number"], match.start("number"), match.end()))
        elif match["word"]:
            meaning = _WORDS[re.sub(r"\s+", " ", match["word"])]
            tokens.append(_Token("operator", meaning, match.start("word"), match.end()))
        else:
            symbol = match["symbol"]
            tokens.append(_Token("operator", _SYMBOLS.get(symbol, symbol), match.start("symbol"), match.end()))
        position = match.end()
    return tokens, position


def _written(tokens: list[_Token]) -> str:
    """The expression in symbols, as one writes it: "12 * (3 + 4)", "sqrt(144)", "-2^2"."""
    text = ""
    operand = closing = False  # what came before: a value; a function whose argument is still to be bracketed
    for token in tokens:
        binary = operand and token.text in {"+", "-", "*", "/", "mod"}
        piece = f" {token.text} " if binary else token.text
        named = token.text in _FUNCTIONS
        if closing and token.text != "(":
            piece = f"({piece})" if token.kind == "number" or token.text in _CONSTANTS else f" {piece}"
        text += piece
        closing = named
        operand = token.kind == "number" or token.text in {")", "!", "%", "^2", "^3", *_CONSTANTS}
    return text


class _SyntaxError(ToolError):
    """The tokens do not form an expression."""


class _Parser:
    """Precedence climbing: sum < product < sign < power < postfix, into a postfix program.

    `complete` is the place after the longest expression that the tokens read so far begin with.
    """

    def __init__(self, tokens: list[_Token], first: int = 0) -> None:
        self._tokens = tokens
        self._furthest = tokens[first].start + LONGEST
        self.position = self.complete = first
        self._depth = self._open = 0
        self._program: list[_Step] = []

    def parse(self) -> list[_Step]:
        self._sum()
        if self.position < len(self._tokens):
            raise _SyntaxError(f"Unexpected {self._tokens[self.position].text!r} in the expression.")
        return self._program

    def _next(self) -> _Token | None:
        token = self._tokens[self.position] if self.position < len(self._tokens) else None
        return token if token and token.end <= self._furthest else None

    def _take(self, *texts: str) -> str | None:
        token = self._next()
        if token is None or token.kind != "operator" or token.text not in texts:
            return None
        self.position += 1
        return token.text

    def _sum(self) -> None:
        self._product()
        while sign := self._take("+", "-"):
            start = self.position
            self._product()
            only = self._tokens[start : self.position]
            if [token.text for token in only[1:]] == ["%"] and only[0].kind == "number":
                sign += "%"  # "200 + 10%" is 220, as on a pocket calculator
            self._program.append(sign)

    def _product(self) -> None:
        self._signed()
        while sign := self._take("*", "/", "mod"):
            self._signed()
            self._program.append(sign)

    def _signed(self) -> None:
        if sign := self._take("-", "+"):
            self._deeper()
            self._signed()
            self._depth -= 1
            if sign == "-":
                self._program.append("negative")
            return
        self._power()

    def _power(self) -> None:
        self._postfix()
        if self._take("^"):
            self._deeper()
            self._signed()
            self._depth -= 1
            self._program.append("^")

    def _postfix(self) -> None:
        self._atom()
        self._completed()
        while sign := self._take("!", "%", "^2", "^3"):
            self._program.append(sign)
            self._completed()

    def _completed(self) -> None:
        if not self._open:
            self.complete = self.position

    def _atom(self) -> None:
        token = self._next()
        if token is None:
            raise _SyntaxError("The expression stops where a number should follow.")
        self.position += 1
        if token.kind == "number":
            self._program.append(float(token.text))
        elif token.text in _CONSTANTS:
            self._program.append(_CONSTANTS[token.text])
        elif token.text in _FUNCTIONS:
            self._deeper()
            self._postfix()
            self._depth -= 1
            self._program.append(token.text)
        elif token.text == "(":
            self._bracketed()
        else:
            raise _SyntaxError(f"Unexpected {token.text!r} in the expression.")

    def _bracketed(self) -> None:
        self._deeper()
        self._open += 1
        self._sum()
        self._open -= 1
        self._depth -= 1
        if not self._take(")"):
            raise _SyntaxError("A bracket is opened and not closed.")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ToolError(f"The expression is nested more than {DEEPEST} deep.")


def _run(program: list[_Step]) -> float:
    stack: list[float] = []
    for step in program:
        if not isinstance(step, str):
            stack.append(step)
        elif step in _BINARY:
            right, left = stack.pop(), stack.pop()
            stack.append(_BINARY[step](left, right))
        else:
            stack.append(_UNARY[step](stack.pop()))
    return stack[0]


def _raised(base: float, exponent: float) -> float:
    if abs(exponent) > LARGEST_EXPONENT:
        raise ToolError(f"The exponent {exponent:g} is beyond {LARGEST_EXPONENT}.")
    value = base**exponent
    if isinstance(value, complex):
        raise ToolError(f"{base:g} to the power {exponent:g} is not a real number.")
    return float(value)


def _factorial(value: float) -> float:
    if not 0 <= value <= LARGEST_FACTORIAL or value != int(value):
        raise ToolError(f"{value:g}! is not computed: whole numbers from 0 to {LARGEST_FACTORIAL} only.")
    return float(math.factorial(int(value)))


_FUNCTIONS["factorial"] = _factorial
_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": lambda left, right: left / right, "mod": operator.mod,
    "+%": lambda left, right: left + left * right, "-%": lambda left, right: left - left * right, "^": _raised,
}  # fmt: skip
_UNARY: dict[str, Callable[[float], float]] = {
    **_FUNCTIONS, "negative": operator.neg, "!": _factorial, "%": lambda value: value / 100,
    "^2": lambda value: _raised(value, 2.0), "^3": lambda value: _raised(value, 3.0),
}  # fmt: skip
