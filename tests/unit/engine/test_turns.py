"""Models that share a device take turns in the order in which they asked."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import torch

from unified_intelligence.engine.turns import Turn, turn_of


def test_who_asks_again_at_once_comes_after_who_waits() -> None:
    turn, order = Turn(), list[str]()
    ready = threading.Barrier(3)

    def work(name: str, seconds: float) -> None:
        ready.wait()
        for _ in range(20):
            with turn:
                order.append(name)
                time.sleep(seconds)

    threads = [threading.Thread(target=work, args=told) for told in (("short", 0.0), ("long", 0.01))]
    for thread in threads:
        thread.start()
    ready.wait()
    for thread in threads:
        thread.join(30)
    assert sorted(order) == ["long"] * 20 + ["short"] * 20
    first = order[: 1 + order.index("short", order.index("long"))]
    middle = order[len(first) : 30]
    runs = [one for one, other in pairwise(middle) if one == other]
    assert len(runs) <= 4, f"one of them went on and on: {order}"


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
