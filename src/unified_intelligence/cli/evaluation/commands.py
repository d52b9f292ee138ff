"""`uic eval`: its commands and their flags. What they do is left to the modules beside, which `--help` spares."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unified_intelligence.cli import flags
from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.flags import setting_flag
from unified_intelligence.cli.output import Output

app = new_app()

_Json = Annotated[bool | None, typer.Option("--json", help="as JSON")]
_Runs = Annotated[
    str | None, typer.Option("--runs", metavar="FOLDER", help="where runs are kept [the user's data folder]")
]
_Run = Annotated[str, typer.Argument(metavar="RUN", help="a run's name, or the path of its folder")]
_Data = Annotated[str | None, typer.Option("--data", metavar="PATH", help="the suite's data, where you have it")]


def _text(form: str, metavar: str, help: str) -> Any:
    forms = form.split()
    return typer.Option(*forms, metavar=metavar, help=help)


_Retries = Annotated[str | None, _text("--retries", "N", "further tries of a question that got no answer [3]")]
_Limit = Annotated[str | None, _text("--limit", "N", "only so many questions, always the same ones [all]")]
_Epochs = Annotated[str | None, _text("--epochs", "N", "ask each so often [1]")]
_Concurrency = Annotated[str | None, _text("--concurrency -j", "N", "requests at once [the provider's]")]
_Thinking = Annotated[bool | None, setting_flag("thinking", "--thinking/--no-thinking")]
_Route = Annotated[str | None, _text("--route", "NAME", "how the questions are put [the suite's]")]
_Language = Annotated[str | None, _text("--language", "en|fr", "only that one [all]")]
_Seed = Annotated[str | None, _text("--seed", "N", "makes sampling repeatable; each epoch adds one [none]")]
_Temperature = Annotated[str | None, _text("--temperature", "NUMBER", "of sampling [0]")]
_MaxTokens = Annotated[str | None, _text("--max-tokens", "N", "the longest answer [the suite's]")]
_SuiteSeed = Annotated[str | None, _text("--suite-seed", "N", "which questions a suite makes that makes its own [0]")]
_Name = Annotated[str | None, _text("--name", "NAME", "of the run [suite and provider]")]
_Price = Annotated[str | None, _text("--price", "IN,OUT", "US dollars for a million tokens read and written")]
_Hour = Annotated[str | None, _text("--usd-per-hour", "NUMBER", "US dollars for an hour of the machine")]
_New = Annotated[bool | None, typer.Option("--new", help="a run beside the one of that name")]
_Offline = Annotated[bool | None, typer.Option("--offline", help="download nothing")]


@app.callback()
def evaluation() -> None:
    """How good a provider is, and whether it got better.

    Exit codes: 0 it passed; 1 a figure is below its gate, or significantly worse; 2 the command cannot be carried out
    as it was typed; 3 the run is incomplete (under 99 % answered), nobody answered, or a name or a file is wrong.
    """


@app.command(name="list", cls=LightCommand)
def list_suites(context: typer.Context, json: _Json = None) -> int:
    """All suites, those of installed packages included."""
    from unified_intelligence.cli.evaluation.show import show_suites

    output: Output = context.obj
    return show_suites(output, as_json=bool(json))


@app.command(cls=LightCommand)
def run(
    context: typer.Context,
    suite: Annotated[list[str], typer.Argument(metavar="SUITE", help="names of suites, or a JSON Lines file")],
    provider: flags.Provider = None,
    model: flags.Model = None,
    base_url: flags.BaseUrl = None,
    key: flags.Key = None,
    timeout: flags.Timeout = None,
    retries: _Retries = None,
    wait: flags.Wait = None,
    option: flags.Option = None,
    config: flags.File = None,
    limit: _Limit = None,
    epochs: _Epochs = None,
    concurrency: _Concurrency = None,
    thinking: _Thinking = None,
    route: _Route = None,
    language: _Language = None,
    suite_seed: _SuiteSeed = None,
    temperature: _Temperature = None,
    max_tokens: _MaxTokens = None,
    seed: _Seed = None,
    data: _Data = None,
    offline: _Offline = None,
    name: _Name = None,
    new: _New = None,
    price: _Price = None,
    hour: _Hour = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Ask a suite's questions and score the answers. The same command again goes on where it was left."""
    from unified_intelligence.cli.evaluation.run import run_suites

    output: Output = context.obj
    return run_suites(output, context.params)


@app.command(cls=LightCommand)
def show(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="RUN", hidden=True)] = None,
    sample: Annotated[str | None, typer.Option("--sample", metavar="ID", help="all that is kept of one sample")] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """The figures of a run; without RUN all runs.

    The faults are grouped by their kind. FILE.json of an older form is shown as what it is.
    """
    from unified_intelligence.cli.evaluation.show import show_run, show_runs

    output: Output = context.obj
    if run is None:
        return show_runs(output, runs, as_json=bool(json))
    return show_run(output, run, runs, sample=sample, as_json=bool(json))


@app.command(cls=LightCommand)
def compare(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="a run's name, or the path of its folder")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="the run that is held against it")],
    flips: Annotated[str | None, typer.Option("--flips", metavar="N", help="how many are shown [20]")] = None,
    force: Annotated[bool | None, typer.Option("--force", help="although their data or scorers differ")] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """What changed, and whether chance explains it.

    Samples are paired by their id. Exit 1 if AFTER is significantly worse than BEFORE.
    """
    from unified_intelligence.cli.evaluation.compare import compare_runs

    output: Output = context.obj
    return compare_runs(output, context.params)


@app.command(cls=LightCommand)
def gate(
    context: typer.Context,
    run: Annotated[list[str], typer.Argument(metavar="RUN", help="runs, by their names or folders")],
    min: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="GATE", help="as bfcl/simple_python.lower>=0.92; may be repeated"),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="RUN", help="the run must not be significantly worse than this")
    ] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Exit 0 only if the figures are good enough.

    Every gate must pass; an incomplete run passes none.
    """
    from unified_intelligence.cli.evaluation.compare import hold_gates

    output: Output = context.obj
    return hold_gates(output, context.params)


@app.command(cls=LightCommand)
def rescore(
    context: typer.Context,
    run: _Run,
    data: _Data = None,
    offline: _Offline = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Score the answers again, without a model."""
    from unified_intelligence.cli.evaluation.files import rescore_run

    output: Output = context.obj
    return rescore_run(output, context.params)


@app.command(cls=LightCommand)
def export(
    context: typer.Context,
    run: _Run,
    to: Annotated[str, typer.Option("--to", metavar="parquet|mlflow|bfcl|hub-yaml", help="in which form")] = "",
    out: Annotated[
        str | None, typer.Option("--out", metavar="PATH", help="where to; for mlflow a tracking URI [the run's folder]")
    ] = None,
    runs: _Runs = None,
) -> int:
    """Write a run in the form of another tool."""
    from unified_intelligence.cli.evaluation.files import export_run

    output: Output = context.obj
    return export_run(output, context.params)


@app.command(cls=LightCommand)
def report(
    context: typer.Context,
    run: _Run,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="where to [report.html in its folder]")
    ] = None,
    runs: _Runs = None,
) -> int:
    """Write a run as one HTML file.

    It has the figures, the plots and every sample, and needs no network.
    """
    from unified_intelligence.cli.evaluation.files import write_report

    output: Output = context.obj
    return write_report(output, context.params)
