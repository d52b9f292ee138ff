"""Nothing of a request is kept when it is over; `benchmarks/engine_soak.py` asks longer."""

from __future__ import annotations

import gc
from collections import Counter
from random import Random

import torch

from benchmarks.engine_soak import LONGEST, SLOTS, ask, model, resident
from unified_intelligence.engine.decode import Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.scheduler import Row
from unified_intelligence.engine.ticket import Ticket

KINDS = (torch.Tensor, torch.Generator, Writing, Row, Ticket)


def alive() -> Counter[str]:
    gc.collect()
    # not isinstance: to ask one for its class wakes up what libraries have deprecated
    found: list[type[object]] = [type(one) for one in gc.get_objects()]
    return Counter({kind.__name__: sum(issubclass(one, kind) for one in found) for kind in KINDS})


def test_hundreds_of_requests_leave_nothing_behind() -> None:
    engine = Engine(FusedForward(model(torch.float32), longest=LONGEST), slots=SLOTS, memory=SLOTS * 600, queue=32)
    random = Random(1)
    ask(engine, random, 64)
    before, held = alive(), resident()
    ask(engine, random, 160)
    after = alive()
    engine.close()
    assert resident() - held < 60
    assert all(after[kind] <= before[kind] + SLOTS for kind in before), (before, after)
    assert engine.forward.held <= SLOTS * 600
