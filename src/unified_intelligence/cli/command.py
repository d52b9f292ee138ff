"""Commands that read their arguments without pydantic, which typer would import to make texts of texts.

Every flag of ours is a text, a list of texts or a switch; the table of settings reads the texts into their types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from typer import Typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from unified_intelligence.entities.nearest import meant, nearest

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

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """`NAME`, `[NAME]` where it may be left out, `NAME...` for several. One without a name is part of another."""
        arguments = [each for each in self.params if isinstance(each, TyperArgument)]
        pieces = [_shown(each) if each.required else f"[{_shown(each)}]" for each in arguments if each.metavar != ""]
        return ["[OPTIONS]", *pieces]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The arguments by their names, and the options. The types, which are all texts, are left out."""
        arguments = [each for each in self.params if isinstance(each, TyperArgument) and not each.hidden]
        options = [each.get_help_record(ctx) for each in self.get_params(ctx) if isinstance(each, TyperOption)]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl([(_shown(each), each.help or "") for each in arguments])
        with formatter.section("Options"):
            formatter.write_dl([record for record in options if record])


def _shown(argument: TyperArgument) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.nargs == 1 or name.endswith("...") else f"{name}..."


def _parted(args: list[str]) -> Iterator[str]:
    """`-o NAME=VALUE` as the two words that it stands for: no name has a = in it."""
    before, ended = "", False
    for word in args:
        ended = ended or word == "--"
        name, equals, value = word.partition("=")
        parts = before in _PAIRS and equals and name.isidentifier() and not ended
        yield from (name, value) if parts else (word,)
        before = word


class LightGroup(TyperGroup):
    """Commands by name. One that is missing or misspelt is refused with those there are."""

    def invoke(self, ctx: Context) -> Any:
        if not ctx._protected_args:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] as typer's own does
            ctx.fail(f"Which command of {ctx.command_path}? There are {', '.join(self.list_commands(ctx))}.")
        return super().invoke(ctx)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        names = self.list_commands(ctx)
        if not args[0].startswith("-") and args[0] not in names:
            near = meant(nearest(args[0], names)) or f"There are {', '.join(names)}."
            ctx.fail(f"{ctx.command_path} has no command {args[0]!r}. {near}")
        return super().resolve_command(ctx, args)

    def summaries(self, ctx: Context) -> list[tuple[str, str]]:
        """Each command with what it does, in a line: the first sentence of its help."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [(name, _in_a_line(command.help or "")) for name, command in found if command and not command.hidden]

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """All of each line: typer's own cuts what is too long for the width."""
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries(ctx))


class Entry(NamedTuple):
    """A row: the module whose `app` it is, and what it does in a line."""

    module: str
    summary: str


class LateGroup(LightGroup):
    """The commands of a table, each imported when it is asked for; its line is the table's."""

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

    def summaries(self, ctx: Context) -> list[tuple[str, str]]:
        return [(name, entry.summary) for name, entry in self.table.items()]


def _in_a_line(help: str) -> str:
    sentence = " ".join(help.split()).partition(". ")[0].removesuffix(".")
    return sentence[:1].lower() + sentence[1:]


def new_app() -> Typer:
    """An app without typer's colours, boxes and tracebacks: errors are worded in `main`, help is plain text."""
    return Typer(
        cls=LightGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
