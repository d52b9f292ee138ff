"""An answer made plain before its numbers are read: thoughts, LaTeX, Markdown, names with a number in them, dates."""

from __future__ import annotations

import re
from typing import Final

GROUP: Final = "\u00a0"  # every space that a typographer puts between digits

_THOUGHT: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_LATEX_SPACE: Final = re.compile(r"\\[,;:!> ]|~")
_LATEX_TEXT: Final = re.compile(r"\\(?:text|textbf|textrm|mathrm|mathbf|mathit|operatorname|mbox)\s*\{([^{}]*)\}")
_LATEX_FRACTION: Final = re.compile(r"\\d?frac\s*\{(-?\d+(?:\.\d+)?)\}\s*\{(\d+(?:\.\d+)?)\}")
_LATEX_WORDS: Final = {
    r"\approx": "≈",
    r"\simeq": "≈",
    r"\times": "×",
    r"\cdot": "×",
    r"\euro": "€",
    r"\pounds": "£",
    r"\%": "%",
    r"\#": "#",
    r"\left": "",
    r"\right": "",
    "{,}": ",",
    "{.}": ".",
}
_MATH: Final = re.compile(r"(?<![\\$])\$\$?(?=\S)([^$\n]*?[^\s$\\])\$\$?(?!\d)")
_PURE_NUMBER: Final = re.compile(r"[-+\u2212]?[\d.,\s\u00a0]*\d\s*(?:%|€|£)?")
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_POWER: Final = re.compile(r"(?<=10)[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")

_NAMES: Final = re.compile(
    r"\b(?:CAC|SBF|DAX|MSCI|IBEX|FTSE|Nikkei|Nasdaq|Russell|S&P|(?:Euro ?)?Stoxx|Eurostoxx)[ -]?\d{2,4}\b(?!\s*%)",
    re.IGNORECASE,
)
_DATES: Final = re.compile(
    r"\b\d{1,2}[/.]\d{1,2}[/.](?:19|20)\d\d\b|\b(?:19|20)\d\d-\d\d-\d\d\b"
    r"|\b(?:\d{1,2}(?:er|st|nd|rd|th)?\s+)?(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre"
    r"|décembre|january|february|march|april|may|june|july|august|september|october|november|december)"
    r"(?:\s+\d{1,2}(?:st|nd|rd|th)?,)?\s+(?:19|20)\d\d\b"
    r"|\b(?:in|since|en|depuis|fin|année|year)\s+(?:19|20)\d\d\b(?![.,]?\d|\s*[%€$£])",
    re.IGNORECASE,
)
_LABELS: Final = re.compile(
    r"^[ \t]*\d{1,2}[.)](?=[ \t]+\S)"
    r"|\b(?:step|étape|question|exhibit|tableau|table|formula|formule|equation|équation)\s+\d+\b"
    r"|\b\d+(?:st|nd|rd|th|ère|er|ème|e)\b(?!\s*[-+]?\d)",
    re.IGNORECASE | re.MULTILINE,
)


def visible(text: str) -> str:
    """The answer without its thoughts; one that never ends hides the rest."""
    return _THOUGHT.sub("", text)


def plain(text: str) -> str:
    """The text with one spelling for what LaTeX, Markdown and typographers write in many; `**` stays, to be found."""
    text = _POWER.sub(lambda found: "^" + found.group().translate(_SUPERSCRIPTS), text)
    text = re.sub("[\u202f\u2009\u2007\u2008\u200a]", GROUP, text).replace("\u200b", "")
    text = _LATEX_SPACE.sub(lambda found: "" if found.group() == r"\!" else GROUP, text)
    text = _LATEX_FRACTION.sub(lambda found: repr(float(found[1]) / float(found[2])), text)
    text = _LATEX_TEXT.sub(r" \1", text)
    for written, meant in _LATEX_WORDS.items():
        text = text.replace(written, meant)
    text = _MATH.sub(lambda found: found[1] if _is_formula(found[1]) else found.group(), text)
    return text.replace(r"\$", "$")


def _is_formula(inside: str) -> bool:
    """Dollar signs around a formula or a mere number are LaTeX's; between two prices they are money."""
    return any(mark in inside for mark in "\\=^_{≈×") or _PURE_NUMBER.fullmatch(inside) is not None


def _blank(found: re.Match[str]) -> str:
    return "#" * len(found.group())


def without_names(text: str) -> str:
    """The text with other signs for the digits of index names, dates, years and labels: they answer nothing."""
    for pattern in (_NAMES, _DATES, _LABELS):
        text = pattern.sub(_blank, text)
    return text
