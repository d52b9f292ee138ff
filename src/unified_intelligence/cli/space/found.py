"""What was found, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.cli.terminal import harmless

if TYPE_CHECKING:
    from unified_intelligence.spaces.cost import Cost
    from unified_intelligence.spaces.deployer import Deployed
    from unified_intelligence.spaces.rollback import Rollback
    from unified_intelligence.spaces.status import Status
    from unified_intelligence.spaces.verify import Verification

_SIGNS = {True: "ok", False: "failed", None: "not asked"}


def show_verification(output: Output, found: Verification, good: Deployed, *, as_json: bool) -> None:
    """Each check in a line, and the tag."""
    if as_json:
        output.json({**good.as_json(), "verification": found.as_json()}, indented=True)
        return
    output.line(checks_of(found))
    output.line(f"{good.space} runs what was deployed: commit {good.sha[:12]}, {good.tag}, {good.url}")


def checks_of(found: Verification) -> str:
    """A table."""
    rows = [(check.name, _SIGNS[check.ok], f"{check.seconds:.1f} s", harmless(check.text)) for check in found.checks]
    return aligned([("CHECK", "", "TIME", "WHAT WAS FOUND"), *rows])


def show_rollback(output: Output, back: Rollback, *, as_json: bool) -> None:
    """What was set back, and what was not."""
    if as_json:
        output.json(back.as_json(), indented=True)
        return
    for line in (*back.restored, *back.not_restored):
        output.line(line)
    if back.verification is not None:
        output.line(checks_of(back.verification))
    output.line(f"{back.space} is back at {back.tag}, verified: commit {back.sha[:12]}")


def show_status(output: Output, status: Status, *, as_json: bool) -> None:
    """The Space in a few lines, then what drifted."""
    if as_json:
        output.json(status.as_json(), indented=True)
        return
    rows = [
        ("space", status.space),
        ("stage", status.stage),
        ("hardware", status.hardware),
        ("visibility", status.visibility),
        ("newest", status.newest[:12]),
        ("running", status.running[:12] or "not told"),
        ("good", status.good or "no version was found good yet"),
        ("address", status.url),
    ]
    output.line(aligned(rows))
    output.line("")
    if not status.drifts:
        output.line(f"Nothing drifted: it is as {status.good or 'it was deployed'}.")
        return
    drifts = [
        (one.where, one.what, harmless(one.wanted) or "nothing", harmless(one.found) or "nothing")
        for one in status.drifts
    ]
    output.line(aligned([("DRIFT", "OF", "DEPLOYED", "THERE NOW"), *drifts]))


def show_cost(output: Output, cost: Cost, *, as_json: bool) -> None:
    """The amounts with where they are from."""
    if as_json:
        output.json(cost.as_json(), indented=True)
        return
    rows = [
        ("space", cost.space),
        ("hardware", cost.hardware),
        ("an hour", _dollars(cost.per_hour)),
        (f"a day of {cost.hours:g} hours", _dollars(cost.per_day)),
        ("a month of such days", _dollars(cost.per_month)),
        ("prices", cost.source),
    ]
    output.line(aligned(rows))
    for note in cost.notes:
        output.line(note)


def _dollars(amount: float | None) -> str:
    return "not known" if amount is None else f"${amount:.2f}"
