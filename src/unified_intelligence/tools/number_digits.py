"""Numbers written with digits: grouping, decimal marks, canonical text. Signs, scales and units are read elsewhere.

A canonical number is a string: no grouping, a decimal point, no useless zero, no exponent. Arithmetic on it moves
the point, so that "1.2 million" is exactly "1200000".
"""

import re
from functools import cache
from typing import Final

from .text_language import Language

NO_BREAK_SPACES: Final = "\u00a0\u202f\u2009"
SPACES: Final = " \t" + NO_BREAK_SPACES
_MOST_GROUPS: Final = 6


@cache
def pattern(source: str) -> re.Pattern[str]:
    """The compiled pattern, made at its first use: importing this package compiles nothing."""
    return re.compile(source)


def canonical(integer: str, fraction: str = "") -> str:
    integer, fraction = integer.lstrip("0") or "0", fraction.rstrip("0")
    return f"{integer}.{fraction}" if fraction else integer


def number_text(value: float) -> str:
    """The canonical text of a float; digits beyond the twelfth decimal are noise."""
    integer, _, fraction = f"{abs(value):.12f}".partition(".")
    text = canonical(integer, fraction)
    return f"-{text}" if value < 0 and text != "0" else text


def shifted(number: str, places: int) -> str:
    """`number` times ten to the power `places`, exactly."""
    integer, _, fraction = number.partition(".")
    if places >= 0:
        fraction = fraction.ljust(places, "0")
        return canonical(integer + fraction[:places], fraction[places:])
    integer = integer.zfill(1 - places)
    return canonical(integer[:places], integer[places:] + fraction)


def _are_groups(parts: list[str]) -> bool:
    first, rest = parts[0], parts[1:]
    return len(first) <= 3 and first[0] != "0" and all(len(part) == 3 for part in rest)


def _is_ip_address(parts: list[str]) -> bool:
    return len(parts) == 4 and "000" not in parts and all(int(part) <= 255 for part in parts)


def _mixed(text: str) -> str | None:
    """ "1,234.56" or "1.234,56": the mark that comes last, once, is the decimal one."""
    last = max(text.rfind("."), text.rfind(","))
    mark, grouping = text[last], "." if text[last] == "," else ","
    parts = text[:last].split(grouping)
    if mark in text[:last] or not _are_groups(parts):
        return None
    return canonical("".join(parts), text[last + 1 :])


def read_cluster(cluster: str, language: Language) -> str | None:
    """The canonical number behind digits and marks without spaces, or None: an address, a version, a list."""
    text = cluster.replace("'", "").replace("\u2019", "")
    points, commas = text.count("."), text.count(",")
    if points and commas:
        return _mixed(text)
    if not points and not commas:
        return canonical(text) if text[0] != "0" or text == "0" else None
    parts = text.split("." if points else ",")
    if len(parts) == 2:
        if commas and language == "en" and _are_groups(parts):
            return canonical("".join(parts))
        return canonical(*parts) if parts[0][0] != "0" or parts[0] == "0" else None
    if not _are_groups(parts) or (points and _is_ip_address(parts)):
        return None
    return canonical("".join(parts))


def read_list(cluster: str, language: Language) -> list[tuple[int, int, str]]:
    """(start, end, number) of each number of a cluster: one, or several as in "1.5,2.5,3"; none for an identifier."""
    whole = read_cluster(cluster, language)
    if whole is not None:
        return [(0, len(cluster), whole)]
    found: list[tuple[int, int, str]] = []
    start = 0
    for part in cluster.split(","):
        number = read_cluster(part, language)
        if number is None:
            return []
        found.append((start, start + len(part), number))
        start += len(part) + 1
    return found


def _plain_spaces_group(first: str, groups: list[str], language: Language, *, after_number: bool, money: bool) -> bool:
    """Whether ordinary spaces group ("250 000") or separate ("100 200 300"): no typographer decided this one."""
    if groups[-1] == "000":
        return True
    if after_number or len(groups) > 2:
        return False
    if money:
        return True
    if len(first) == 3:
        return language == "fr" and len(groups) == 1
    return len(groups) == 1 or language == "fr" or len(first) == 1


def read_spaced(text: str, start: int, end: int, language: Language, *, after_number: bool) -> tuple[str, int] | None:
    """The number whose first group is text[start:end] and whose next groups follow after spaces, with its end."""
    first = text[start:end]
    if not (len(first) <= 3 and first.isdigit()) or first[0] == "0":
        return None
    match = pattern(rf"(?:[{NO_BREAK_SPACES}][0-9]{{3}}(?![0-9])){{1,{_MOST_GROUPS}}}").match(text, end)
    if match is None:
        match = pattern(rf"(?: [0-9]{{3}}(?![0-9])){{1,{_MOST_GROUPS}}}").match(text, end)
        if match is None:
            return None
        money = text[match.end() : match.end() + 2].strip()[:1] in {"€", "$", "£", "¥"} or text[start - 1 : start] in {
            "€",
            "$",
            "£",
        }
        if not _plain_spaces_group(first, match.group().split(), language, after_number=after_number, money=money):
            return None
    decimals = pattern(r"[.,]([0-9]+)(?![.,]?[0-9])").match(text, match.end())
    digits = first + "".join(char for char in match.group() if char.isdigit())
    if decimals is None:
        return canonical(digits), match.end()
    return canonical(digits, decimals.group(1)), decimals.end()
