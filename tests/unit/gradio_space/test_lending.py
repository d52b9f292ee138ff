"""A GPU that is refused for so many seconds is asked for once more with fewer, where that can help."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from unified_intelligence.gradio_space.lending import fewer_seconds, with_fewer_seconds


class Refused(Exception):  # noqa: N818 - it is as Gradio's own, which cannot be imported everywhere
    def __init__(self, title: str, text: str) -> None:
        super().__init__(text)
        self.title, self.message = title, text


ILLEGAL = Refused("ZeroGPU illegal duration", "The requested GPU duration (90s) is larger than the maximum allowed")
QUOTA = Refused(
    "ZeroGPU quota exceeded", "You have exceeded your quota (90s requested vs. 45s left). Try again in 1:02"
)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ILLEGAL, 30),
        (QUOTA, 30),
        (Refused("ZeroGPU quota exceeded", "(90s requested vs. 0s left)"), None),
        (Refused("ZeroGPU quota exceeded", "You have exceeded your ZeroGPU runs limit. "), None),
        (Refused("ZeroGPU worker error", "GPU task aborted"), None),
        (ValueError("illegal duration"), None),
    ],
)
def test_how_many_may_be_lent_instead(error: Exception, seconds: int | None) -> None:
    assert fewer_seconds(error, 60) == seconds


def lend(*errors: Exception, said: bool = False, least: int = 15) -> tuple[list[object], list[int]]:
    """What came, the last of it an error, and which seconds were asked for."""
    asked: list[int] = []

    def work(first: Any, second: Any, seconds: int) -> Generator[Any, None, None]:
        asked.append(seconds)
        if said:
            yield "é"
        if len(asked) <= len(errors):
            raise errors[len(asked) - 1]
        yield first, second, seconds

    came: list[object] = []
    try:
        came.extend(with_fewer_seconds(work, 1, 2, 60, least, str.upper))
    except (Refused, ValueError) as error:
        came.append(error)
    return came, asked


def test_it_is_asked_for_once_more_and_said() -> None:
    came, asked = lend(QUOTA)
    assert came == ["ZEROGPU DOES NOT LEND 60 S FOR THIS CALL; IT IS ASKED FOR 30 S.", (1, 2, 30)] and asked == [60, 30]


def test_twice_is_too_often() -> None:
    came, asked = lend(ILLEGAL, ILLEGAL)
    assert came[-1] is ILLEGAL and asked == [60, 30]


def test_too_few_seconds_are_of_no_use() -> None:
    assert lend(ILLEGAL, least=31)[1] == [60]


def test_what_has_begun_is_not_begun_again() -> None:
    assert lend(ILLEGAL, said=True) == (["é", ILLEGAL], [60])


def test_another_error_is_told_as_it_is() -> None:
    error = ValueError("bug")
    assert lend(error) == ([error], [60])
