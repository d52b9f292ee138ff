"""`uic task`: which tasks and workflows there are, what each is made of, and running one."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output

app = new_app()

_Name = Annotated[str, typer.Argument(metavar="NAME", help="a name of `uic task list`, or FILE.py:NAME")]
_Json = Annotated[bool | None, typer.Option("--json", help="as JSON")]
_Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a parameter of the run; may be repeated")
]


@app.callback()
def task() -> None:
    """Work in several steps, such as a deployment: shown, run, recorded and resumed."""


@app.command("list", cls=LightCommand)
def list_(
    context: typer.Context,
    file: Annotated[str | None, typer.Argument(metavar="FILE.py", hidden=True)] = None,
    json: _Json = None,
) -> int:
    """All tasks and workflows, those of installed packages included; those of a file: list FILE.py."""
    from unified_intelligence.cli.task_lists import show_list

    output: Output = context.obj
    return show_list(output, file or "", as_json=bool(json))


@app.command(cls=LightCommand)
def show(context: typer.Context, name: _Name, json: _Json = None) -> int:
    """What it does: its steps as a tree, and its parameters."""
    from unified_intelligence.cli.task_lists import show_one

    output: Output = context.obj
    return show_one(output, name, as_json=bool(json))


@app.command(cls=LightCommand)
def run(
    context: typer.Context,
    name: _Name,
    set_: _Set = None,
    dry_run: Annotated[bool | None, typer.Option("--dry-run", help="only show what would run")] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN", help="do the rest of a run: its name, a part of it, or last"),
    ] = None,
    json: _Json = None,
) -> int:
    """Run it. What is done is recorded: after Ctrl-C or a failure, --resume does the rest."""
    from unified_intelligence.cli.task_run import Asked, run_asked

    output: Output = context.obj
    asked = Asked(name, tuple(set_ or ()), bool(dry_run), resume or "", bool(json))
    return run_asked(output, asked)
