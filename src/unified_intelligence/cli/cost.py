"""`uic cost`: its flags. What it does is left to `costs`, which `--help` spares."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output

app = new_app()


@app.command(cls=LightCommand)
def cost(
    context: typer.Context,
    offer: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN@WHERE", help="a run of uic bench, and a price: l4x1, zero-gpu, 2.50/h, or IN,OUT of 1M tokens"
        ),
    ] = None,
    requests: Annotated[
        str | None, typer.Option("--requests-per-day", metavar="N", help="your use [as much as it can]")
    ] = None,
    utilisation: Annotated[
        str | None, typer.Option("--utilisation", metavar="SHARE", help="your use as a share, 0.3 or 30%")
    ] = None,
    hours: Annotated[
        str | None, typer.Option("--hours", metavar="NUMBER", help="a day that a machine runs [24]")
    ] = None,
    starting: Annotated[
        str | None, typer.Option("--starting", metavar="SECONDS", help="billed a day while a machine starts [0]")
    ] = None,
    gpu_seconds: Annotated[
        str | None,
        typer.Option("--gpu-seconds", metavar="SECONDS", help="of a call, for zero-gpu [the run's whole answer]"),
    ] = None,
    prices: Annotated[bool | None, typer.Option("--prices", help="all prices: each with its date and source")] = None,
    runs: Annotated[
        str | None, typer.Option("--runs", metavar="FOLDER", help="where results are kept [the user's data folder]")
    ] = None,
    json: Annotated[bool | None, typer.Option("--json", help="as JSON")] = None,
) -> int:
    """What a workload costs here and there, at full use and at yours: idle, starting and failed answers included."""
    from unified_intelligence.cli.costs import show_costs, show_prices

    output: Output = context.obj
    if prices:
        return show_prices(output, as_json=bool(json))
    return show_costs(output, context.params)
