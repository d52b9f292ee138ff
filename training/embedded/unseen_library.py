"""Functions and how people ask for them: the notation of `schemas/*.txt`, and queries written from it.

    ## domain
    function.name : Description in the imperative / another description
     name?/French label : type : description        (`?` = optional)
    + an English query with {slots}, (a|b) choices, [optional parts], {flag=true:wording}
    - une demande en français

Types: int 1..9 unit, num, money, pct, year, bool, enum(value~english,words~french,words|value), list <type>,
or a class of `unseen_values`. `{*}` says the parameters that remain by their names.
"""

import random
import re
from dataclasses import dataclass, field
from functools import cache

from training.embedded.unseen_values import (
    SCHEMAS,
    Language,
    Value,
    list_value,
    number_value,
    pick,
    string_value,
)

NUMERIC = frozenset(("int", "num", "money", "pct", "year", "idnum"))


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    english: tuple[str, ...]
    french: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    french: str
    kind: str
    description: str
    required: bool = True
    many: bool = False
    low: float = 1
    high: float = 100
    unit: str = ""
    choices: tuple[Choice, ...] = ()

    def draw(self, rng: random.Random, language: Language) -> Value:
        if self.many:
            return list_value(rng, self.kind, self.low, self.high, language, length=int(self.unit[1:-1]) if self.unit.startswith("[") else None)  # fmt: skip
        if self.kind == "enum":
            choice = self.choices[int(rng.random() * len(self.choices))]
            said = choice.english if language == "en" else choice.french
            return Value(pick(rng, said), choice.value)
        if self.kind == "bool":
            return Value("", rng.random() < 0.6)
        if self.kind in NUMERIC:
            return number_value(rng, self.kind, self.low, self.high, language)
        return string_value(rng, self.kind, language)


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    value: str | None = None
    words: "Node | None" = None


@dataclass(frozen=True, slots=True)
class Alternatives:
    options: tuple["Node", ...]


Node = str | Slot | Alternatives | tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    domain: str
    descriptions: tuple[str, ...]
    fields: tuple[Field, ...]
    english: tuple[Node, ...] = ()
    french: tuple[Node, ...] = ()
    words: frozenset[str] = field(default_factory=frozenset)

    def patterns(self, language: Language) -> tuple[Node, ...]:
        return self.english if language == "en" else self.french


# ---- reading -------------------------------------------------------------------------------


def parse_pattern(text: str) -> Node:
    node, end = _sequence(text, 0, "")
    if end != len(text):
        raise ValueError(f"unbalanced pattern: {text}")
    return node


def _sequence(text: str, at: int, stops: str) -> tuple[Node, int]:
    parts: list[Node] = []
    literal = ""
    while at < len(text) and text[at] not in stops:
        char = text[at]
        if char not in "([{":
            literal, at = literal + char, at + 1
            continue
        if literal:
            parts.append(literal)
            literal = ""
        if char == "(":
            options = []
            while text[at] != ")":
                option, at = _sequence(text, at + 1, "|)")
                options.append(option)
            parts.append(Alternatives(tuple(options)))
        elif char == "[":
            option, at = _sequence(text, at + 1, "]")
            parts.append(Alternatives((option, "")))
        else:
            head = re.match(r"\{([\w*]+)(?:=([^:}]+):)?", text[at:])
            if not head:
                raise ValueError(f"malformed slot: {text[at:]}")
            words, at = _sequence(text, at + head.end(), "}")
            parts.append(Slot(head[1], head[2], words if head[2] else None))
        at += 1
    if literal:
        parts.append(literal)
    return parts[0] if len(parts) == 1 else tuple(parts), at


def parse_choices(text: str) -> tuple[Choice, ...]:
    choices = []
    for option in text.split("|"):
        value, english, french = (option + "~~").split("~")[:3]
        plain = value.replace("_", " ")
        words = tuple(w.strip() for w in english.split(",") if w.strip()) or (plain,)
        choices.append(Choice(value, words, tuple(w.strip() for w in french.split(",") if w.strip()) or words))  # fmt: skip
    return tuple(choices)


def parse_field(line: str) -> Field:
    head, kind, description = (part.strip() for part in line.split(" : ", 2))
    name, _, french = head.partition("/")
    required = not name.endswith("?")
    name = name.rstrip("?")
    many = kind.startswith("list ")
    kind = kind.removeprefix("list ").strip()
    french = french or name.replace("_", " ")
    if kind.startswith("enum("):
        return Field(name, french, "enum", description, required, many, choices=parse_choices(kind[5:-1]))  # fmt: skip
    parts = kind.split()
    low, high = (1.0, 100.0) if len(parts) < 2 else map(float, parts[1].split(".."))
    return Field(name, french, parts[0], description, required, many, low, high, " ".join(parts[2:]))


