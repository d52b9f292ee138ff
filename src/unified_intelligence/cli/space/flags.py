"""The flags of the commands on Spaces."""

from __future__ import annotations

from typing import Annotated

import typer

DIFFERS = 15
"""The exit code of a plan with changes and of a Space that drifted: neither is a failure."""

Name = Annotated[
    str | None, typer.Argument(metavar="NAME", help="a folder in hf_spaces/, or the path of a spec [space.yaml here]")
]
Owner = Annotated[
    str | None,
    typer.Option("--owner", metavar="NAME", help="whose Space it is, for an id without one [the token's account]"),
]
Json = Annotated[bool | None, typer.Option("--json", help="as JSON")]
Adopt = Annotated[bool | None, typer.Option("--adopt", help="take over a Space that was not deployed with uic")]
Secrets = Annotated[bool | None, typer.Option("--secrets", help="send every secret again, whether it changed or not")]
Yes = Annotated[bool | None, typer.Option("--yes", "-y", help="do not ask")]
