"""Values of invented requests: what is written in the query, and what the call must hold."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Language = Literal["en", "fr"]
SCHEMAS = Path(__file__).parent / "schemas"


class Value(NamedTuple):
    """`text` stands in the query, `gold` in the call."""

    text: str
    gold: object


@cache
def word_lists() -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """values.txt: `class: a, b, c ;; French a, b, c` (French only where it differs)."""
    lists = {}
    for line in (SCHEMAS / "values.txt").read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        english, _, french = rest.partition(";;")
        first = tuple(part.strip() for part in english.split(",") if part.strip())
        second = tuple(part.strip() for part in french.split(",") if part.strip())
        lists[name.strip()] = (first, second or first)
    return lists


def pick(rng: random.Random, items: Sequence[str]) -> str:
    return items[int(rng.random() * len(items))]


def words_of(kind: str, language: Language) -> tuple[str, ...]:
    return word_lists()[kind][language == "fr"]


ONSETS = ("b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kr", "l", "m", "n", "p", "pr", "qu", "r", "s", "st", "t", "tr", "v", "w", "x", "y", "z", "sh", "th", "")  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "io", "ou", "y", "é", "ö")
CODAS = ("", "", "", "n", "r", "l", "s", "m", "x", "t", "nd", "rk", "lt")


def pseudo_word(rng: random.Random, *, ascii_only: bool = True) -> str:
    vowels = VOWELS[:-2] if ascii_only else VOWELS
    count = 2 if rng.random() < 0.7 else 3
    return "".join(pick(rng, ONSETS) + pick(rng, vowels) + pick(rng, CODAS) for _ in range(count))


def pseudo_name(rng: random.Random) -> str:
    name = pseudo_word(rng, ascii_only=rng.random() < 0.8).capitalize()
    return f"{name} {pseudo_word(rng).capitalize()}" if rng.random() < 0.35 else name


# ---- numbers -------------------------------------------------------------------------------

UNITS_EN = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen").split()  # fmt: skip
TENS_EN = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
UNITS_FR = ("zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf").split()  # fmt: skip
TENS_FR = ("", "", "vingt", "trente", "quarante", "cinquante", "soixante")


def in_words(number: int, language: Language) -> str | None:
    """0 to 99, then round hundreds and thousands; None for what people write in digits."""
    if number >= 100:
        for size, english, french in ((1_000_000, "million", "millions"), (1000, "thousand", "mille"), (100, "hundred", "cents")):  # fmt: skip
            if number % size == 0 and number // size < 100:
                many = number // size
                if language == "en":
                    return f"{in_words(many, language)} {english}"
                if many == 1:
                    return {"millions": "un million", "mille": "mille", "cents": "cent"}[french]
                return f"{in_words(many, language)} {french}"
        return None
    if language == "en":
        if number < 20:
            return UNITS_EN[number]
        tens, rest = divmod(number, 10)
        return TENS_EN[tens] + (f"-{UNITS_EN[rest]}" if rest else "")
    if number < 20:
        return UNITS_FR[number]
    if number < 70:
        tens, rest = divmod(number, 10)
        return TENS_FR[tens] + ("" if not rest else " et un" if rest == 1 else f"-{UNITS_FR[rest]}")
    if number < 80:
        return "soixante et onze" if number == 71 else f"soixante-{UNITS_FR[number - 60]}"
    return "quatre-vingts" if number == 80 else f"quatre-vingt-{UNITS_FR[number - 80]}"


def draw_number(rng: random.Random, low: float, high: float, *, whole: bool) -> int | float:
    """Round, plain and odd numbers; the logarithm is uniform when the range is wide."""
    if low > 0 and high / low > 50:
        value = low * (high / low) ** rng.random()
    else:
        value = low + (high - low) * rng.random()
    roll = rng.random()
    if not whole and roll < 0.4:
        decimals = 1 if roll < 0.22 else 2 if roll < 0.38 or value > 1000 else 3
        if high <= 1:
            decimals += 1
        rounded = round(value, decimals)
        return rounded if rounded != int(rounded) else int(rounded)
    if not whole and high <= 2:
        return round(value, 2)
    number = round(value)
    if abs(number) >= 100 and roll < 0.8:
        step = 10 ** (len(str(abs(number))) - 1 - (roll < 0.6))
        number = round(number / step) * step
    return max(int(-(-low // 1)), min(int(high), number))


def say_number(rng: random.Random, number: float, language: Language, *, plain: bool = False) -> str:  # fmt: skip
    """Digits, sometimes with separators, sometimes in words; `plain` keeps a year or an id as it is."""
    if plain:
        return str(number)
    if number < 0:
        sign = "-" if rng.random() < 0.85 else "minus " if language == "en" else "moins "
        return sign + say_number(rng, -number, language, plain=True)
    if isinstance(number, int):
        if rng.random() < (0.14 if number <= 20 else 0.05) and (said := in_words(number, language)):
            return said
        if number >= 1000 and rng.random() < 0.5:
            return f"{number:,}" if language == "en" else f"{number:,}".replace(",", " ")
        return str(number)
    text = f"{number:f}".rstrip("0").rstrip(".")
    whole, _, decimals = text.partition(".")
    if number >= 1000 and rng.random() < 0.5:
        whole = f"{int(whole):,}" if language == "en" else f"{int(whole):,}".replace(",", " ")
    mark = "," if language == "fr" and len(decimals) < 3 and rng.random() < 0.6 else "."
    return whole + (mark + decimals if decimals else "")


CURRENCIES = {"en": ("${}", "${}", "{} dollars", "€{}", "£{}", "{} euros", "{} USD", "{}"), "fr": ("{} €", "{} €", "{} euros", "{} dollars", "{}€", "{}")}  # fmt: skip
PERCENTS = {"en": ("{}%", "{}%", "{} percent", "{} %"), "fr": ("{} %", "{}%", "{} pour cent")}


def number_value(rng: random.Random, kind: str, low: float, high: float, language: Language) -> Value:
    whole = kind in ("int", "year", "idnum") or (kind == "money" and rng.random() < 0.75)
    number = draw_number(rng, low, high, whole=whole)
    if kind == "money" and not isinstance(number, int):
        number = round(number, 2)
    text = say_number(rng, number, language, plain=kind in ("year", "idnum"))
    if kind == "money" and number >= 0:
        text = pick(rng, CURRENCIES[language]).format(text)
    elif kind == "pct":
        text = pick(rng, PERCENTS[language]).format(text)
    return Value(text, number)


# ---- strings -------------------------------------------------------------------------------

MONTHS = {"en": "January February March April May June July August September October November December".split(), "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()}  # fmt: skip
DAYS = {"en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(), "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split()}  # fmt: skip
Builder = Callable[[random.Random, Language], str]


def date_text(rng: random.Random, language: Language) -> str:
    year, month, day = rng.randint(1995, 2031), rng.randint(1, 12), rng.randint(1, 28)
    roll = rng.random()
    name = MONTHS[language][month - 1]
    if roll < 0.42:
        return f"{year}-{month:02d}-{day:02d}"
    if roll < 0.5:
        return f"{day:02d}/{month:02d}/{year}"
    if language == "fr":
        return f"{day} {name} {year}" if roll < 0.75 else f"{day} {name}" if roll < 0.85 else pick(rng, words_of("relative_day", "fr"))  # fmt: skip
    if roll < 0.66:
        return f"{name} {day}, {year}"
    if roll < 0.74:
        return f"{day} {name} {year}"
    suffix = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{name} {day}{suffix}" if roll < 0.86 else pick(rng, words_of("relative_day", "en"))


def time_text(rng: random.Random, language: Language) -> str:
    hour, minute = rng.randint(0, 23), pick(rng, ("00", "15", "30", "45", "10", "05", "20"))
    if rng.random() < 0.5:
        return f"{hour:02d}:{minute}"
    if language == "fr":
        return f"{hour}h{minute}" if minute != "00" else f"{hour}h"
    half = pick(rng, ("am", "pm", " AM", " PM"))
    return f"{hour % 12 or 12}{half}" if minute == "00" else f"{hour % 12 or 12}:{minute}{half}"


def person(rng: random.Random, language: Language) -> str:
    last = pick(rng, words_of("last_name", language)) if rng.random() < 0.85 else pseudo_name(rng)
    roll = rng.random()
    first = pick(rng, words_of("first_name", language))
    if roll < 0.06:
        return f"{pick(rng, ('Dr.', 'Mrs.', 'Professor') if language == 'en' else ('Mme', 'M.', 'Maître'))} {last}"  # fmt: skip
    return f"{first} {last}" if roll < 0.9 else f"{first} {chr(65 + int(rng.random() * 26))}. {last}"


def company(rng: random.Random, language: Language) -> str:
    base = pick(rng, words_of("company", language))
    if rng.random() < 0.5:
        return base
    stem = pseudo_word(rng).capitalize() if rng.random() < 0.6 else pick(rng, words_of("last_name", language))  # fmt: skip
    return stem + pick(rng, ("", " Inc.", " Ltd", " Group", " & Co", " Labs", " Systems", " Industries", " SA", " GmbH", " Technologies", " & Sons", "-Tech", " Partners"))  # fmt: skip


def title(rng: random.Random, language: Language) -> str:
    noun, other, adjective = (pick(rng, words_of(kind, language)) for kind in ("title_noun", "title_noun", "title_adj"))  # fmt: skip
    roll = int(rng.random() * 7)
    if language == "fr":
        return (f"{noun} et {other}", f"{noun} {adjective}", f"Les secrets : {noun}", f"{noun} sans fin", f"Adieu {noun}", f"{noun} {rng.randint(2, 99)}", f"Sous {noun}")[roll]  # fmt: skip
    return (f"The {adjective} {noun}", f"{noun} of {other}", f"{noun} and {other}", f"{adjective} {noun}s", f"Beyond the {noun}", f"{adjective} {noun} {rng.randint(2, 9)}", f"A {noun} for {pick(rng, words_of('first_name', 'en'))}")[roll]  # fmt: skip


def filled(kind: str) -> Builder:
    """A sentence of the class with `<other class>` filled in."""

    return lambda rng, language: fill(rng, pick(rng, words_of(kind, language)), language)


def fill(rng: random.Random, pattern: str, language: Language) -> str:
    text, *parts = pattern.split("<")
    for part in parts:
        inner, _, rest = part.partition(">")
        text += string_text(rng, inner, language) + rest
    return text


def identifier(rng: random.Random, language: Language) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    roll, number = rng.random(), rng.randint(100, 99999)
    prefix = "".join(pick(rng, letters) for _ in range(rng.randint(2, 4)))
    if roll < 0.4:
        return f"{prefix}-{number}"
    if roll < 0.6:
        return f"{prefix}{number}"
    return f"{number:x}{prefix.lower()}{rng.randint(1, 9)}" if roll < 0.75 else f"{prefix}_{number}" if roll < 0.85 else f"{number}-{prefix[0]}"  # fmt: skip


def email(rng: random.Random, language: Language) -> str:
    first, last = (fold(pick(rng, words_of(k, language))) for k in ("first_name", "last_name"))
    host = pseudo_word(rng) if rng.random() < 0.6 else pick(rng, ("gmail", "example", "outlook", "proton"))  # fmt: skip
    user = pick(rng, (f"{first}.{last}", f"{first[0]}{last}", f"{first}{rng.randint(1, 99)}", first, "contact", "info"))  # fmt: skip
    return f"{user}@{host}.{pick(rng, ('com', 'org', 'fr', 'io', 'net', 'co.uk'))}"


def fold(text: str) -> str:
    return text.lower().translate(str.maketrans("éèêëàâäîïôöûüçñóíáúãøå", "eeeeaaaiioouucnoiauaoa")).replace(" ", "").replace("'", "").replace("-", "")  # fmt: skip


def url(rng: random.Random, language: Language) -> str:
    path = pick(rng, ("", "", "/docs", "/api/v2/items", "/blog/" + pseudo_word(rng), "/index.html"))
    return f"https://{pick(rng, ('www.', '', 'shop.'))}{pseudo_word(rng)}{pick(rng, ('.com', '.org', '.fr', '.io'))}{path}"  # fmt: skip


def path(rng: random.Random, language: Language) -> str:
    folder = pick(rng, ("/home/" + pseudo_word(rng), "/var/log", "~/Documents", "/data/" + pseudo_word(rng), "src", "C:/Users/" + pseudo_word(rng)))  # fmt: skip
    stem = string_text(rng, "file_stem", language) if rng.random() < 0.7 else pseudo_word(rng)
    stem = stem.replace(" ", "_")
    return f"{folder}/{stem}{pick(rng, ('.txt', '.csv', '.pdf', '.png', '.py', '.log', '.json', '.docx', ''))}"  # fmt: skip


def filename(rng: random.Random, language: Language) -> str:
    return path(rng, language).rsplit("/", 1)[-1]


def address(rng: random.Random, language: Language) -> str:
    street, number = string_text(rng, "street", language), rng.randint(1, 999)
    text = f"{number} {street}"
    return f"{text}, {pick(rng, words_of('city', language))}" if rng.random() < 0.5 else text


def formula(rng: random.Random, language: Language) -> str:
    a, b, n = rng.randint(2, 9), rng.randint(1, 20), rng.randint(2, 5)
    return pick(rng, (f"{a}x + {b}", f"x**{n}", f"{a}x^{n} - {b}x", f"x^{n} + {a}x + {b}", "sin(x)", f"cos({a}x)", f"exp(-{a}x)", f"{a}*x**{n}", f"log(x) + {b}", f"(x + {a})/(x - {b})", f"sqrt(x + {b})"))  # fmt: skip


def region(rng: random.Random, language: Language) -> str:
    place = pick(rng, words_of("city", language))
    return f"{place}, {pick(rng, words_of('region', language))}" if language == "en" and rng.random() < 0.4 else place  # fmt: skip


def symbol(rng: random.Random, language: Language) -> str:
    return pick(rng, words_of("ticker", language)) if rng.random() < 0.6 else "".join(pick(rng, "ABCDEFGHKLMNPRSTVX") for _ in range(rng.randint(2, 4)))  # fmt: skip


BUILDERS: Mapping[str, Builder] = {
    "date": date_text,
    "time": time_text,
    "datetime": lambda r, g: f"{date_text(r, g)} {'at' if g == 'en' else 'à'} {time_text(r, g)}",  # fmt: skip
    "person": person,
    "company": company,
    "title": title,
    "message": filled("message"),
    "topic": filled("topic"),
    "task": filled("task"),
    "sentence": filled("sentence"),
    "event_title": filled("event_title"),
    "product": filled("product"),
    "id": identifier,
    "email": email,
    "url": url,
    "path": path,
    "filename": filename,
    "address": address,
    "formula": formula,
    "place": region,
    "symbol": symbol,
    "phone": lambda r, g: pick(r, (f"+1 {r.randint(200, 999)} {r.randint(200, 999)} {r.randint(1000, 9999)}", f"{r.randint(200, 999)}-{r.randint(1000, 9999)}")) if g == "en" else f"0{r.randint(1, 9)} {r.randint(10, 99)} {r.randint(10, 99)} {r.randint(10, 99)} {r.randint(10, 99)}",  # fmt: skip
    "username": lambda r, g: pick(r, ("", "@")) + fold(pick(r, words_of("first_name", g))) + pick(r, ("_", ".", "")) + pseudo_word(r),  # fmt: skip
    "hashtag": lambda r, g: "#" + pseudo_word(r).capitalize() + pick(r, ("", "2024", "Day", "Week")),
    "zip": lambda r, g: str(r.randint(10000, 98999)),
    "version": lambda r, g: f"{pick(r, ('v', ''))}{r.randint(0, 9)}.{r.randint(0, 20)}.{r.randint(0, 30)}",
    "ip": lambda r, g: ".".join(str(r.randint(1, 254)) for _ in range(4)),
    "flight": lambda r, g: pick(r, ("AF", "BA", "LH", "UA", "DL", "EK", "KL", "IB", "TP")) + str(r.randint(10, 9999)),
    "plate": lambda r, g: f"{''.join(pick(r, 'ABCDEFGHJKLMNPRSTVWXYZ') for _ in range(2))}-{r.randint(100, 999)}-{''.join(pick(r, 'ABCDEFGHJKLMNPRSTVWXYZ') for _ in range(2))}",
    "dna": lambda r, g: "".join(pick(r, "ACGT") for _ in range(r.randint(6, 18))),
    "word": lambda r, g: pseudo_word(r),
    "folder": lambda r, g: path(r, g).rsplit("/", 1)[0] + pick(r, ("", "/", "/" + pseudo_word(r))),
    "branch": lambda r, g: f"{pick(r, ('feature', 'fix', 'hotfix', 'release', 'chore'))}/{pseudo_word(r)}" if r.random() < 0.5 else pick(r, words_of("branch", g)),
    "duration": lambda r, g: f"{r.randint(2, 90)} {pick(r, ('minutes', 'min', 'seconds', 'hours', 'days') if g == 'en' else ('minutes', 'min', 'secondes', 'heures', 'jours'))}" if r.random() < 0.6 else pick(r, words_of("duration", g)),
    "period": lambda r, g: f"{pick(r, ('the last', 'the past') if g == 'en' else ('les', 'ces'))} {r.randint(2, 60)} {pick(r, ('days', 'weeks', 'months') if g == 'en' else ('derniers jours', 'dernières semaines', 'derniers mois'))}" if r.random() < 0.5 else pick(r, words_of("period", g)),
}  # fmt: skip
QUOTED = frozenset("title message sentence topic song book movie painting task event_title".split())
PROPER = frozenset("city company team song book movie artist restaurant hotel landmark product game university museum brand river mountain festival project host league airline painting crypto state repo".split())  # fmt: skip
COMMON = frozenset("food dish ingredient animal disease drug crop plant material gadget keyword tag skill instrument star planet column table protein chemical game genre symptom body_part cuisine room device sport subject exercise crime specialty department garment amenity cell gene movie_genre species".split())  # fmt: skip
QUOTES = {"en": (('"', '"'), ("'", "'"), ("“", "”")), "fr": (('"', '"'), ("« ", " »"), ("'", "'"))}


def string_text(rng: random.Random, kind: str, language: Language) -> str:
    roll = rng.random()
    if roll < 0.12 and kind in PROPER:
        return pseudo_name(rng)
    if roll < 0.25 and kind in ("song", "book", "movie"):
        return title(rng, language)
    if roll > 0.94 and kind in COMMON:
        return pseudo_word(rng)
    if build := BUILDERS.get(kind):
        return build(rng, language)
    text = pick(rng, words_of(kind, language))
    return fill(rng, text, language) if "<" in text else text


def string_value(rng: random.Random, kind: str, language: Language) -> Value:
    gold = string_text(rng, kind, language)
    if rng.random() < (0.6 if kind in QUOTED else 0.05):
        opening, closing = QUOTES[language][int(rng.random() * 3)]
        if opening.strip() not in gold:
            return Value(f"{opening}{gold}{closing}", gold)
    return Value(gold, gold)


def listing(parts: Sequence[str], language: Language, rng: random.Random) -> str:
    if len(parts) == 1:
        return parts[0]
    if rng.random() < 0.15:
        return ", ".join(parts)
    comma = "," if language == "en" and len(parts) > 2 and rng.random() < 0.5 else ""
    return ", ".join(parts[:-1]) + f"{comma} {'and' if language == 'en' else 'et'} {parts[-1]}"


def list_value(rng: random.Random, kind: str, low: float, high: float, language: Language, *, length: int | None = None) -> Value:  # fmt: skip
    """`kind` is a class of strings, or int / num for a list of numbers."""
    if kind in ("int", "num"):
        numbers = [draw_number(rng, low, high, whole=kind == "int") for _ in range(length or rng.randint(2, 7))]  # fmt: skip
        said = [str(n) for n in numbers]
        if length or rng.random() < 0.3:
            return Value("[" + ", ".join(said) + "]", numbers)
        return Value(listing(said, language, rng), numbers)
    texts = list(dict.fromkeys(string_text(rng, kind, language) for _ in range(rng.randint(1, 4))))
    return Value(listing(texts, language, rng), texts)