def parse_library(text: str) -> list[Function]:
    functions: list[Function] = []
    domain = ""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("## "):
            blocks.append([line])
        elif line.startswith((" ", "+", "-")):
            blocks[-1].append(line)
        elif line.strip() and not line.startswith("#"):
            blocks.append([line])
    for head, *rest in blocks:
        if head.startswith("## "):
            domain = head[3:].strip()
            continue
        name, _, descriptions = head.partition(" : ")
        fields = tuple(parse_field(line) for line in rest if line.startswith(" "))
        known = {item.name for item in fields} | {"*"}
        for line in rest:
            if line[0] != " " and (wrong := set(re.findall(r"\{([\w*]+)", line)) - known):
                raise ValueError(f"{name}: unknown {wrong} in {line}")
        functions.append(
            Function(
                name.strip(),
                domain,
                tuple(d.strip() for d in descriptions.split(" / ")),
                fields,
                tuple(parse_pattern(line[1:].strip()) for line in rest if line[0] == "+"),
                tuple(parse_pattern(line[1:].strip()) for line in rest if line[0] == "-"),
                frozenset(content_words(name, descriptions)),
            )
        )
    return functions


STOP = frozenset("get find calculate compute create search the a an of for and to in by on with from given its list show all at or is".split())  # fmt: skip


def split_words(name: str) -> list[str]:
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-zà-ÿ]+|\d+", name)]


def content_words(*texts: str) -> set[str]:
    return {w.rstrip("s") for text in texts for w in split_words(text) if w not in STOP and len(w) > 2}


@cache
def library() -> tuple[Function, ...]:
    files = sorted(SCHEMAS.glob("functions_*.txt"))
    return tuple(f for path in files for f in parse_library(path.read_text(encoding="utf-8")))


# ---- writing -------------------------------------------------------------------------------

UNIT_WORDS = {
    "m": (("m", "meters", "metres"), ("m", "mètres")),
    "cm": (("cm", "centimeters"), ("cm", "centimètres")),
    "km": (("km", "kilometers"), ("km", "kilomètres")),
    "kg": (("kg", "kilograms"), ("kg", "kilos")),
    "g": (("g", "grams"), ("g", "grammes")),
    "s": (("seconds", "s"), ("secondes", "s")),
    "m/s": (("m/s", "meters per second"), ("m/s", "mètres par seconde")),
    "km/h": (("km/h", "kilometers per hour"), ("km/h",)),
    "°C": (("°C", "degrees Celsius"), ("°C", "degrés")),
    "L": (("liters", "L"), ("litres", "L")),
    "h": (("hours", "h"), ("heures", "h")),
    "min": (("minutes", "min"), ("minutes", "min")),
    "days": (("days",), ("jours",)),
    "years": (("years",), ("ans",)),
}


ARTICLES_FR = ((" du ", " de "), (" le ", " "), (" au ", " à "), (" avant le ", " avant "))


def before_day(last: str, day: str, language: Language) -> str:
    """`on tomorrow`, `le demain`: a relative day takes no preposition."""
    if language == "fr":
        ending = next((pair for pair in ARTICLES_FR if last.endswith(pair[0])), None)
        return last[: -len(ending[0])] + ending[1] if ending else last
    if last.endswith(" on ") and day.split(" ", 1)[0] in RELATIVE:
        return last[:-3]
    return last


RELATIVE = frozenset("tomorrow today next this tonight yesterday the last".split())


