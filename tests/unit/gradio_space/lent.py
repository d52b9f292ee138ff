"""A GPU that is lent in the tests: whatever is asked for, it only notes for how long."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any


def on_gpu(lent: list[int]) -> Callable[[Any, Any], Any]:
    """Notes for how many seconds a GPU was asked for."""

    def decorate(work: Any, seconds: Any) -> Any:
        def decorated(*arguments: Any) -> Generator[Any, None, None]:
            lent.append(seconds(*arguments))
            yield from work(*arguments)

        return decorated

    return decorate
