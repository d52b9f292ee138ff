"""Which pages of memory hold which conversation. What several have in common from the beginning on is there once.

A page holds the keys and values of so many tokens. One that several slots have is never written: whoever comes to
write into it gets a copy of what is its own there. Page 0 is nobody's: what must be written somewhere goes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

PAGE = 64  # tokens: of fewer, a step reads with less haste


class Places(NamedTuple):
    """The places `start` to `end` of a slot, which are to be written."""

    slot: int
    start: int
    end: int


class Change(NamedTuple):
    """What becomes of a page before it is written: the first `kept` places are those of the page `source`.

    `wiped`: the others are zero from then on.
    """

    page: int
    kept: int
    source: int
    wiped: bool

    def is_anew(self) -> bool:
        """Whether nothing is kept of it."""
        return self.wiped and not self.kept


class Tables:
    """The pages of each slot, in the order of its tokens. Pages are handed out from the lowest number on."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.forget()

    def forget(self) -> None:
        """No slot holds anything."""
        self._tables: dict[int, list[int]] = {}
        self._lengths: dict[int, int] = {}
        self._holders = [1]  # how many slots have a page
        self._free: list[int] = []
        self._unsound: set[int] = set()

    @property
    def held(self) -> int:
        """Pages that any slot has."""
        return len(self._holders) - 1 - len(self._free)

    @property
    def end(self) -> int:
        """The number behind the highest page that was handed out."""
        return len(self._holders)

    def table(self, slot: int) -> Sequence[int]:
        return self._tables.get(slot, ())

    def count(self, tokens: int) -> int:
        """Pages that so many tokens take."""
        return -(-tokens // self.page)

    def is_shared(self, page: int) -> bool:
        return self._holders[page] > 1

    def growth(self, places: Iterable[Places]) -> int:
        """Pages that are handed out to write there; at most, where several slots write into a page they share."""
        grows = 0
        for slot, start, end in places:
            table, pages = self._tables.get(slot, ()), self.count(end)
            grows += max(0, pages - len(table))
            grows += sum(self._holders[page] > 1 for page in table[start // self.page : pages])
        return grows

    def end_with(self, places: Sequence[Places]) -> int:
        """What `end` is at most once these places are held: memory is had first, or they would be held in none."""
        return self.end + max(0, self.growth(places) - len(self._free))

    def room(self, lengths: Mapping[int, int]) -> int:
        """Pages that these slots take together when each has got so long."""
        pages, more = set[int](), 0
        for slot, length in lengths.items():
            table, held = self._tables.get(slot, ()), self._lengths.get(slot, 0)
            pages.update(table)
            more += max(0, self.count(length) - len(table))
            more += held % self.page > 0 and self._holders[table[held // self.page]] > 1
        return len(pages) + more

    def hold(self, places: Iterable[Places]) -> list[Change]:
        """Each of these places is in a page that is its slot's alone, once the changes are made in their order.

        Raises IndexError where places before them were never written.
        """
        changes = list[Change]()
        for slot, start, end in places:
            if not 0 <= start <= self._lengths.get(slot, 0):
                raise IndexError(f"slot {slot} does not hold all before place {start}")
            table = self._tables.setdefault(slot, [])
            first, kept = divmod(start, self.page)
            for at in range(first, min(len(table), self.count(end))):
                changes += self._own(table, at, kept if at == first else 0)
            for _ in range(len(table), self.count(end)):
                page, wiped = self._new()
                table.append(page)
                changes += [Change(page, 0, page, wiped)] if wiped else []
            self._lengths[slot] = end
        return changes

    def _own(self, table: list[int], at: int, kept: int) -> list[Change]:
        page = table[at]
        if self._holders[page] > 1:
            table[at], wiped = self._new()
            self._drop(page)
            return [Change(table[at], kept, page, wiped)] if kept or wiped else []
        if page in self._unsound:
            self._unsound.discard(page)
            return [Change(page, kept, page, wiped=True)]
        return []

    def share(self, source: int, target: int, length: int) -> None:
        """The target has the first pages of the source, and nothing else."""
        self.cut(target, 0)
        pages = self._tables[source][: self.count(length)]
        for page in pages:
            self._holders[page] += 1
        self._tables[target], self._lengths[target] = [*pages], length

    def cut(self, slot: int, length: int = 0, *, unsound: bool = False) -> None:
        """The slot gives back what it holds behind a place; `unsound`: that may be no numbers.

        Those are wiped before anybody else gets to see the page.
        """
        table, kept = self._tables.get(slot, []), self.count(length)
        if unsound and length < self._lengths.get(slot, 0):
            self._unsound.update(table[length // self.page :])
        for page in table[kept:]:
            self._drop(page)
        del table[kept:]
        if not table:
            self._tables.pop(slot, None)
        self._lengths[slot] = min(length, self._lengths.get(slot, 0))

    def _new(self) -> tuple[int, bool]:
        """A page, and whether it has to be wiped."""
        if not self._free:
            self._holders.append(1)
            return len(self._holders) - 1, False
        page = heappop(self._free)
        self._holders[page] = 1
        unsound = page in self._unsound
        self._unsound.discard(page)
        return page, unsound

    def _drop(self, page: int) -> None:
        self._holders[page] -= 1
        if not self._holders[page]:
            heappush(self._free, page)


def power(number: int) -> int:
    """The next power of two."""
    return 1 << (number - 1).bit_length()
