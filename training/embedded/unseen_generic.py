"""Invented functions: a grammar of quantities, things and attributes makes thousands of them."""

import random
from functools import cache

from training.embedded.unseen_library import (
    SCHEMAS,
    Alternatives,
    Choice,
    Field,
    Function,
    Node,
    Slot,
    content_words,
    parse_field,
    parse_pattern,
)
from training.embedded.unseen_values import pick


@cache
def grammar(kind: str) -> tuple[tuple[str, ...], ...]:
    """grammar.txt: `@kind`, then one entry a line, parts between bars."""
    rows: list[tuple[str, ...]] = []
    current = ""
    for line in (SCHEMAS / "grammar.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            current = line[1:].strip()
        elif current == kind and line.strip() and not line.startswith("#"):
            parts = [line] if kind == "attributes" else line.split("|")
            rows.append(tuple(part.strip() for part in parts))
    return tuple(rows)


@cache
def attributes() -> tuple[tuple[Field, Node, Node], ...]:
    """`name : type : description = English phrase = French phrase`"""
    rows = []
    for (line,) in grammar("attributes"):
        declared, english, french = line.split(" = ")
        rows.append((parse_field(declared), parse_pattern(english), parse_pattern(french)))
    return tuple(rows)


def row(rng: random.Random, kind: str) -> tuple[str, ...]:
    rows = grammar(kind)
    return rows[int(rng.random() * len(rows))]


@cache
def measures_of(kind: str) -> tuple[tuple[str, ...], ...]:
    return tuple(entry for entry in grammar("measures") if kind in entry[4])


PEOPLE_ONLY = frozenset(("skills", "min_age", "department", "manager"))
THINGS_ONLY = frozenset(("material", "brand", "size", "color", "quantity"))


def article(word: str) -> str:
    return f"an {word}" if word[0] in "aeio" else f"a {word}"


def du(word: str, gender: str) -> str:
    if word[0] in "aeéèiouœh":
        return f"de l'{word}"
    return f"du {word}" if gender == "m" else f"de la {word}"


def le(word: str, gender: str) -> str:
    if word[0] in "aeéèiouœh":
        return f"l'{word}"
    return f"{'le' if gender == 'm' else 'la'} {word}"


def invent(rng: random.Random, like: Function | None = None) -> Function:
    """A function on a thing; with `like`, on the same thing or with the same verb."""
    return quantity(rng, like) if rng.random() < 0.5 else action(rng, like)


def same(rng: random.Random, kind: str, like: Function | None) -> tuple[str, ...]:
    entry = row(rng, kind)
    if like and rng.random() < 0.5:
        for other in grammar(kind):
            if other[0].replace(" ", "_") in like.name:
                return other
    return entry


def _quantity_fields(rng: random.Random, thing: str, fitting: tuple[tuple[str, ...], ...], wanted: str) -> list[Field]:  # fmt: skip
    low, high = [(1, 20), (1, 100), (10, 1000), (0.1, 5), (100, 9000), (-30, 30)][int(rng.random() * 6)]  # fmt: skip
    fields: list[Field] = []
    used = {wanted}
    for _ in range(rng.randint(1, 4)):
        name, french, _gender, unit, _kinds = fitting[int(rng.random() * len(fitting))]
        roll = rng.random()
        if name in used:
            continue
        used.add(name)
        if roll < 0.25:
            stage, french_stage = pick_pair(rng)
            label, french = f"{stage} {name}", f"{french} {french_stage}"
        else:
            label = f"{thing} {name}" if roll < 0.4 else name
        said = f"{label[0].upper()}{label[1:]} of the {thing}" if thing not in label else label.capitalize()  # fmt: skip
        kind = "int" if name.startswith("number") or (unit == "" and rng.random() < 0.3 and low >= 1) else "num"  # fmt: skip
        required = not fields or rng.random() < 0.8
        fields.append(Field(label.replace(" ", "_"), french, kind, said, required, False, low, high, unit))  # fmt: skip
    return fields


def quantity(rng: random.Random, like: Function | None) -> Function:
    thing = same(rng, "things", like)
    fitting = measures_of(thing[5])
    wanted = fitting[int(rng.random() * len(fitting))]
    while wanted[0] in ("x", "y", "n", "alpha"):
        wanted = fitting[int(rng.random() * len(fitting))]
    adjective = pick(rng, ("average", "total", "net", "maximum", "relative", "effective", "residual", "nominal", "expected", "")) if rng.random() < 0.4 else ""  # fmt: skip
    fields = _quantity_fields(rng, thing[0], fitting, wanted[0])
    if not fields:
        return quantity(rng, None)
    if rng.random() < 0.25:
        fields.append(mode(rng))
    target = f"{adjective} {wanted[0]}".strip()
    verb = pick(rng, ("calculate", "compute", "estimate", "get", "find", "determine", "evaluate"))
    name = f"{verb}_{thing[0]}_{target}" if rng.random() < 0.5 else f"{thing[0]}.{verb}_{target}"
    said = f"{verb.capitalize()} the {target} of {article(thing[0])}"
    ask = pick(rng, (f"{verb.capitalize()} the {target} of", "What is the " + target + " of", "What would be the " + target + " of", f"I need the {target} of", f"Tell me the {target} for"))  # fmt: skip
    english: Node = (f"{ask} {article(thing[0])}", Slot("*"), "?" if ask.startswith("What") else "")
    verb_fr = pick(rng, ("Calcule", "Donne", "Estime", "Quelle est", "Détermine"))
    if verb_fr == "Quelle est" and wanted[2] == "m":
        verb_fr = "Quel est"
    french_text = f"{verb_fr} {le(wanted[1], wanted[2])} {du(thing[2], thing[3])}"
    french_node: Node = (french_text, Slot("*"), " ?" if verb_fr.startswith("Quel") else "")
    return built(name, said, fields, english, french_node)


def pick_pair(rng: random.Random) -> tuple[str, str]:
    return (("initial", "de départ"), ("final", "à l'arrivée"), ("outer", "externe"), ("inner", "interne"), ("max", "max"), ("min", "min"), ("first", "n°1"), ("second", "n°2"), ("target", "cible"), ("reference", "de référence"))[int(rng.random() * 10)]  # fmt: skip


def mode(rng: random.Random) -> Field:
    entry = row(rng, "modes")
    choices = tuple(Choice(v.strip(), (v.strip().replace("_", " "),), (f.strip(),)) for v, _, f in (part.partition("~") for part in entry[2].split(",")))  # fmt: skip
    return Field(entry[0], entry[1], "enum", f"{entry[0].replace('_', ' ').capitalize()} to use", False, choices=choices)  # fmt: skip


def action(rng: random.Random, like: Function | None) -> Function:
    verb, thing = same(rng, "verbs", like), same(rng, "things", like)
    while thing[5] == "h" and verb[0] in ("create", "order", "rent", "publish"):
        verb = row(rng, "verbs")
    search = verb[2] == "many"
    pool = attributes()
    picked: dict[str, tuple[Field, Node, Node]] = {}
    for _ in range(rng.randint(1, 5)):
        entry = pool[int(rng.random() * len(pool))]
        if entry[0].name in (PEOPLE_ONLY if thing[5] != "h" else THINGS_ONLY):
            continue
        picked.setdefault(entry[0].name, entry)
    if not picked:
        return action(rng, like)
    fields: list[Field] = []
    english: list[Node] = []
    french: list[Node] = []
    for item, said, said_fr in picked.values():
        required = not fields or rng.random() < 0.5
        fields.append(Field(item.name, item.french, item.kind, item.description, required, item.many, item.low, item.high, item.unit, item.choices))  # fmt: skip
        for phrase, text in ((english, said), (french, said_fr)):
            clause: Node = (" ", text)
            phrase.append(clause if required else Alternatives((clause, "")))
    noun = thing[1] if search else article(thing[0])
    adjective = pick(rng, ("new", "local", "temporary", "shared", "special", "regular")) if rng.random() < 0.2 else ""  # fmt: skip
    if adjective:
        noun = f"{adjective} {thing[1]}" if search else article(f"{adjective} {thing[0]}")
    article_fr = "des" if search else "un" if thing[3] == "m" else "une"
    noun_fr = thing[4] if search else thing[2]
    code = (thing[1] if search else thing[0]).replace(" ", "_")
    name = f"{verb[0]}_{adjective + '_' if adjective else ''}{code}" if rng.random() < 0.6 else f"{thing[1].replace(' ', '_')}.{verb[0]}"  # fmt: skip
    opening = f"{pick(rng, verb[3].split(','))} {noun}"
    said = f"{verb[0].capitalize()} {noun}"
    if rng.random() < 0.2:
        english, french = [Slot("*")], [Slot("*")]
    order = list(range(len(english)))
    rng.shuffle(order)
    french_opening = f"{verb[1]} {article_fr} {noun_fr}"
    return built(name, said, fields, (opening, *(english[i] for i in order)), (french_opening, *(french[i] for i in order)))  # fmt: skip


def built(name: str, said: str, fields: list[Field], english: Node, french: Node) -> Function:
    name = name.replace(" ", "_")
    return Function(name, "invented", (said,), tuple(fields), (english,), (french,), frozenset(content_words(name)))  # fmt: skip
