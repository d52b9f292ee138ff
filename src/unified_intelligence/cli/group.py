"""`uic` itself: finds the command, or takes what was typed as a question; prints one help page for both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unified_intelligence.cli.command import Entry, LateGroup, LightGroup
from unified_intelligence.cli.question import is_piped
from unified_intelligence.entities.nearest import nearest
from unified_intelligence.factories.provider_factory import PROVIDERS

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter  # pyright: ignore[reportPrivateUsage] methods are typed with them

COMMANDS: Mapping[str, Entry] = {
    "ask": Entry("unified_intelligence.cli.ask", "ask a question; this is the command when none is named"),
    "serve": Entry("unified_intelligence.cli.serve", "an OpenAI-compatible server over a provider"),
    "providers": Entry("unified_intelligence.cli.providers", "who can answer, and with which options"),
    "space": Entry("unified_intelligence.cli.space.group", "deploy Spaces, and prove what runs"),
    "eval": Entry("unified_intelligence.cli.evaluation.commands", "how good a provider is: run suites, compare, gate"),
    "bench": Entry("unified_intelligence.cli.bench.commands", "how fast a provider is, and how far to believe it"),
    "cost": Entry("unified_intelligence.cli.cost", "what answers cost, here and there, of a measured run"),
    "config": Entry("unified_intelligence.cli.config", "which settings hold, and who set them"),
    "task": Entry("unified_intelligence.cli.task", "work in several steps: deployments, and tasks of your own"),
    "docs": Entry("unified_intelligence.cli.documents", "read the documents of this version, without a network"),
    "completion": Entry("unified_intelligence.cli.completion", "a script for bash that completes commands and flags"),
}
DEFAULT = "ask"
_HELP_FLAGS = ("--help", "-h")


class Uic(LateGroup):
    """`ask` is for everything that is no command's name."""

    table = COMMANDS

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Whatever does not begin with a command's name is a question or a flag of `ask`."""
        if args and args[0] in _HELP_FLAGS:
            return super().parse_args(ctx, args)
        if args[:1] == ["help"] and (len(args) == 1 or args[1] in COMMANDS):
            args = [*args[1:], "--help"]
            return self.parse_args(ctx, args)
        named = bool(args) and args[0] in COMMANDS
        if args and not named and not is_piped():
            self._refuse_misspelt(ctx, args)
        ctx.args = args[1:] if named else args
        ctx._protected_args = [args[0] if named else DEFAULT]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] as typer's own does
        return ctx.args

    def _refuse_misspelt(self, ctx: Context, args: list[str]) -> None:
        """A word that is nearly a command, alone or before one of its own, would else be sent to a model."""
        near = nearest(args[0], COMMANDS, least=0.8)
        command = self.get_command(ctx, near[0]) if near else None
        if command is None:
            return
        follows = args[1] if len(args) > 1 else "-"
        if follows.startswith("-") or (isinstance(command, LightGroup) and follows in command.list_commands(ctx)):
            ctx.fail(
                f"uic has no command {args[0]!r}. Did you mean uic {near[0]}? As a question: uic --query {args[0]!r}"
            )

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Both ways to call it."""
        return ["[OPTIONS] [PROMPT]...  |  uic COMMAND ..."]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The flags of `ask`, the commands, and the table of providers."""
        ask = self.get_command(ctx, DEFAULT)
        if ask is not None:
            ask.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)
        with formatter.section("Providers"):
            formatter.write_dl([(name, provider.summary) for name, provider in PROVIDERS.items()])


def new_group() -> Uic:
    """The whole command line."""
    return Uic(
        name="uic",
        help="Ask a language model, wherever it runs. Text that is piped in comes before the question.",
        epilog="uic --version prints the version. Settings in a config.json: uic config --help. Documents: uic docs",
        rich_markup_mode=None,
        context_settings={"help_option_names": list(_HELP_FLAGS), "max_content_width": 110},
    )
