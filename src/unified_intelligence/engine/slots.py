"""Which conversation is held where, and how much memory that takes.

An answer is let in only if it fits the memory at its longest, beside all others at their longest. A slot whose answer
has ended keeps its tokens, as long as nobody needs their memory: the next conversation that begins with them is not
read from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from unified_intelligence.engine.decode import MemoryUsedUpError, failure_of

if TYPE_CHECKING:
    from unified_intelligence.engine.forward import Forward
    from unified_intelligence.engine.pages import Places


class NoRoomError(MemoryUsedUpError):
    """There is no memory for so many tokens in so many slots, or for a pass beside them; what was in them is lost."""

    def __init__(self, tokens: int, slots: int) -> None:
        super().__init__()
        self.tokens, self.slots = tokens, slots


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

    def no_room(self, more: int = 0) -> NoRoomError:
        """For so many tokens beside those that are held."""
        return NoRoomError(self.forward.held + more, sum(slot.most > 0 or slot.read > 0 for slot in self._slots))

    def fits(self, most: int) -> bool:
        """Whether one more answer of at most so many tokens has room beside those there are."""
        lengths = {slot.index: slot.most for slot in self.busy}
        room = self.forward.room(lengths) + -(-most // self.forward.page) * self.forward.page
        return len(lengths) < self.most and room <= self.memory

    def take(self, prompt: Sequence[int], most: int, adapter: str = "") -> Slot:
        """A slot for an answer of at most so many tokens, prompt included; `fits` was asked before.

        It has as much of the prompt as any slot had, but not its last token: who does not read it gets no next one.
        """
        if not self._slots:
            self.forward.forget()  # what somebody had in it before
        source, length = None, 0
        if self.forward.rewinds and self._slots:
            shared = [(min(slot.shared(prompt, adapter), len(prompt) - 1), not slot.most) for slot in self._slots]
            source = self._slots[shared.index(max(shared))]  # a free one of them needs no copy
            length = max(shared)[0]
        slot = self._target(source, length)
        slot.most = most  # from here on nobody takes it
        if source and length and source is not slot:
            self.share(source, slot, length)
        else:
            self.forward.cut(slot.index, length)
        slot.tokens, slot.adapter = prompt, adapter
        slot.read, slot.sound = length, min(slot.sound, length)
        return slot

    def share(self, source: Slot, target: Slot, length: int) -> None:
        """The first tokens of one slot are now held in another too."""
        self.forward.copy(source.index, target.index, length)
        target.read, target.sound = length, min(length, source.sound)

    def give_back(self, slot: Slot, *, spoilt: bool = False) -> None:
        """Frees a slot. Only what is known to be numbers is kept; where it is spoilt, nothing is."""
        keeps = slot.sound if self.forward.rewinds and not spoilt else 0
        self.forward.cut(slot.index, keeps, unsound=True)
        slot.tokens, slot.read, slot.sound = list(slot.tokens[:keeps]), keeps, keeps
        slot.most, slot.last_used = 0, next(self._clock)

    def reach(self, places: Sequence[Places]) -> None:
        """Takes memory to write there; the free slot unused for longest makes room. Raises NoRoomError."""
        grows = self.forward.growth(places)
        while grows and self.forward.held + grows > self.memory and (free := self._kept()):
            oldest = min(free, key=lambda slot: slot.last_used)
            self.forward.cut(oldest.index)
            oldest.tokens, oldest.read, oldest.sound = (), 0, 0
            grows = self.forward.growth(places)  # what was shared with it no longer is
        full = self.no_room(grows)
        try:
            self.forward.hold(places, self.memory)
        except (MemoryError, RuntimeError) as error:
            failure = failure_of(error)
            raise full if isinstance(failure, MemoryUsedUpError) else failure from error

    def _kept(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.read and not slot.most]

    def _target(self, source: Slot | None, shared: int) -> Slot:
        """Whose loss costs least: the source where most of it is of use, one never used, a new one, the oldest."""
        free = [slot for slot in self._slots if not slot.most]
        if source in free and 2 * shared >= source.read:
            return source
        if unused := [slot for slot in free if not slot.read]:
            return unused[0]
        if len(self._slots) < self.most:
            self._slots.append(Slot(len(self._slots)))
            return self._slots[-1]
        return min(free, key=lambda slot: (slot is source, slot.last_used))


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
