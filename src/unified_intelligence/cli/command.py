"""Commands that read their arguments without pydantic, which typer would import to make texts of texts.

Every flag of ours is a text, a list of texts or a switch; the table of settings reads the texts into their types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from typer import Typer
from typer.core import TyperCommand, TyperOption

if TYPE_CHECKING:
    from typer._click import Context  # pyright: ignore[reportPrivateUsage] the methods overridden here are typed with it


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
