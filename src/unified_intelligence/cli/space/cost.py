"""`uic space cost`: what a Space costs, with where the price is from."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags
from unified_intelligence.entities.errors import InvalidRequestError

app = new_app()


@app.command(cls=LightCommand)
def cost(
    context: typer.Context,
    name: flags.Name = None,
    hours: Annotated[
        str | None, typer.Option("--hours", metavar="NUMBER", help="hours a day that it runs [24]")
    ] = None,
    live: Annotated[bool | None, typer.Option("--live", help="ask the Hub for its prices")] = None,
    json: flags.Json = None,
) -> int:
    """Of its hardware, an hour, a day and a month. Without --live nothing is asked: the prices are a dated table's."""
    from unified_intelligence.cli.space.found import show_cost
    from unified_intelligence.cli.space.opening import spec_file
    from unified_intelligence.factories.space_factory import space_host
    from unified_intelligence.spaces.cost import cost_of

    output: Output = context.obj
    spec = spec_file(name, output).spec
    prices = space_host(output.environment).prices() if live else None
    show_cost(output, cost_of(spec, _number(hours), prices), as_json=bool(json))
    return 0


def _number(hours: str | None) -> float:
    try:
        return float(hours or 24)
    except ValueError:
        raise InvalidRequestError(f"--hours is a number, not {hours!r}.") from None
