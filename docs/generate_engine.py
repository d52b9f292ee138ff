"""Fills in docs/engine.md, the options of `local` and what was measured: `python docs/generate_engine.py [--check]`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from writing import written

from unified_intelligence.factories.options import REQUIRED, Option
from unified_intelligence.factories.provider_factory import ProviderFactory
from unified_intelligence.figures.markdown import table

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/engine.md"
RESULTS = "benchmarks/results/engine_{}.json"
_PLACE = re.compile(r"(<!-- (?:measured|generated): engine-(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NOTHING = "Not measured yet: the script stands ready."


def document() -> str:
    """The whole document with today's options and result files."""

    def fill(place: re.Match[str]) -> str:
        return f"{place[1]}{options() if place[2] == 'options' else measured(place[2])}\n{place[3]}"

    return _PLACE.sub(fill, DOCUMENT.read_text(encoding="utf-8"))


def options() -> str:
    own = ProviderFactory().options("local")
    rows = ((f"`{one.name}`", "/".join(one.choices), _default(one), one.description) for one in own)
    return table(("option", "one of", "default", "what it is"), rows)


def _default(option: Option) -> str:
    return "needed" if option.default is REQUIRED else "" if option.default is None else f"`{option.default}`"


def measured(part: str) -> str:
    path = ROOT / RESULTS.format(part)
    if not path.is_file():
        return _NOTHING
    result = json.loads(path.read_text(encoding="utf-8"))
    load = result["load average after each case"]
    told = (
        f"From `{RESULTS.format(part)}`, written on {result['date']} by `{result['command']}`; "
        f"load average {min(load)} to {max(load)}."
    )
    return f"{told}\n\n{_TABLES[part](result)}"


def _decode(result: Mapping[str, Any]) -> str:
    head = (
        "vocabulary",
        "case",
        "generate, tokens/s",
        "weights",
        "tokens/s",
        "times generate",
        "times, wall",
        "share",
        "at least",
    )
    return table(head, _decode_rows(result["models"]))


