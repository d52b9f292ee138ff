"""Models that share a device take turns in the order in which they asked."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import torch

from unified_intelligence.engine.turns import Turn, turn_of


def test_who_asks_again_at_once_comes_after_who_waits() -> None:
    """Whoever is inside leaves when the other one has asked: from then on each asks again while the other waits."""
    turn, order, times = Turn(), list[str](), 20

    def work(name: str) -> None:
        for _ in range(times):
            with turn:
                order.append(name)
                until = time.monotonic() + 30
                while not turn.wanted and len(order) < 2 * times and time.monotonic() < until:
                    time.sleep(0.0005)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(order) == ["one"] * times + ["other"] * times
    assert not [first for first, second in pairwise(order) if first == second], f"one of them came again: {order}"


def test_nobody_is_inside_beside_another_and_a_failure_hands_on() -> None:
    turn, inside, most = Turn(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for at in range(200):
            try:
                with turn:
                    inside += 1
                    most = max(most, inside)
                    inside -= 1
                    if at % 7 == 0:
                        raise ValueError
            except ValueError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1
    with turn:
        assert not any(thread.is_alive() for thread in threads)


def test_a_device_has_one_turn() -> None:
    assert turn_of(torch.device("cpu")) is turn_of(torch.device("cpu"))
    assert turn_of(torch.device("cpu")) is not turn_of(torch.device("meta"))
