"""Training examples for calling functions never seen before: a request, the tools at hand, the call.

Deterministic for a seed. String values of a call are spans of the query, its numbers are said there.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from training.embedded.unseen_generic import invent
from training.embedded.unseen_library import (
    NUMERIC,
    SCHEMAS,
    Field,
    Function,
    Slot,
    Writer,
    content_words,
    library,
    split_words,
)
from training.embedded.unseen_values import draw_number, pick, pseudo_word
from unified_intelligence.entities.tools import ToolSpec

NO_TOOL_SHARE, FRENCH_SHARE, INVENTED_SHARE = 0.12, 0.3, 0.3
TOOL_COUNTS = (1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5)


@dataclass(frozen=True, slots=True)
class Example:
    query: str
    language: Literal["en", "fr"]
    tools: tuple[ToolSpec, ...]
    call: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Variant:
    """A function as it is offered this time: renamed, redescribed, reordered."""

    spec: ToolSpec
    renamed: dict[str, str]
    labels: dict[str, str]


def names() -> set[str]:
    """Every function name written by hand, to check that no test set shares them."""
    return {function.name for function in library()}


@cache
def synonyms() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in (SCHEMAS / "synonyms.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            group = tuple(line.split())
            for word in group:
                table.setdefault(word, tuple(w for w in group if w != word))
    return table


@cache
def phrases(kind: str, language: str) -> tuple[str, ...]:
    start = f"{kind} {language}:"
    for line in (SCHEMAS / "phrases.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(start):
            return tuple(part.strip() for part in line.removeprefix(start).split("|"))
    raise KeyError(start)


@cache
def verbs(language: str) -> dict[str, str]:
    if language == "fr":
        return dict(item.split("=", 1) for item in phrases("verbs", "fr"))
    return {word: word.lower() for word in phrases("verbs", "en")[0].split()}


# ---- offering a function -------------------------------------------------------------------


def other_words(rng: random.Random, words: Sequence[str], chance: float) -> list[str]:
    table, changed = synonyms(), []
    for word in words:
        if word in table and rng.random() < chance:
            word = pick(rng, table[word])
        changed.extend(word.split("_"))
    return changed


def styled(rng: random.Random, words: Sequence[str], style: str) -> str:
    if style == "camel":
        return words[0] + "".join(w.capitalize() for w in words[1:])
    if style == "pascal":
        return "".join(w.capitalize() for w in words)
    return ("-" if style == "kebab" else "_").join(words)


def rename_function(rng: random.Random, function: Function) -> tuple[str, bool]:
    """The name, and whether it still says what the function does."""
    roll = rng.random()
    if roll < 0.3:
        return function.name, True
    module, _, last = function.name.rpartition(".")
    words = split_words(last)
    meaningful = True
    if roll < 0.45:
        meaningful = False
        at = 0 if len(words) == 1 else rng.randrange(len(words))
        words = [pseudo_word(rng)] if rng.random() < 0.3 else [*words[:at], pseudo_word(rng), *words[at + 1 :]]  # fmt: skip
    else:
        words = other_words(rng, words, 0.4)
    style = pick(rng, ("snake", "snake", "snake", "camel", "camel", "pascal", "kebab" if not module else "snake"))  # fmt: skip
    name = styled(rng, words, style)
    if module and rng.random() < 0.6:
        return f"{module}.{name}", meaningful
    if not module and rng.random() < 0.2:
        domain = "" if function.domain == "invented" else function.domain.split()[0]
        module = domain if domain and rng.random() < 0.6 else pseudo_word(rng)
        return f"{module}.{name}", meaningful
    return name, meaningful


def rename_fields(rng: random.Random, fields: Sequence[Field]) -> tuple[dict[str, str], dict[str, str]]:  # fmt: skip
    renamed: dict[str, str] = {}
    labels: dict[str, str] = {}
    camel, invented, kept = rng.random() < 0.2, rng.random() < 0.12, rng.random() < 0.5
    for item in fields:
        words = item.name.split("_")
        if invented and rng.random() < 0.6:
            words = [pseudo_word(rng)]
        elif not kept:
            words = [w for part in [item.name] for w in other_words(rng, [part] if part in synonyms() else words, 0.45)]  # fmt: skip
        name = styled(rng, words, "camel" if camel else "snake")
        if name in renamed.values():
            words, name = item.name.split("_"), item.name
        renamed[item.name] = name
        labels[item.name] = " ".join(words if rng.random() < 0.75 else item.name.split("_"))
    if len(set(renamed.values())) < len(fields):
        renamed = {item.name: item.name for item in fields}
    return renamed, labels


def redescribe(rng: random.Random, function: Function, *, needed: bool) -> str:
    text = function.descriptions[int(rng.random() * len(function.descriptions))]
    roll = rng.random()
    if roll < 0.07 and not needed:
        return ""
    first, _, rest = text.partition(" ")
    if roll < 0.25 and first.lower() in synonyms():
        text = f"{pick(rng, synonyms()[first.lower()]).split('_')[0].capitalize()} {rest}"
    elif roll < 0.4 and not first.endswith("s"):
        text = f"{first}{'es' if first.endswith(('ch', 'sh')) else 's'} {rest}"
    if rng.random() < 0.15:
        return f"{text}. {pick(rng, phrases('longer', 'en'))}"
    return text + ("." if rng.random() < 0.6 else "")


JSON_TYPES = {"int": "integer", "year": "integer", "idnum": "integer", "num": "number", "money": "number", "pct": "number", "bool": "boolean"}  # fmt: skip


def field_schema(rng: random.Random, item: Field, *, needed: bool) -> dict[str, object]:
    kind = JSON_TYPES.get(item.kind, "string")
    schema: dict[str, object] = {"type": "array", "items": {"type": kind}} if item.many else {"type": kind}  # fmt: skip
    if item.choices:
        schema["enum"] = [choice.value for choice in item.choices]
    text = item.description
    roll = rng.random()
    if item.unit and item.unit[0] != "[" and item.unit not in text.lower() and roll < 0.5:
        text += f" in {item.unit}"
    if roll < 0.12 and not needed:
        text = ""
    elif roll < 0.3 and not text.startswith("Whether"):
        text = f"The {text[0].lower()}{text[1:]}" if text[1:2].islower() else text
    default: object = None
    if not item.required and rng.random() < 0.5:
        if item.choices:
            default = item.choices[0].value
        elif item.kind == "bool":
            default = False
        elif item.kind in NUMERIC and not item.many:
            default = draw_number(rng, item.low, item.high, whole=item.kind != "num")
    if default is not None and rng.random() < 0.5 and text:
        text += f" (default {str(default).lower() if isinstance(default, bool) else default})"
    if text:
        schema["description"] = text + ("." if rng.random() < 0.4 else "")
    if default is not None:
        schema["default"] = default
    return schema


def offer(rng: random.Random, function: Function) -> Variant:
    name, meaningful = rename_function(rng, function)
    fields = list(function.fields)
    if rng.random() < 0.25:
        rng.shuffle(fields)
    elif len(fields) > 1 and rng.random() < 0.2:
        fields.sort(key=lambda item: not item.required)
    unused = [item for item in fields if not item.required]
    renamed, labels = rename_fields(rng, fields)
    dropped = {item.name for item in unused if rng.random() < 0.15}
    kept = [item for item in fields if item.name not in dropped]
    parameters: dict[str, object] = {
        "type": "object",
        "properties": {
            renamed[item.name]: field_schema(rng, item, needed=not set(renamed[item.name].lower().split("_")) & set(item.name.split("_")))  # fmt: skip
            for item in kept
        },
        "required": [renamed[item.name] for item in kept if item.required],
    }
    text = redescribe(rng, function, needed=not meaningful)
    return Variant(ToolSpec(name, text, parameters), renamed, labels)


# ---- asking for it -------------------------------------------------------------------------


def write_query(rng: random.Random, function: Function, variant: Variant, language: Literal["en", "fr"]) -> tuple[str, dict[str, object]] | None:  # fmt: skip
    """None where the pattern says a parameter that this variant does not offer."""
    offered: object = variant.spec.parameters["properties"]
    assert isinstance(offered, dict)
    writer = Writer(rng, language, {f.name: f for f in function.fields if variant.renamed[f.name] in offered}, variant.labels)  # fmt: skip
    patterns = function.patterns(language)
    numeric = all(f.kind in (*NUMERIC, "enum", "bool") for f in function.fields if f.required)
    try:
        if language == "en" and (not patterns or rng.random() < (0.25 if numeric else 0.03)):
            writer.write((function.descriptions[0], Slot("*")))
        else:
            writer.write(patterns[int(rng.random() * len(patterns))])
    except KeyError:
        return None
    if not set(writer.arguments) <= set(writer.fields):
        return None
    writer.complete()
    pieces = polished(rng, [p for p in writer.pieces if p[0]], language)
    arguments = {variant.renamed[f.name]: writer.arguments[f.name] for f in function.fields if f.name in writer.arguments}  # fmt: skip
    text = tidy("".join(text for text, _ in pieces), language)
    if rng.random() < 0.07:
        free = {variant.renamed[f.name] for f in function.fields if f.kind not in ("enum", "bool", *NUMERIC)}  # fmt: skip
        text = text.lower()
        arguments = {k: lowered(v) if k in free else v for k, v in arguments.items()}
    order = [key for key in offered if key in arguments]
    return text, {key: arguments[key] for key in order}


def lowered(value: object) -> object:
    if isinstance(value, str):
        return value.lower()
    return [lowered(part) for part in value] if isinstance(value, list) else value


def polished(rng: random.Random, pieces: list[tuple[str, bool]], language: Literal["en", "fr"]) -> list[tuple[str, bool]]:  # fmt: skip
    """Imperatives become requests, a greeting comes first, marks are dropped, letters are swapped."""
    text, is_value = pieces[0]
    first, space, rest = text.partition(" ")
    question = False
    if not is_value and first in verbs(language) and rng.random() < 0.35:
        ask = pick(rng, phrases("ask", language)[:4] if rest.startswith("me ") else phrases("ask", language))  # fmt: skip
        question = ask.startswith(("Can", "Could", "Would", "Peux", "Pou", "Tu peux", "Est-ce"))
        pieces = [(ask.replace("#", verbs(language)[first]) + space + rest, False), *pieces[1:]]
        if language == "fr" and ask.endswith((" de #", " à #")) and verbs("fr")[first][0] in "aeéo":
            pieces[0] = (pieces[0][0].replace(" de " + verbs("fr")[first], " d'" + verbs("fr")[first], 1), False)  # fmt: skip
    last = pieces[-1][0]
    if not last.endswith(("?", ".", "!")):
        if rng.random() < 0.1:
            pieces = [*pieces, (", " + pick(rng, phrases("close", language)), False)]
        mark = (" ?" if language == "fr" else "?") if question else "."
        if rng.random() < (0.85 if question else 0.5):
            pieces = [*pieces, (mark, False)]
    elif rng.random() < 0.12 and not pieces[-1][1]:
        pieces = [*pieces[:-1], (last.rstrip("?!. "), False)]
    if rng.random() < 0.1:
        opening = pick(rng, phrases("open", language))
        start, is_value = pieces[0]
        if opening.endswith((",", ":")) and not is_value and not start.startswith(("I ", "I'")):
            start = start[:1].lower() + start[1:]
        pieces = [(opening + " ", False), (start, is_value), *pieces[1:]]
    if rng.random() < 0.05:
        at = rng.randrange(len(pieces))
        text, is_value = pieces[at]
        if not is_value and len(text) > 6 and not any(c.isdigit() for c in text):
            cut = rng.randrange(1, len(text) - 2)
            if text[cut].isalpha() and text[cut + 1].isalpha():
                pieces[at] = (text[:cut] + text[cut + 1] + text[cut] + text[cut + 2 :], False)
    return pieces


def tidy(text: str, language: str) -> str:
    text = " ".join(text.split(" ")) if "  " not in text else " ".join(text.split())
    text = text.replace(" ,", ",").replace(" .", ".").replace("..", ".").strip()
    if language == "en":
        text = text.replace(" ?", "?")
    return text.replace("?.", "?").replace("!.", "!").replace("??", "?")


# ---- examples ------------------------------------------------------------------------------


@cache
def by_domain() -> dict[str, tuple[Function, ...]]:
    domains: dict[str, list[Function]] = {}
    for function in library():
        domains.setdefault(function.domain, []).append(function)
    return {domain: tuple(group) for domain, group in domains.items()}


def any_function(rng: random.Random) -> Function:
    functions = library()
    return functions[int(rng.random() * len(functions))]


def near(function: Function, other: Function) -> bool:
    return bool(function.words & other.words)


def distractor(rng: random.Random, function: Function) -> Function:
    """Of the same domain, one that shares words, a stranger, or an invented one."""
    roll = rng.random()
    if function.domain == "invented":
        return invent(rng, like=function) if roll < 0.55 else invent(rng) if roll < 0.75 else any_function(rng)  # fmt: skip
    if roll < 0.4:
        return pick_function(rng, by_domain()[function.domain])
    if roll < 0.55:
        others = [any_function(rng) for _ in range(12)]
        return next((other for other in others if near(function, other)), others[0])
    return any_function(rng) if roll < 0.85 else invent(rng)


def pick_function(rng: random.Random, functions: Sequence[Function]) -> Function:
    return functions[int(rng.random() * len(functions))]


def foreign(rng: random.Random, function: Function) -> Function:
    """A tool that cannot answer a request for `function`: another domain, no word in common."""
    while True:
        if function.domain != "invented" and rng.random() < 0.2:
            other = pick_function(rng, by_domain()[function.domain])
            if not content_words(other.name) & content_words(function.name):
                return other
        other = invent(rng) if rng.random() < 0.25 else any_function(rng)
        if other.domain == "invented" == function.domain:
            if not content_words(other.name) & content_words(function.name):
                return other
        elif other.domain != function.domain and not near(function, other):
            return other


def offered_tools(rng: random.Random, function: Function, variant: Variant | None) -> tuple[ToolSpec, ...]:  # fmt: skip
    count = TOOL_COUNTS[int(rng.random() * len(TOOL_COUNTS))]
    tools = [variant.spec] if variant else []
    taken = {function.name}
    seen = {tool.name for tool in tools}
    for _ in range(count * 3):
        if len(tools) == count:
            break
        other = distractor(rng, function) if variant else foreign(rng, function)
        if other.name in taken:
            continue
        spec = offer(rng, other).spec
        if spec.name not in seen:
            tools.append(spec)
            taken.add(other.name)
            seen.add(spec.name)
    rng.shuffle(tools)
    return tuple(tools)


def holds(query: str, value: object) -> bool:
    return all(part in query for part in (value if isinstance(value, list) else [value]) if isinstance(part, str))  # fmt: skip


def examples(seed: int) -> Iterator[Example]:
    rng = random.Random(seed)
    while True:
        language: Literal["en", "fr"] = "fr" if rng.random() < FRENCH_SHARE else "en"
        function = invent(rng) if rng.random() < INVENTED_SHARE else any_function(rng)
        if not function.patterns(language):
            continue
        fits = rng.random() >= NO_TOOL_SHARE
        if not fits and rng.random() < 0.12:
            chat = pick(rng, phrases("chat", language))
            yield Example(chat, language, offered_tools(rng, function, None), None)
            continue
        variant = offer(rng, function)
        written = write_query(rng, function, variant, language)
        if written is None:
            continue
        query, arguments = written
        if not fits:
            yield Example(query, language, offered_tools(rng, function, None), None)
            continue
        free = {variant.renamed[f.name] for f in function.fields if f.kind != "enum"}
        assert all(holds(query, v) for k, v in arguments.items() if k in free), (query, arguments)
        required: object = variant.spec.parameters["required"]
        assert isinstance(required, list) and set(required) <= set(arguments), (query, arguments)
        yield Example(query, language, offered_tools(rng, function, variant), {"name": variant.spec.name, "arguments": arguments})  # fmt: skip