def _decode_rows(models: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    fastest = max(case["read GB/s"]["most"] for cases in models.values() for case in cases.values())
    for model, cases in models.items():
        size = model.partition("vocabulary ")[2].partition(",")[0]
        for name, case in cases.items():
            for kind in ("bfloat16", "int8", "int4"):
                own = case[kind]
                times = own["times generate"]
                rates = case["generate"][_CPU], kind, own[_CPU]
                least = own["share of the best read bandwidth"] * case["read GB/s"]["most"] / fastest
                yield size, name, *rates, times["processor"], times["wall"], f"{own[_SHARE]:.0%}", f"{least:.0%}"


def _whole(result: Mapping[str, Any]) -> str:
    rows = (
        (streams, way, case["bare forward pass"][_CPU], own[_CPU], own[_ADDED], own["times generate"]["processor"])
        for streams, case in result["cases"].items()
        for way, own in case.items()
        if way not in ("generate", "bare forward pass")
    )
    return table(
        ("streams", "sampling", "bare, tokens/s", "engine, tokens/s", "added ms a step", "times generate"), rows
    )


def _served(result: Mapping[str, Any]) -> str:
    told = (
        f"{result['clients']} clients, {result['prompt']} tokens read; "
        "the last two columns are those of `uic serve` beside that server."
    )
    return f"{told}\n\n{_http(result)}"


def _http(result: Mapping[str, Any]) -> str:
    rows = [
        (written, name, one["tokens/s, all clients"], one[_EACH], *(one.get(key, "") for key in (*_FIRST, *_TIMES)))
        for written, servers in result["servers, answers of"].items()
        for name, one in servers.items()
    ]
    head = (
        "answers of", "server", "tokens/s", "processor ms a token", "s to first, median", "last",
        "times the tokens/s", "times to first",
    )  # fmt: skip
    over = "; ".join(
        f"at {key.removeprefix(_OVER)} {told['wall']} times as long, {told['processor']} times the processor time"
        for key, told in result.items()
        if key.startswith(_OVER)
    )
    return f"{table(head, rows)}\n\n`uic serve` over the engine without HTTP: {over}."


def _llama(result: Mapping[str, Any]) -> str:
    rows = (
        (name, case["llama.cpp"][_CPU], _share(case["llama.cpp"]), case["own"][_CPU], _share(case["own"]),
         case["own"]["times llama.cpp"]["processor"], case["own"]["times llama.cpp"]["wall"])
        for name, case in result["cases"].items()
    )  # fmt: skip
    head = ("case", "llama.cpp, tokens/s", "share", "ours, tokens/s", "share", "times llama.cpp", "times, wall")
    alike = min(case[_ALIKE] for case in result["cases"].values() if _ALIKE in case)
    told = f"Both in bfloat16, with the same weights: the logits' correlation is {alike} or more."
    built = f"That llama.cpp says of itself: `{result['llama.cpp'].strip(' |')}`."
    http = f"\n\nOver HTTP:\n\n{_http(result['http'])}" if "http" in result else ""
    return f"{told} {built}\n\n{table(head, rows)}{http}"


def _share(case: Mapping[str, Any]) -> str:
    return f"{case[_SHARE]:.0%}" if _SHARE in case else ""


def _prefix(result: Mapping[str, Any]) -> str:
    rows = (
        (name, *(case[f"{way}, s to the first token of all"]["processor"] for way in ("new", "read before")),
         case["times as fast"]["processor"], case["times as fast"]["wall"])
        for name, case in result["cases"].items()
    )  # fmt: skip
    return table(("requests", "new, s", "beginning read before, s", "times as fast", "times, wall"), rows)


def _tools(result: Mapping[str, Any]) -> str:
    calls = (
        (name, one["tokens"], one["forward passes"], one["passes a token"]) for name, one in result["calls"].items()
    )
    costs = (
        (name, one["constraint, processor ms a token"], one["free, processor ms a token"], f"{one['share']:.2%}")
        for name, one in result["cost"].items()
    )
    return (
        table(("calls of", "tokens", "forward passes", "passes a token"), calls)
        + "\n\n"
        + table(("streams", "constraint, ms a token", "all of a free token, ms", "share"), costs)
    )


def _memory(result: Mapping[str, Any]) -> str:
    held = result["resident MiB after so many requests"]
    chosen = [name for at, name in enumerate(held) if at % 5 == 0 or at == len(held) - 1]
    later = list(held.items())[len(held) // 2 :]
    grown, between = round(later[-1][1] - later[0][1], 1), f"{later[0][0]} and {later[-1][0]}"
    rows = [[name, held[name]] for name in chosen]
    told = table(("requests", "resident MiB"), rows)
    return f"{told}\n\nBetween {between} requests it grew by {grown} MiB."


def _pages(result: Mapping[str, Any]) -> str:
    head = ("requests", "share of the held memory that is used", "at once", "at once if each took the longest's room")
    told = f"{result['memory, tokens']} tokens of memory, in pages of {result['page, tokens']}; medians of all steps."
    cases = ((name, *case.values()) for name, case in result["cases"].items())
    return f"{told}\n\n{table(head, ((name, f'{used:.1%}', *rest) for name, used, *rest in cases))}"


def _sampling(result: Mapping[str, Any]) -> str:
    rows = (
        (rows, way, *(case[f"{name}, ms"]["median"] for name in ("by torch, each alone", "the engine", "all together")),
         *(case[f"{name}, times as fast"]["wall"] for name in ("the engine", "all together")))
        for rows, ways in result["cases"].items()
        for way, case in ways.items()
    )  # fmt: skip
    head = (
        "rows",
        "sampling",
        "by torch, ms",
        "the engine, ms",
        "all together, ms",
        "engine, times",
        "together, times",
    )
    return f"Device {result['device']}, a vocabulary of {result['vocabulary']}.\n\n{table(head, rows)}"


def _gpu(result: Mapping[str, Any]) -> str:
    rows = [(case, name, figure) for case, told in result["cases"].items() for name, figure in _plain(told)]
    rows += [("compared", name, figure) for name, figure in result["compared"].items()]
    return table(("case", "figure", ""), rows)


def _plain(told: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, figure in told.items():
        if isinstance(figure, dict):
            deeper = cast("Mapping[str, object]", figure)
            yield from ((f"{name}: {each}", one) for each, one in deeper.items())
        else:
            yield name, figure


_CPU = "tokens/s of processor time"
_SHARE = "share of read bandwidth"
_ALIKE = "correlation of the logits"
_OVER = "uic serve over the bare engine, "
_ADDED = "added, processor ms a step"
_EACH = "processor ms a token"
_FIRST = ("s to the first token, median", "s to the first token, last")
_TIMES = ("uic serve, times the tokens/s", "uic serve, times to the first token")
_TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "decode": _decode, "whole": _whole, "served": _served, "prefix": _prefix, "tools": _tools, "memory": _memory,
    "pages": _pages, "sampling": _sampling, "llama": _llama, "gpu": _gpu,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(written(DOCUMENT, document(), sys.argv[1:]))
