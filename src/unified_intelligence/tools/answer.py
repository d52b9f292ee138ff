"""The words around a result: what was found, by which formula, and how the question was understood.

All words are data, `answers/en.json` and `answers/fr.json`; this file only fills them in. An entry holds a `sentence`
(or several, `{"by": name, value: sentence, "otherwise": sentence}`), labels for `parameters`, words for enumeration
`values`, and `notes`. A field such as `{interest:money}` names a figure or an argument and how it is printed; in a
label, `{}` or `{:amount}` is the parameter itself, which follows a label without fields. A parameter without a label is
left out, an entry without labels shows every parameter by its name. A tool without an entry still gets an answer.
`{unit|units~count}` agrees with a figure, `{name~count}` does so with the words that `values` has for another one,
and `{result:measure~value}` is as precise as the figure it came from.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import cast

from unified_intelligence.tools.numbers_format import (
    WITHOUT_CENTS,
    format_date,
    format_duration,
    format_money,
    format_number,
    format_percent,
    format_significant,
    format_weekday,
    is_one,
)
from unified_intelligence.tools.quantities import Language
from unified_intelligence.tools.registry import Outcome, Tool

_FIELD = re.compile(r"\{([^{}:~]*)(?::(\w+))?(?:~(\w+))?\}")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_EXACT_DIGITS, _MEASURED_DIGITS = 10, 4
_MEANING_STYLES = {
    "rate": "percent",
    "rates": "percent",
    "years": "duration",
    "days": "days",
    "date": "date",
}


def render(
    tool: Tool,
    bound_arguments: Mapping[str, object],
    outcome: Outcome,
    language: Language,
    *,
    currency: str | None = None,
) -> str:
    """The answer in Markdown: the result in bold, then formula, understanding and notes, a line each.

    `bound_arguments` are those `Tool.bind` gave; `currency` is an ISO code that money is printed with.
    """
    entry = _entries(language).get(tool.name, {})
    printer = _Printer(language, _texts(entry, "values"), currency or "")
    labels = _texts(_entries(language), "_labels")
    lines = (
        ("formula", outcome.formula),
        ("understood", ", ".join(_understood(tool, bound_arguments, entry, printer))),
        ("note", labels["note_separator"].join(_note(key, entry, language) for key in outcome.notes)),
    )
    details = [labels[label].format(text) for label, text in lines if text]
    lead = _lead(entry, {**bound_arguments, **outcome.figures}, printer) or _plain_lead(outcome, printer)
    return "\n\n".join(part for part in (lead, "\n".join(details)) if part)


@dataclass(frozen=True, slots=True)
class _Printer:
    """Prints values in one language; `words` are those of enumeration values."""

    language: Language
    words: Mapping[str, str]
    currency: str

    def show(self, value: object, style: str) -> str:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return self._join([self.show(item, style) for item in cast("Sequence[object]", value)])
        if isinstance(value, str):
            write = _TEXT_STYLES.get(style)
            return write(self, value) if write else self.words.get(value, value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.words.get(str(value).lower(), json.dumps(value, ensure_ascii=False, default=str))
        if style == "exact":
            return format_significant(value, self.language, digits=_EXACT_DIGITS)
        number = float(f"{value:.12g}") + 0.0
        if style.startswith("number") and style != "number":
            return format_number(number, self.language, decimals=int(style.removeprefix("number")))
        return _STYLES.get(style, _Printer.plain)(self, number)

    def agreeing(self, forms: str, count: object) -> str:
        """The form of a word, "mile|miles", that goes with a count."""
        one, _, many = forms.partition("|")
        singular = isinstance(count, int | float) and is_one(count, self.language)
        return one if singular or not many else many

    def measure(self, value: float, like: float) -> str:
        """A converted measure: four significant digits, more where the one it was converted from has more."""
        given = len(f"{like:.12g}".replace(".", "").strip("-0"))
        return format_significant(value, self.language, digits=max(_MEASURED_DIGITS, given), decimals=2)

    def date(self, text: str) -> str:
        return format_date(text, self.language) if _ISO_DATE.fullmatch(text) else text

    def weekday(self, text: str) -> str:
        return format_weekday(date.fromisoformat(text).weekday(), self.language)

    def day(self, text: str) -> str:
        """A date with its weekday: "Tuesday, March 12, 2024"."""
        comma = "," if self.language == "en" else ""
        return f"{self.weekday(text)}{comma} {self.date(text)}"

    def first_weekday(self, text: str) -> str:
        return self.weekday(text).capitalize()

    def first_day(self, text: str) -> str:
        named = self.day(text)
        return named[:1].upper() + named[1:]

    def arithmetic(self, text: str) -> str:
        return re.sub(r"(?<=[0-9])\.(?=[0-9])", ",", text) if self.language == "fr" else text

    def plain(self, value: float) -> str:
        return format_number(value, self.language)

    def percent(self, value: float) -> str:
        return format_percent(value, self.language)

    def signed_percent(self, value: float) -> str:
        return ("+" if value > 0 else "") + self.percent(value)

    def signed_amount(self, value: float) -> str:
        return ("+" if value > 0 else "") + self.amount(value)

    def duration(self, value: float) -> str:
        return format_duration(value, self.language)

    def days(self, value: float) -> str:
        labels = _texts(_entries(self.language), "_labels")
        return labels["day" if is_one(value, self.language) else "days"].format(self.plain(value))

    def money(self, value: float) -> str:
        """Two decimals, or more for what would otherwise read as nothing; none for a currency without cents."""
        if self.currency in WITHOUT_CENTS:
            return self.amount(value)
        return format_money(value, self.currency, self.language, decimals=6 if 0 < abs(value) < 0.005 else 2)

    def amount(self, value: float) -> str:
        """Money as a person wrote it: no decimals where there are no cents."""
        if not self.currency:
            return self.plain(value)
        return format_money(value, self.currency, self.language)

    def _join(self, items: list[str]) -> str:
        labels = _texts(_entries(self.language), "_labels")
        if len(items) < 2:
            return "".join(items)
        return labels["and"].format(labels["separator"].join(items[:-1]), items[-1])


_STYLES: dict[str, Callable[[_Printer, float], str]] = {
    "money": _Printer.money,
    "amount": _Printer.amount,
    "percent": _Printer.percent,
    "signed_percent": _Printer.signed_percent,
    "signed_amount": _Printer.signed_amount,
    "duration": _Printer.duration,
    "days": _Printer.days,
}
_TEXT_STYLES: dict[str, Callable[[_Printer, str], str]] = {
    "date": _Printer.date,
    "day": _Printer.day,
    "first_day": _Printer.first_day,
    "first_weekday": _Printer.first_weekday,
    "arithmetic": _Printer.arithmetic,
}


def _lead(entry: Mapping[str, object], values: Mapping[str, object], printer: _Printer) -> str:
    sentence = entry.get("sentence", "")
    if isinstance(sentence, Mapping):
        choices = cast("Mapping[str, str]", sentence)
        sentence = choices.get(str(values.get(choices["by"])), choices.get("otherwise", ""))
    return _filled(str(sentence), values, printer)


def _filled(text: str, values: Mapping[str, object], printer: _Printer, styles: Mapping[str, str] | None = None) -> str:
    """The text with its fields in words; `styles` are those of fields that name none."""

    def fill(field: re.Match[str]) -> str:
        name, style, counted = field.groups()
        if counted and style:
            return printer.measure(cast("float", values[name]), like=cast("float", values[counted]))
        if counted:
            forms = name if "|" in name else printer.show(values[name], "")
            return printer.agreeing(forms, values[counted])
        return printer.show(values[name], style or (styles or {}).get(name, ""))

    return _FIELD.sub(fill, text)


def _plain_lead(outcome: Outcome, printer: _Printer) -> str:
    shown = [(name.replace("_", " "), printer.show(value, "")) for name, value in outcome.figures.items()]
    if not shown:
        return ""
    first = f"**{shown[0][1]}**" if shown[0][1] else ""
    return ", ".join([first, *(f"{name} {text}" for name, text in shown[1:])])


def _understood(tool: Tool, bound: Mapping[str, object], entry: Mapping[str, object], printer: _Printer) -> list[str]:
    labels = _texts(entry, "parameters")
    labelled = "parameters" in entry
    parts: list[str] = []
    for parameter in tool.parameters:
        name = parameter.name
        if bound.get(name) is None or (labelled and name not in labels):
            continue
        label = labels.get(name, name.replace("_", " "))
        parts.append(_labelled(label, tool, name, bound, printer))
    return parts


def _labelled(label: str, tool: Tool, own: str, bound: Mapping[str, object], printer: _Printer) -> str:
    styles = {item.name: _MEANING_STYLES.get(item.meaning.kind, "") for item in tool.parameters if item.meaning}
    template = label if _FIELD.search(label) else label + " {}"
    return _filled(template, {**bound, "": bound[own]}, printer, {**styles, "": styles.get(own, "")})


def _note(key: str, entry: Mapping[str, object], language: Language) -> str:
    shared = _texts(_entries(language), "_notes")
    return _texts(entry, "notes").get(key) or shared.get(key) or key.replace("_", " ")


def _texts(entry: Mapping[str, object], key: str) -> Mapping[str, str]:
    return cast("Mapping[str, str]", entry.get(key, {}))


@cache
def _entries(language: Language) -> Mapping[str, Mapping[str, object]]:
    text = Path(__file__).parent.joinpath("answers", f"{language}.json").read_text(encoding="utf-8")
    return cast("Mapping[str, Mapping[str, object]]", json.loads(text))
