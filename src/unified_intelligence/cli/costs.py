"""What `uic cost` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from unified_intelligence.benchmark.cost import Cost, Use, cost_of, speed_of
from unified_intelligence.benchmark.store import read_metrics
from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.numbers import wrong
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.spaces.cost import table


def show_prices(output: Output, *, as_json: bool) -> int:
    """The price file."""
    prices = table()
    if as_json:
        output.json(prices, indented=True)
        return 0
    spaces = [
        (name, f"{price:.2f}", prices["as_of"], "Hugging Face Spaces") for name, price in prices["hardware"].items()
    ]
    rented = [
        (name, f"{own['dollars_per_hour']:.2f}", own["as_of"], own["source"])
        for name, own in prices["gpu_hours"].items()
    ]
    output.line(aligned([("WHERE", "USD/H", "AS OF", "SOURCE"), *spaces, *rented]))
    zero = prices["zero_gpu"]
    quota = ", ".join(f"{who} {seconds / 60:g} min" for who, seconds in zero["seconds_a_day"].items())
    output.line(f"zero-gpu: GPU time a day for a caller: {quota}. Beyond: {zero['beyond']}. {zero['note']}")
    output.line(f"Spaces: {prices['unit']}. {prices['source']}.")
    for name, why in prices["doubtful"].items():
        output.line(f"Doubtful: {name}, {why}.")
    return 0


def show_costs(output: Output, given: Mapping[str, Any]) -> int:
    """The offers beside each other, the cheapest at the user's use first."""
    import msgspec

    offers = cast("list[str]", given["offer"] or [])
    if not offers:
        raise InvalidRequestError(
            "There is no offer.", hint="Such as: uic cost RUN@l4x1 RUN@zero-gpu; runs: uic bench show"
        )
    folder, use, prices = runs_of(output, given["runs"]), _use(given), table()
    seconds = _number(given, "gpu_seconds", 0.0)
    found: list[Cost] = []
    for offer in offers:
        run, at, where = offer.rpartition("@")
        if not at or not run:
            raise InvalidRequestError(f"{offer!r} is no offer.", hint="Such as: RUN@l4x1 or RUN@2.50/h")
        found.append(cost_of(speed_of(read_metrics(folder, run), seconds), where, use, prices))
    found.sort(key=lambda own: own.used_1m_requests or 0.0)
    if given["json"]:
        output.json({"use": msgspec.to_builtins(use), "offers": msgspec.to_builtins(found)}, indented=True)
        return 0
    output.line(aligned([_HEAD, *map(_row, found)]))
    notes = {f"{note.rstrip('.')}." for own in found for note in own.notes}
    for note in sorted(notes):
        output.line(f"  {note}")
    for own in found:
        output.line(f"  {own.offer}: its price {own.source}")
    return 0


_HEAD = ("OFFER", "USD/H", "FULL: 1M REQUESTS", "1M TOKENS", "USED", "YOURS: 1M REQUESTS", "1M TOKENS", "A DAY")


def _row(own: Cost) -> tuple[str, ...]:
    return (
        own.offer,
        _usd(own.per_hour),
        _usd(own.full_1m_requests),
        _usd(own.full_1m_tokens),
        "-" if own.used is None else f"{own.used:.1%}",
        _usd(own.used_1m_requests),
        _usd(own.used_1m_tokens),
        _usd(own.a_day),
    )


def _usd(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _use(given: Mapping[str, Any]) -> Use:
    if given["requests"] and given["utilisation"]:
        raise InvalidRequestError("--requests-per-day and --utilisation both say your use.", hint="Give one of them.")
    share = _number({**given, "utilisation": (given["utilisation"] or "").rstrip("%") or None}, "utilisation", 0.0)
    if (given["utilisation"] or "").endswith("%"):
        share /= 100
    hours = _number(given, "hours", 24.0)
    if not 0 < hours <= 24 or share > 1:
        raise InvalidRequestError(
            "--hours is above 0 and at most 24, --utilisation at most 1.", hint="See: uic cost --help"
        )
    return Use(
        requests_a_day=_number(given, "requests", 0.0),
        utilisation=share,
        hours=hours,
        starting=_number(given, "starting", 0.0),
    )


def _number(given: Mapping[str, Any], name: str, default: float) -> float:
    text = given[name]
    try:
        value = default if text is None else float(text.replace(",", ""))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e15:
        flag = {"requests": "requests_per_day"}.get(name, name)
        wrong("cost", flag, "a number from 0", str(text))
    return value
