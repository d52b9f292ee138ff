"""A plan for people: what is added, changed and removed, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unified_intelligence.cli.terminal import harmless

if TYPE_CHECKING:
    from unified_intelligence.interfaces.space_host import ISpaceHost
    from unified_intelligence.spaces.actions import Action, Plan
    from unified_intelligence.spaces.differences import FileChange
    from unified_intelligence.spaces.render import RenderedSpace

_COLOURS = {"+": "\x1b[32m", "~": "\x1b[33m", "-": "\x1b[31m", "@": "\x1b[36m"}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
RECORD = "deployment.json"  # its lines are digests: the files themselves say more
_MARKS = {"added": "+", "changed": "~", "removed": "-"}


class PlanText:
    """Lines of text, coloured or plain."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def lines(self, plan: Plan) -> Iterator[str]:
        yield f"{self._styled(_BOLD, plan.space)}  {self._styled(_DIM, harmless(plan.state))}"
        if plan.is_empty:
            yield "  Nothing to do: the Hub has what the spec says."
        for action in plan.actions:
            yield from self.action(action)
        for note in plan.notes:
            yield f"  note: {harmless(note)}"
        if not plan.is_empty:
            yield ""
            yield f"Plan: {', '.join(f'{count} {word}' for word, count in plan.counts())}."
        if (cost := _cost(plan)) is not None:
            yield cost
        yield self._styled(_DIM, f"Content {plan.digest}")

    def action(self, action: Action) -> Iterator[str]:
        from unified_intelligence.spaces.actions import CommitFiles, CreateSpace

        yield self._marked(action.mark, f"  {action.mark} {harmless(action.told())}")
        if isinstance(action, CreateSpace):
            for name, value in action.variables.items():
                yield self._marked("+", f"      + variable {name}: {value!r}")
            for name in action.secrets:
                yield self._marked("+", f"      + secret {name}")
            for volume in action.volumes:
                yield self._marked("+", f"      + volume {volume.source} at {volume.mount_path}")
        if isinstance(action, CommitFiles):
            width = max(len(change.path) for change in action.files)
            for change in action.files:
                mark = _MARKS[change.kind]
                yield self._marked(mark, f"      {mark} {harmless(change.path).ljust(width)}  {_size(change)}")

    def diff(self, plan: Plan, host: ISpaceHost, rendered: RenderedSpace) -> Iterator[str]:
        """The changed texts, line by line; what the Hub has is read now."""
        from unified_intelligence.spaces.differences import text_diff

        for change in plan.commit.files if plan.commit else ():
            if change.path == RECORD:
                continue
            old = b"" if change.kind == "added" else host.read(plan.space, change.path, plan.parent)
            new = b"" if change.kind == "removed" else rendered.files[change.path]
            for line in text_diff(change.path, old, new):
                yield self._marked(line[:1], harmless(line))

    def _marked(self, mark: str, text: str) -> str:
        return self._styled(_COLOURS.get(mark, ""), text)

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._colours and style else text


def _cost(plan: Plan) -> str | None:
    if plan.price_after is None:
        return None
    now = "" if plan.price_before in {None, plan.price_after} else f"; now {_dollars(plan.price_before or 0.0)}"
    return f"Cost while it runs: {_dollars(plan.price_after)}{now}."


def _dollars(price: float) -> str:
    return f"${price:.2f} an hour" if price else "nothing"


def _size(change: FileChange) -> str:
    if change.before is None or change.after is None:
        return _bytes(change.after if change.before is None else change.before)
    if change.before == change.after:
        return _bytes(change.after)
    return f"{_bytes(change.before)} -> {_bytes(change.after)}"


def _bytes(size: int | None) -> str:
    for unit, length in (("MB", 1e6), ("kB", 1e3)):
        if (size or 0) >= length:
            return f"{(size or 0) / length:.1f} {unit}"
    return f"{size or 0} bytes"
