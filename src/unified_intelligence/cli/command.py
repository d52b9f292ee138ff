"""Commands that read their arguments without pydantic, which typer would import to make texts of texts.

Every flag of ours is a text, a list of texts or a switch; the table of settings reads the texts into their types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from typer import Typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter  # pyright: ignore[reportPrivateUsage] methods are typed with them
    from typer._click.core import Command  # pyright: ignore[reportPrivateUsage]


_PAIRS = frozenset({"-o", "--option"})


class LightCommand(TyperCommand):
    """A command whose arguments need no conversion. An option of two values may be repeated."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """What typer's own does, less the conversion. What it would refuse, it refuses itself."""
        for parameter in self.params:
            if isinstance(parameter, TyperOption) and parameter.nargs == 2:
                parameter.multiple = True
        args = list(_parted(args))
        given, rest, _ = self.make_parser(ctx).parse_args(args=[*args])
        missing = any(parameter.required and given.get(parameter.name) is None for parameter in self.params)
        if rest or missing or given.get("help"):
            return super().parse_args(ctx, args)
        for parameter in self.params:
            ctx.params[parameter.name] = given.get(parameter.name)
        return []


class Entry(NamedTuple):
    """A row: the module whose `app` it is, and what it does in a line."""

    module: str
    summary: str


class LateGroup(TyperGroup):
    """The commands of a table, each imported when it is asked for."""

    table: ClassVar[Mapping[str, Entry]]

    def list_commands(self, ctx: Context) -> list[str]:
        """The names, in the table's order."""
        return list(self.table)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command of that name, its module imported now."""
        if cmd_name not in self.table:
            return None
        app: Typer = import_module(self.table[cmd_name].module).app
        return get_command(app)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """From the table: no command is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.table.items()])


def _parted(args: list[str]) -> Iterator[str]:
    """`-o NAME=VALUE` as the two words that it stands for: no name has a = in it."""
    before, ended = "", False
    for word in args:
        ended = ended or word == "--"
        name, equals, value = word.partition("=")
        parts = before in _PAIRS and equals and name.isidentifier() and not ended
        yield from (name, value) if parts else (word,)
        before = word


def new_app() -> Typer:
    """An app without typer's colours, boxes and tracebacks: errors are worded in `main`, help is plain text."""
    return Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
