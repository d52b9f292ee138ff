"""A GPU of ZeroGPU: how work is done on one, and what is done when it is refused for that long.

ZeroGPU looks at the seconds a call asks for before it lends anything, and the quota is the caller's. A call that was
refused because of them is made once more with fewer: the work knows its seconds and ends with them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[Any, Any, int], Generator[Any, None, None]]
"""Two arguments of its own, and the seconds it has. Both cross into another process, and so do its results."""

OnGpu = Callable[[Work, Callable[[Any, Any, int], int]], Work]
"""Has the work done on a GPU, which it holds for as many seconds as the second function says of a call."""

log = logging.getLogger("unified_intelligence.gradio_space")
_LEFT = re.compile(r"\((\d+)s requested vs\. (\d+)s left\)")


def zero_gpu(size: str) -> OnGpu | None:
    """ZeroGPU of a size, `large` or `xlarge`; None on any other machine. To be called before torch is imported."""
    if find_spec("spaces") is None:
        return None
    gpu = import_module("spaces").GPU
    if not import_module("spaces.config").Config.zero_gpu:
        return None

    def on_gpu(work: Work, seconds: Callable[[Any, Any, int], int]) -> Work:
        return gpu(duration=seconds, size=size)(work)

    return on_gpu


def lent(work: Work, on_gpu: OnGpu | None) -> Work:
    """The work as it is done here: on a GPU that is lent for its seconds, or as it stands."""
    return on_gpu(work, _as_said) if on_gpu else work


def with_fewer_seconds(
    work: Work, first: Any, second: Any, seconds: int, least: int, note: Callable[[str], T]
) -> Generator[Any | T, None, None]:
    """What the work yields; asked for once more with fewer seconds, at least `least`, where they are refused.

    `note` makes of a sentence about that what is yielded before. Raises what ZeroGPU raises.
    """
    begun = False
    try:
        with closing(work(first, second, seconds)) as results:
            for result in results:
                begun = True
                yield result
    except Exception as error:
        fewer = fewer_seconds(error, seconds)
        if begun or fewer is None or fewer < least:
            raise
        told = f"ZeroGPU does not lend {seconds} s for this call; it is asked for {fewer} s."
    else:
        return
    log.info(told)
    yield note(told)
    with closing(work(first, second, fewer)) as results:
        yield from results


def fewer_seconds(error: Exception, seconds: int) -> int | None:
    """What may be lent where `seconds` were not: what the quota has left, or half; None where it is not about them.

    An error of ZeroGPU is one of Gradio, which has a title and a message.
    """
    title = str(getattr(error, "title", ""))
    if "quota exceeded" in title and (found := _LEFT.search(str(getattr(error, "message", "")))):
        requested, left = map(int, found.groups())
        return seconds * left // requested if 0 < left < requested else None
    return seconds // 2 if "illegal duration" in title else None


def _as_said(first: Any, second: Any, seconds: int) -> int:  # noqa: ARG001 - ZeroGPU calls it as it calls the work
    return seconds
