"""Many answers side by side: every step reads what each of them has unread, in one pass of the model.

An answer comes in and goes out between two steps. A prompt is read in pieces as long as a moment allows, so that a long
one stalls nobody. Each answer draws its own tokens; what goes wrong with one ends that one.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from unified_intelligence.engine.decode import MemoryUsedUpError, are_spoilt, draw_each, run
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.slots import NoRoomError, Slot, Slots, shared_length
from unified_intelligence.engine.speculation import MOST, Asked
from unified_intelligence.engine.ticket import End, Ticket
from unified_intelligence.entities.errors import (
    ContextLengthError,
    DeviceLostError,
    InvalidRequestError,
    ModelError,
    TimedOutError,
    UnifiedIntelligenceError,
)

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.decode import Writing
    from unified_intelligence.engine.forward import Forward
    from unified_intelligence.engine.sampling import Chosen, Wish
    from unified_intelligence.engine.speculation import Speculation

_AT_ONCE = 16  # unread tokens that are no prompt, but an answer going on
_WORTH_WAITING = 32  # tokens of a beginning that another answer is just reading
_BESIDE_OTHERS, _BESIDE_FEWER, _ALONE = 0.15, 0.3, 0.6  # seconds a step may read prompts
_MOST = 8192  # tokens of prompts in a step: what a pass computes on the way takes memory too
_LESS = 0.75  # of what there was no room for is tried next
_LEAST = 16  # tokens of a prompt a step reads, however long that takes


@dataclass(slots=True, eq=False)
class Row:
    """One answer in the engine: lower `priority` first, then in order; after its `deadline` it is not begun any more.

    `leader` is another that is just reading the same `common` first tokens. `guessed` ends where a guess was no number.
    `begun`: it was let in once, even if it waits again.
    """

    writing: Writing
    ticket: Ticket
    priority: int = 0
    deadline: float | None = None
    came: float = field(default_factory=time.monotonic)
    number: int = 0
    slot: Slot = field(init=False)
    leader: Row | None = None
    common: int = 0
    guessed: bool = True
    begun: bool = False
    ended: bool = False

    @property
    def unread(self) -> int:
        return len(self.writing.tokens) - self.slot.read


_Taking: TypeAlias = "Generator[tuple[torch.Tensor, Wish], Chosen | Exception, None]"


class Scheduler:
    """Advances all answers, a step at a time, in one thread."""

    def __init__(self, forward: Forward, *, slots: int, memory: int, speculation: Speculation | None = None) -> None:
        self._memory = memory - memory % forward.page
        self._forward, self._slots = forward, Slots(forward, slots, self._memory)
        self._speculation = speculation if forward.rewinds else None
        self._waiting: list[Row] = []
        self._rows: list[Row] = []
        self._numbers = count()
        self._pace = Pace()
        self._told: dict[Ticket, None] = {}

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._rows)

    @property
    def free(self) -> int:
        """Slots that nobody has."""
        return self._slots.most - len(self._rows)

    def check(self, writing: Writing) -> None:
        """Raises ContextLengthError for what would not even fit the memory alone, InvalidRequestError.

        Beyond its places and its vocabulary a model reads wherever it happens to; on a GPU, that ends the process's use
        of it.
        """
        longest = min(self._memory, self._forward.longest)
        if writing.longest > longest:
            raise ContextLengthError(writing.longest, longest)
        if not writing.prompt:
            raise InvalidRequestError("There are no tokens to go on from.")
        if not 0 <= min(writing.prompt) <= max(writing.prompt) < self._forward.vocabulary:
            raise InvalidRequestError(
                f"The conversation holds a token that is none of the model's {self._forward.vocabulary}.",
                hint="Use the tokenizer the model was trained with.",
            )

    def add(self, row: Row) -> None:
        """Lets an answer wait for a slot."""
        if not self._rows and not self._waiting:
            self._slots.memory = self._memory  # who used up the memory once may have left
        row.number = next(self._numbers)
        self._waiting.append(row)
        self._waiting.sort(key=_in_order)

    def step(self) -> Iterable[Ticket]:
        """One pass of the model for all answers; gives the tickets that were told something."""
        import torch

        self._told = {}
        with torch.inference_mode():
            self._drop_cancelled()
            try:
                self._let_in()
                plan = self._plan()
                self._advance(plan)
            except NoRoomError as error:
                self._begin_again(error)
        return self._told

    def fail(self, error: Exception) -> Iterable[Ticket]:
        """Ends all answers with an error."""
        self._told = {}
        for row in [*self._rows, *self._waiting]:
            self._tell(row, error)
        self.forget()
        return self._told

    def forget(self) -> None:
        """There are no answers, and no slots."""
        self._rows, self._waiting = [], []
        self._slots = Slots(self._forward, self._slots.most, self._memory)
        if self._speculation:
            self._speculation.clear()

    def _begin_again(self, error: NoRoomError) -> None:
        """Fewer are let in, and what they have is read again: their tokens are known, only the slots are lost.

        One for whom alone there is no room fails.
        """
        rows, self._rows = self._rows, []
        if error.slots == 1 and rows:
            alone = rows.pop()
            alone.ended = True
            if self._speculation:
                self._speculation.forget(alone.number)
            self._tell(alone, error)
        for row in rows:
            row.leader, row.common = None, 0
        self._waiting = sorted([*rows, *self._waiting], key=_in_order)
        self._forward.forget()
        self._slots = Slots(self._forward, self._slots.most, int(_LESS * error.tokens))

    def _drop_cancelled(self) -> None:
        now = time.monotonic()
        for row in [row for row in self._rows if row.ticket.cancelled]:
            self._end(row, End(complete=False))
        for row in list(self._waiting):
            if row.ticket.cancelled:
                self._refuse(row, End(complete=False))
            elif row.deadline is not None and not row.begun and now > row.deadline:
                self._refuse(row, TimedOutError("queue", max(0.0, round(row.deadline - row.came, 2))))

    def _let_in(self) -> None:
        """Gives slots in order: an answer without room keeps those behind it waiting, or it would wait forever."""
        while self._waiting and (not self._rows or self._slots.fits(self._waiting[0].writing.longest)):
            row = self._waiting[0]
            row.slot = self._slots.take(row.writing.tokens, row.writing.longest, row.writing.adapter)
            self._follow(row)
            self._rows.append(self._waiting.pop(0))
            if not row.begun:
                row.begun, row.ticket.cached = True, row.slot.read
                with self._for_itself(row):
                    self._begin(row)

    def _begin(self, row: Row) -> None:
        self._put(row, row.writing.forced())
        if not row.writing.goes_on:
            self._end(row, End(complete=row.writing.complete))

    def _follow(self, row: Row) -> None:
        """Finds who is reading more of the same beginning than any slot holds."""
        if not self._forward.rewinds:
            return
        for other in self._rows:
            if other.writing.adapter != row.writing.adapter:
                continue
            common = min(shared_length(other.writing.prompt, row.writing.prompt), len(row.writing.prompt) - 1)
            if common > max(other.slot.read, row.slot.read + _WORTH_WAITING, row.common):
                row.leader, row.common = other, common

    def _is_led(self, row: Row) -> bool:
        """Whether it has to wait for its leader; when that has read what they share, it goes on from there."""
        if row.leader is None:
            return False
        if not row.leader.ended and row.leader.slot.read < row.common:
            return True
        if not row.leader.ended:
            self._slots.share(row.leader.slot, row.slot, row.common)
            row.ticket.cached = row.common
        row.leader = None
        return False

    def _plan(self) -> list[tuple[Row, Piece]]:
        rows = [row for row in self._rows if not self._is_led(row)]
        reading = [row for row in rows if row.unread > _AT_ONCE]
        shares = _shares(reading, self._pace.tokens(_patience(len(reading), len(rows) - len(reading))))
        sizes = [shares.get(row, row.unread) for row in rows]
        ends = [(row, row.slot.read + size) for row, size in zip(rows, sizes, strict=True) if size]
        guesses = self._guesses(ends)
        plan = [(row, _piece(row, end, more)) for (row, end), more in zip(ends, guesses, strict=True)]
        self._slots.reach([piece.places for _, piece in plan])
        return plan

    def _guesses(self, ends: Sequence[tuple[Row, int]]) -> list[Sequence[int]]:
        """What is read behind each end."""
        if not self._speculation:
            return [()] * len(ends)
        return self._speculation.guesses([_asked(row, end) for row, end in ends])

    def _advance(self, plan: Sequence[tuple[Row, Piece]]) -> None:
        if not plan:
            return
        started = time.perf_counter()
        read = self._read([piece for _, piece in plan])
        taking: dict[Row, _Taking] = {}
        spoilt = iter(are_spoilt([each for each in read if not isinstance(each, ModelError) and len(each) > 1]))
        for (row, piece), logits in zip(plan, read, strict=True):
            if isinstance(logits, ModelError):
                self._end(row, logits, spoilt=True)
                continue
            row.slot.read = piece.end - max(piece.wanted - 1, 0)
            taking[row] = self._take(row, piece, logits, again=len(logits) > 1 and next(spoilt))
        self._draw(taking)  # a GPU has finished the pass then, not before
        self._pace.note(sum(len(piece.tokens) for _, piece in plan), time.perf_counter() - started)

    def _draw(self, taking: Mapping[Row, _Taking]) -> None:
        """A token of each at a time: those of all together take hardly longer than one."""
        drawn: dict[Row, Any] = dict.fromkeys(taking)  # nothing at first
        while drawn:
            wanted: dict[Row, tuple[torch.Tensor, Wish]] = {}
            for row, one in drawn.items():
                with self._for_itself(row), suppress(StopIteration):
                    wanted[row] = taking[row].send(one)
            come = draw_each([logits for logits, _ in wanted.values()], [wish for _, wish in wanted.values()])
            drawn = dict(zip(wanted, come, strict=True))

    @contextmanager
    def _for_itself(self, row: Row) -> Generator[None]:
        """What goes wrong with one answer ends that one."""
        try:
            yield
        except UnifiedIntelligenceError as error:
            self._end(row, error, spoilt=True)
        except Exception as error:  # noqa: BLE001 - nobody else's answer ends for a fault of ours in this one
            failure = ModelError(f"The answer broke: {error!r}", hint="Please report this.")
            failure.__cause__ = error
            self._end(row, failure, spoilt=True)

    def _read(self, pieces: Sequence[Piece]) -> Sequence[torch.Tensor | ModelError]:
        """The logits of each piece; where a pass breaks, each is read alone, so that only the culprit fails.

        Raises NoRoomError where even one finds no memory beside the slots of others.

        Pieces that are no one pass are never read twice: a cache that cannot go back would hold them twice.
        """
        import torch

        if len(pieces) > 1 and not self._forward.together:
            return [self._read([piece])[0] for piece in pieces]
        try:
            logits = run(self._forward.read, pieces=pieces)
        except DeviceLostError:
            raise
        except ModelError as error:
            if len(pieces) == 1 and isinstance(error, MemoryUsedUpError) and (full := self._slots.no_room()).slots > 1:
                raise full from error
            return [error] if len(pieces) == 1 else [self._read([piece])[0] for piece in pieces]
        return torch.split(logits, [piece.wanted for piece in pieces])

    def _take(self, row: Row, piece: Piece, logits: torch.Tensor, *, again: bool) -> _Taking:
        """The next token, and those after it as long as they are the ones that were guessed: each is drawn outside."""
        guessed = piece.tokens[len(piece.tokens) - piece.wanted + 1 :]
        if again:
            return self._read_again(row)
        right = 0
        while piece.wanted:
            chosen = row.writing.accept((yield logits[right], row.writing.wish()))
            row.slot.sound = row.slot.read
            if chosen is None:
                return self._end(row, End(complete=True))
            come = [chosen, *row.writing.forced()]
            self._put(row, come)
            if not row.writing.goes_on:
                return self._end(row, End(complete=row.writing.complete))
            same = shared_length(guessed[right:], [one.token for one in come])
            row.slot.read, right = row.slot.read + same, right + same
            if same < len(come):
                break
        if self._speculation and guessed:
            self._speculation.note(row.number, right, refused=right < len(guessed))
        return None

    def _read_again(self, row: Row) -> None:
        """Reads an answer from its start, without guesses: what came of one is in the slot, and spoils even what was
        sure.
        """
        self._forward.cut(row.slot.index, unsound=True)
        row.slot.read, row.guessed = 0, False

    def _put(self, row: Row, chosen: Iterable[Chosen]) -> None:
        for one in chosen:
            self._tell(row, one)

    def _tell(self, row: Row, item: Chosen | End | Exception) -> None:
        row.ticket.put(item)
        self._told[row.ticket] = None

    def _end(self, row: Row, item: End | Exception, *, spoilt: bool = False) -> None:
        row.ended = True
        self._rows.remove(row)
        self._slots.give_back(row.slot, spoilt=spoilt)
        if self._speculation:
            self._speculation.forget(row.number)
        self._tell(row, item)

    def _refuse(self, row: Row, item: End | Exception) -> None:
        self._waiting.remove(row)
        self._tell(row, item)


class Pace:
    """How many tokens can be read in a time, as it was lately."""

    def __init__(self) -> None:
        self._rate = 200.0  # tokens a second, before anything was read

    def tokens(self, seconds: float) -> int:
        return min(max(_LEAST, int(self._rate * seconds)), _MOST)

    def note(self, tokens: int, seconds: float) -> None:
        if tokens >= _LEAST:
            self._rate += 0.5 * (tokens / max(seconds, 1e-6) - self._rate)


def _patience(reading: int, writing: int) -> float:
    """Seconds that those who write can wait: longer where more wait for their first token than for a further one."""
    if not writing:
        return _ALONE
    return _BESIDE_FEWER if reading > writing else _BESIDE_OTHERS


def _shares(reading: Sequence[Row], tokens: int) -> dict[Row, int]:
    """Who reads how much of its prompt: half goes to who is soonest done, so that a short one does not wait for a long
    one before it; the rest in order, so that the long one gets on too.
    """
    shares = dict.fromkeys(reading, 0)
    if reading:
        soonest = min(reading, key=lambda row: row.unread)
        shares[soonest] = min(soonest.unread, (tokens + 1) // 2)
    for row in reading:
        shares[row] += min(row.unread - shares[row], tokens - sum(shares.values()))
    return shares


def _in_order(row: Row) -> tuple[int, int]:
    return row.priority, row.number


def _piece(row: Row, end: int, guesses: Sequence[int]) -> Piece:
    tokens = row.writing.tokens
    wanted = len(guesses) + 1 if end == len(tokens) else 0
    return Piece(row.slot.index, row.slot.read, [*tokens[row.slot.read : end], *guesses], wanted, row.writing.adapter)


def _asked(row: Row, end: int) -> Asked:
    """The last token that an answer may have is never read, so it need not be guessed."""
    tokens, longest = row.writing.tokens, row.writing.longest
    room = longest - len(tokens) - 1 if row.guessed and row.unread == 1 and end == len(tokens) else 0
    return Asked(row.number, tokens, min(MOST, room), longest)