@dataclass(slots=True)
class Writer:
    """Writes one query: pieces of text, which of them are values, and what the call holds."""

    rng: random.Random
    language: Language
    fields: dict[str, Field]
    labels: dict[str, str]
    pieces: list[tuple[str, bool]] = field(default_factory=list)
    arguments: dict[str, object] = field(default_factory=dict)

    def write(self, node: Node) -> None:
        if isinstance(node, str):
            self.pieces.append((node, False))
        elif isinstance(node, tuple):
            for part in node:
                self.write(part)
        elif isinstance(node, Alternatives):
            self.write(node.options[int(self.rng.random() * len(node.options))])
        elif node.name == "*":
            self.clauses(self.remaining())
        elif node.value is not None and node.words is not None:
            self.arguments[node.name] = {"true": True, "false": False}.get(node.value, node.value)
            self.write(node.words)
        else:
            self.value(self.fields[node.name])

    def value(self, item: Field, *, unit: bool = False) -> None:
        value = item.draw(self.rng, self.language)
        self.arguments[item.name] = value.gold
        text = value.text
        if unit and item.unit and item.unit[0] != "[" and self.rng.random() < 0.8:
            names = UNIT_WORDS.get(item.unit)
            text += " " + (pick(self.rng, names[self.language == "fr"]) if names else item.unit)
        last = self.pieces[-1][0] if self.pieces else ""
        if item.kind in ("date", "datetime") and self.pieces and text[0].isalpha():
            last = before_day(last, text, self.language)
            self.pieces[-1] = (last, False)
        if text[:1].lower() in "aeiouéèêh" and text[:1]:
            if self.language == "fr" and last.endswith((" de ", " que ")) and text[:1].lower() != "h":
                self.pieces[-1] = (last[:-2] + "'", False)
            elif self.language == "en" and last.endswith((" a ", "A ")) and text[:1].lower() in "aeio":
                self.pieces[-1] = (last[:-1] + "n ", False)
        self.pieces.append((text, item.kind != "enum"))

    def remaining(self) -> list[Field]:
        left = [f for f in self.fields.values() if f.name not in self.arguments]
        chance = self.rng.random() * 0.6
        return [f for f in left if f.required or self.rng.random() < chance]

    def clauses(self, items: list[Field]) -> None:
        """`with a base of 10 and a height of 5`, in one of many shapes."""
        if not items:
            return
        english = self.language == "en"
        roll = self.rng.random()
        if roll < 0.12:
            self.joined(items, " (", "", "=", ", ", ", ", ")")
        elif roll < 0.2:
            self.joined(items, ", " if roll < 0.17 else ": ", "", ": ", ", ", ", ")
        elif roll < 0.34:
            self.joined(items, " where " if english else " où ", "the " if english and roll < 0.26 else "", " is " if english else " vaut ", ", ", " and " if english else " et ")  # fmt: skip
        elif roll < 0.5:
            self.joined(items, pick(self.rng, (" given ", " with ", " using ", " for ") if english else (" avec ", " sachant ", " pour ")), "", " = " if roll < 0.45 else "=", ", ", " and " if english else " et ")  # fmt: skip
        elif roll < 0.62:
            self.joined(items, ". ", "The " if english else "", " is " if english else " : ", ", ", ", and the " if english else ", ")  # fmt: skip
        elif roll < 0.8 and english:
            self.joined(items, pick(self.rng, (" with a ", " given a ", " for a ")), "", " of ", ", a ", " and a ")  # fmt: skip
        elif english:
            self.joined(items, pick(self.rng, (" with ", " with ", " using ", " given ")), "", " ", ", ", " and ")  # fmt: skip
        else:
            numeric = all(item.kind in NUMERIC and not item.many for item in items)
            self.joined(items, pick(self.rng, (" avec ", " pour ", " avec les valeurs ") if numeric else (" avec ", ", avec ")), "", " de " if numeric else " : ", ", ", " et ")  # fmt: skip

    def joined(self, items: list[Field], start: str, article: str, link: str, comma: str, last: str, end: str = "") -> None:  # fmt: skip
        before = start + article
        for index, item in enumerate(items):
            if index:
                before = last if index == len(items) - 1 else comma
            label = self.labels[item.name] if self.language == "en" or self.rng.random() < 0.2 else item.french  # fmt: skip
            if item.unit and self.rng.random() < 0.7:
                label = label.removesuffix(f" {item.unit}").removesuffix(" in")
            if before.endswith(" a ") and label[:1] in "aeio":
                before = before[:-1] + "n "
            if before == ". " and label:
                label = label[0].upper() + label[1:]
            if item.kind == "bool":
                self.flag(item, before, label, link)
                continue
            said = link
            if item.kind not in NUMERIC and link == " vaut ":
                said = " est "
            self.pieces.append((f"{before}{label}{said}", False))
            self.value(item, unit=link not in ("=",))
        if end:
            self.pieces.append((end, False))

    def flag(self, item: Field, before: str, label: str, link: str) -> None:
        on = self.rng.random() < 0.6
        self.arguments[item.name] = on
        english = self.language == "en"
        label = label.removeprefix("is ")
        if link.strip() in ("=", ":"):
            word = ("true" if on else "false") if english else ("vrai" if on else "faux")
            said = f"{label}{link}{word}"
        elif link == " is ":
            said = f"{label} is {'true' if on else 'false'}"
        else:
            said = f"{label} {('enabled' if on else 'disabled') if english else ('activé' if on else 'désactivé')}"  # fmt: skip
        self.pieces.append((re.sub(r"\ban? $", "", before) + said, False))

    def complete(self) -> None:
        """Says what is required and still missing, and now and then an option, before the final mark."""
        missing = [f for f in self.fields.values() if f.name not in self.arguments and f.required]
        if not missing and self.rng.random() < 0.1:
            missing = [f for f in self.fields.values() if f.name not in self.arguments][:1]
        if not missing:
            return
        text, is_value = self.pieces[-1]
        mark = text[-1:] if not is_value and text[-1:] in "?." else ""
        if mark:
            self.pieces[-1] = (text[:-1].rstrip(), is_value)
        self.clauses(missing)
        if mark:
            self.pieces.append((mark if self.language == "en" or mark == "." else " ?", False))


