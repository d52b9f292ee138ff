"""Which conversation is held where, and how much memory that takes.

All slots are one rectangle, as many tokens long as the longest conversation needs, and it is laid out anew when that
grows. An answer is let in only if the rectangle it leads to, at its longest, fits the memory. A slot whose answer has
ended keeps its tokens: the next conversation that begins with them is not read from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from unified_intelligence.engine.decode import MemoryUsedUpError, failure_of

if TYPE_CHECKING:
    from unified_intelligence.engine.forward import Forward


class NoRoomError(MemoryUsedUpError):
    """There is no room for so many slots, or for a pass beside them; what was in them is lost."""

    def __init__(self, capacity: int, slots: int) -> None:
        super().__init__()
        self.capacity, self.slots = capacity, slots


@dataclass(slots=True, eq=False)
class Slot:
    """Keys and values of the first `read` of `tokens`. `most` is how long its answer may get, 0 while it is free.

    They are those that `adapter` computed, which mean nothing to another one.

    Of the first `sound` it is known that they are numbers, from the logits of the last of them.
    """

    index: int
    tokens: Sequence[int] = ()
    adapter: str = ""
    read: int = 0
    sound: int = 0
    most: int = 0
    last_used: int = 0

    def shared(self, tokens: Sequence[int], adapter: str) -> int:
        """How many tokens of a conversation are held here."""
        return min(self.read, shared_length(self.tokens, tokens)) if adapter == self.adapter else 0


@dataclass(slots=True)
class Slots:
    """At most `most` slots, of at most `memory` tokens together."""

    forward: Forward
    most: int
    memory: int
    _slots: list[Slot] = field(default_factory=list[Slot])
    _clock: count[int] = field(default_factory=count)

    @property
    def busy(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.most]

    def fits(self, most: int) -> bool:
        """Whether one more answer of at most so many tokens has room beside those there are."""
        lengths = [most, *(slot.most for slot in self.busy)]
        return len(lengths) <= self.most and len(lengths) * max(lengths) <= self.memory

    def take(self, prompt: Sequence[int], most: int, adapter: str = "") -> Slot:
        """A slot for an answer of at most so many tokens, prompt included; `fits` was asked before.

        It has as much of the prompt as any slot had, but not its last token: who does not read it gets no next one.
        """
        source, length = None, 0
        if self.forward.rewinds and self._slots:
            shared = [(min(slot.shared(prompt, adapter), len(prompt) - 1), not slot.most) for slot in self._slots]
            source = self._slots[shared.index(max(shared))]  # a free one of them needs no copy
            length = max(shared)[0]
        slot = self._target(source, length)
        slot.most = most  # from here on nobody takes it
        if source and source is not slot:
            self.share(source, slot, length)
        slot.tokens, slot.adapter = prompt, adapter
        slot.read, slot.sound = length, min(slot.sound, length)
        return slot

    def share(self, source: Slot, target: Slot, length: int) -> None:
        """The first tokens of one slot are now held in another too."""
        if length:
            self.forward.copy(source.index, target.index, length)
            target.read, target.sound = length, min(length, source.sound)

    def give_back(self, slot: Slot, *, spoilt: bool = False) -> None:
        """What may be no number is wiped out, so that it is never multiplied with anything again; if spoilt, all."""
        keeps = slot.sound if self.forward.rewinds and not spoilt else 0
        if keeps < slot.read or spoilt:
            self.forward.clear(slot.index, keeps)
        slot.tokens, slot.read, slot.sound = list(slot.tokens[:keeps]), keeps, keeps
        slot.most, slot.last_used = 0, next(self._clock)

    def reach(self, length: int) -> None:
        """Every slot can hold so many tokens."""
        if length <= self.forward.capacity:
            return
        longest = max([length, *(slot.most for slot in self.busy)])
        wanted = min(longest, self.forward.grown(length))
        kept = self._slots
        if wanted * len(kept) > self.memory:  # who is free makes room
            kept = self.busy
            wanted = max(length, min(wanted, self.memory // len(kept)))
        self._lay_out(wanted, kept, len(kept))

    def _target(self, source: Slot | None, shared: int) -> Slot:
        """Whose loss costs least: the source where most of it is of use, one never used, a new one, the oldest."""
        free = [slot for slot in self._slots if not slot.most]
        if source in free and 2 * shared >= source.read:
            return source
        if unused := [slot for slot in free if not slot.read]:
            return unused[0]
        if len(self._slots) < self.most and (len(self._slots) + 1) * self.forward.capacity <= self.memory:
            return self._widen()
        if not free:  # the rectangle is too long for one more
            longest = max(slot.most for slot in self.busy)
            self._lay_out(min(self.forward.capacity, longest), self.busy, len(self.busy) + 1)
            return self._slots[-1]
        return min(free, key=lambda slot: (slot is source, slot.last_used))

    def _widen(self) -> Slot:
        """Twice as many slots where that is possible."""
        begun = len(self._slots)
        capacity = self.forward.capacity
        possible = min(self.most, self.memory // capacity if capacity else self.most)
        self._lay_out(capacity, self._slots, max(begun + 1, min(2 * begun, possible)))
        return self._slots[begun]

    def _lay_out(self, capacity: int, kept: Sequence[Slot], slots: int) -> None:
        moved = {index: (slot.index, slot.read) for index, slot in enumerate(kept)}
        try:
            self.forward.lay_out(capacity, slots, moved)
        except (MemoryError, RuntimeError) as error:
            failure = failure_of(error)
            raise NoRoomError(capacity, slots) if isinstance(failure, MemoryUsedUpError) else failure from error
        self._slots = [*kept, *(Slot(index) for index in range(len(kept), slots))]
        for index, slot in enumerate(self._slots):
            slot.index = index


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens at the beginning are the same; slices are compared, because that runs in C."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
