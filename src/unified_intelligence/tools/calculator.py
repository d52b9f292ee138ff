"""Arithmetic as people write it, in symbols or in English and French words, by a parser of its own and never `eval`.

Limits keep a hostile expression cheap: its length, its nesting, the size of its powers and factorials.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Expression

LONGEST = 500
DEEPEST = 50
LARGEST_FACTORIAL = 170
LARGEST_EXPONENT = 1024

_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d{1,3}(?![\w.]))?|\.\d+"
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
    "factorial": "!", "factorielle": "!", "log10": "log10", "log": "log10", "ln": "ln", "exp": "exp",
    "sin": "sin", "cos": "cos", "tan": "tan", "abs": "abs", "pi": "pi", "e": "e",
}  # fmt: skip
_WORD = "|".join(sorted((re.escape(word).replace(r"\ ", r"\s+") for word in _WORDS), key=len, reverse=True))
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})|(?P<word>(?:{_WORD})(?![a-z]))|(?P<symbol>\*\*|[-+*/^()!%×÷·√−:²³]))", re.IGNORECASE
)
_SYMBOLS = {"**": "^", "×": "*", "÷": "/", "·": "*", "√": "sqrt", "−": "-", ":": "/", "²": "^2", "³": "^3"}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt, "cbrt": math.cbrt, "log10": math.log10, "ln": math.log, "exp": math.exp,
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
    return Outcome(figures={"result": value}, formula=expression.strip())


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
    try:
        value = _Parser(tokens).parse()
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
    return value


_MAY_BEGIN = re.compile(
    r"(?<![\w.])(?:[-(+√.\d]|\b(?:the square|square|cube|la racine|racine|sqrt|ln|log|exp|sin|cos|tan|abs|pi)\b)"
)


def find_expressions(text: str) -> list[tuple[int, int]]:
    """The spans of a text that read as arithmetic with at least one operation, longest first from the left."""
    folded = _fold(text)
    spans: list[tuple[int, int]] = []
    position = 0
    for match in _MAY_BEGIN.finditer(folded):
        if match.start() < position:
            continue
        end = _longest_expression(folded, match.start())
        if end > match.start():
            spans.append((match.start(), end))
            position = end
    return spans


def _longest_expression(folded: str, start: int) -> int:
    tokens, _ = _tokens(folded[: start + LONGEST], start)
    while len(tokens) > 1 and any(token.text not in {"%", "-", "+"} for token in tokens[1:]):
        try:
            _Parser(tokens).parse()
            return tokens[-1].end
        except ArithmeticError:  # it parses: dividing by zero is for `calculate` to say
            return tokens[-1].end
        except ValueError as error:
            if not isinstance(error, _ExpressionError):
                return tokens[-1].end
            tokens = tokens[:-1]
    return start


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


class _ExpressionError(ToolError):
    """The tokens do not form an expression."""


class _Parser:
    """Precedence climbing: sum < product < sign < power < postfix."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def parse(self) -> float:
        value = self._sum()
        if self._position < len(self._tokens):
            raise _ExpressionError(f"Unexpected {self._tokens[self._position].text!r} in the expression.")
        return value

    def _take(self, *texts: str) -> str | None:
        if self._position < len(self._tokens):
            token = self._tokens[self._position]
            if token.kind == "operator" and token.text in texts:
                self._position += 1
                return token.text
        return None

    def _sum(self) -> float:
        value = self._product()
        while operator := self._take("+", "-"):
            right = self._product()
            value = value + right if operator == "+" else value - right
        return value

    def _product(self) -> float:
        value = self._signed()
        while operator := self._take("*", "/", "mod"):
            right = self._signed()
            if operator == "*":
                value *= right
            elif operator == "/":
                value /= right
            else:
                value %= right
        return value

    def _signed(self) -> float:
        if operator := self._take("-", "+"):
            self._deeper()
            value = self._signed()
            self._depth -= 1
            return -value if operator == "-" else value
        return self._power()

    def _power(self) -> float:
        base = self._postfix()
        if self._take("^"):
            self._deeper()
            exponent = self._signed()
            self._depth -= 1
            return _raised(base, exponent)
        return base

    def _postfix(self) -> float:
        value = self._atom()
        while operator := self._take("!", "%", "^2", "^3"):
            if operator == "!":
                value = _factorial(value)
            elif operator == "%":
                value /= 100
            else:
                value = _raised(value, float(operator[1]))
        return value

    def _atom(self) -> float:
        if self._position >= len(self._tokens):
            raise _ExpressionError("The expression stops where a number should follow.")
        token = self._tokens[self._position]
        self._position += 1
        if token.kind == "number":
            return float(token.text)
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        if token.text in _FUNCTIONS:
            self._deeper()
            value = _FUNCTIONS[token.text](self._postfix())
            self._depth -= 1
            return value
        if token.text == "(":
            self._deeper()
            value = self._sum()
            self._depth -= 1
            if not self._take(")"):
                raise _ExpressionError("A bracket is opened and not closed.")
            return value
        raise _ExpressionError(f"Unexpected {token.text!r} in the expression.")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ToolError(f"The expression is nested more than {DEEPEST} deep.")


def _raised(base: float, exponent: float) -> float:
    if abs(exponent) > LARGEST_EXPONENT:
        raise ToolError(f"The exponent {exponent:g} is beyond {LARGEST_EXPONENT}.")
    value = base**exponent
    if isinstance(value, complex):
        raise ToolError(f"{base:g} to the power {exponent:g} is not a real number.")
    return float(value)


def _factorial(value: float) -> float:
    if value < 0 or value != int(value) or value > LARGEST_FACTORIAL:
        raise ToolError(f"{value:g}! is not computed: whole numbers from 0 to {LARGEST_FACTORIAL} only.")
    return float(math.factorial(int(value)))
