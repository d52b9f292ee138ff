"""The search for the highest concurrency that keeps its limits."""

from __future__ import annotations

import pytest

from unified_intelligence.benchmark.sweep.record import INVALID, MEASURED
from unified_intelligence.benchmark.sweep.search import Bounds, Probe, find_knee


class Holding:
    """A server that keeps its limits up to a number at once."""

    def __init__(self, capacity: int, invalid_at: int = 0) -> None:
        self._capacity, self._invalid_at, self.asked = capacity, invalid_at, list[int]()

    def __call__(self, concurrency: int) -> Probe:
        self.asked.append(concurrency)
        if concurrency == self._invalid_at:
            return Probe(concurrency, f"c{concurrency}", INVALID, said="the client was late")
        share = 1.0 if concurrency <= self._capacity else 0.4
        return Probe(concurrency, f"c{concurrency}", MEASURED, share, 2.0 * concurrency)


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 8, 100, 511, 900])
def test_it_is_within_a_tenth_below_and_never_above(capacity: int) -> None:
    server = Holding(capacity)
    found = find_knee(server, Bounds(0.95, 1, 1024))
    assert capacity - max(1, capacity / 10) <= found.concurrency <= capacity
    assert (found.state, found.run) == (MEASURED, f"c{found.concurrency}")
    assert (found.share, found.goodput_per_s) == (1.0, 2.0 * found.concurrency)
    assert "at once keeps 40%" in found.said
    assert len(server.asked) == len(set(server.asked)) <= 16


def test_small_servers_are_found_exactly() -> None:
    assert [find_knee(Holding(own), Bounds(0.95, 4, 64)).concurrency for own in range(1, 11)] == [*range(1, 11)]


def test_nothing_above_the_most_is_asked() -> None:
    server = Holding(1000)
    found = find_knee(server, Bounds(0.95, 3, 20))
    assert (server.asked, found.concurrency) == ([3, 6, 12, 20], 20)
    assert found.said == "the most that was tried keeps them: 20"


def test_none_is_found_below_one() -> None:
    server = Holding(0)
    found = find_knee(server, Bounds(0.95, 4, 64))
    assert (server.asked, found.concurrency, found.run, found.state) == ([4, 2, 1], 0, "", MEASURED)
    assert found.said == "none does: 1 at once keeps 40%"


def test_an_invalid_step_proves_nothing() -> None:
    found = find_knee(Holding(100, invalid_at=8), Bounds(0.95, 1, 64))
    assert (found.state, found.concurrency) == (INVALID, 4)
    assert found.said == "8 at once is invalid: the client was late"
