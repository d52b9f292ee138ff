"""What the drivers share: cases that are run one after the other, and a line of JSON for each. Knows no client.

A driver runs in its client's own environment as `python -m benchmarks.judges.NAME ECHO EMBEDDED LOCAL KEYED CROWDED`,
five addresses of `uic serve`: the provider echo, the embedded model, a small model of random weights, echo behind the
key that JUDGED_KEY holds, and a slow echo behind the same key with room for one answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from inspect import isawaitable

HARD = 'Ça va\u2028bien 🎉\nd\'accord ? — «oui»\t"x" \\ <b> fin'
"""What has to come back unchanged."""
CITY_QUESTION, CITY, RAIN = "What is the weather in Paris?", "Paris", "Il pleut 🌧️ à Paris."
SUM_QUESTION, SUM = "What is 15% of 80?", "12"

Case = Callable[[], Awaitable[None] | None]
_SAID = 300


class Cases:
    """The cases of a driver, in their order. A case holds if it returns."""

    def __init__(self) -> None:
        self._all: list[Case] = []
        addresses = [f"{url}/v1" for url in sys.argv[1:6]]
        self.echo, self.embedded, self.local, self.keyed, self.crowded = addresses

    def case(self, function: Case) -> Case:
        """Its name, with blanks, is the case's."""
        self._all.append(function)
        return function

    def run(self) -> None:
        """All on one event loop, as in a program: clients keep connections between calls."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        for function in self._all:
            said = ""
            try:
                if isawaitable(under_way := function()):
                    await under_way
            except Exception as error:  # noqa: BLE001 - whatever a client raises is its verdict
                said = f"{type(error).__name__}: {error}"[:_SAID]
            name = getattr(function, "__name__", "").replace("_", " ")
            print(json.dumps({"case": name, "passed": not said, "said": said}), flush=True)


def same(came: object, wanted: object = HARD) -> None:
    """Raises AssertionError with both where they differ."""
    if came != wanted:
        raise AssertionError(f"{came!r} instead of {wanted!r}")


def within(part: str, came: object) -> None:
    if part not in str(came):
        raise AssertionError(f"{part!r} is not in {came!r}")


def raised(kind: type[BaseException], function: Callable[[], object]) -> BaseException:
    """What it raised, which has to be of the kind."""
    try:
        came = function()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised; {came!r} came")
