"""`uic bench`: its commands and their flags. What they do is left to the modules beside, which `--help` spares."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unified_intelligence.cli import flags
from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output

app = new_app()


def _text(form: str, metavar: str, help: str) -> Any:
    return typer.Option(form, metavar=metavar, help=help)


_Json = Annotated[bool | None, typer.Option("--json", help="as JSON")]
_Runs = Annotated[str | None, _text("--runs", "FOLDER", "where results are kept [the user's data folder]")]


@app.callback()
def bench() -> None:
    """How fast a provider is, with the error of the measurement beside it.

    Exit codes: 0 the figures hold; 1 a gate is missed, or a figure is significantly worse; 2 the command cannot be
    carried out as it was typed; 3 the run is INVALID, nobody answered, or a name or a file is wrong.
    """


_Url = Annotated[
    str | None,
    _text("--url", "URL", "a server of OpenAI's API, http://HOST:PORT/v1, or a Gradio Space: measured at the socket"),
]
_Protocol = Annotated[
    str | None,
    _text("--protocol", "auto|openai|gradio|adapter", "what is spoken there; adapter measures above a Space's [auto]"),
]
_GpuBudget = Annotated[
    str | None, _text("--gpu-budget", "SECONDS", "of a GPU: a Space that has told so many is asked no more [no end]")
]
_Timeout = Annotated[str | None, _text("--timeout", "SECONDS", "the longest that one answer may take [600]")]
_Concurrency = Annotated[
    str | None, _text("--concurrency", "N,N,...", "requests under way at any time; a run for each number [1]")
]
_Rate = Annotated[str | None, _text("--rate", "N/s", "requests a second, sent whether answers come or not")]
_Arrival = Annotated[str | None, _text("--arrival", "poisson|constant", "how a rate is spread [poisson]")]
_Ramp = Annotated[str | None, _text("--ramp", "N..N/s", "a rate that goes linearly from one to the other")]
_Trace = Annotated[str | None, _text("--trace", "FILE", "JSON Lines or CSV of when to send what")]
_Prompts = Annotated[str | None, _text("--prompts", "FILE|synthetic:in=N,out=N|finance", "what is asked [finance]")]
_Requests = Annotated[str | None, _text("--requests", "N", "how many are measured [10 for each at once, 100]")]
_Duration = Annotated[str | None, _text("--duration", "SECONDS", "how long is measured, in place of --requests")]
_Warmup = Annotated[
    str | None, _text("--warmup", "N|SECONDSs", "requests, or seconds as 5s, before it counts [as many as at once]")
]
_Slo = Annotated[str | None, _text("--slo", "ttft=500ms,...", "limits of ttft, e2e, tpot, visible: goodput")]
_MaxTokens = Annotated[str | None, _text("--max-tokens", "N", "the longest answer [the server's]")]
_Body = Annotated[str | None, _text("--body", "JSON", "added to every request's body, with --url")]
_Processes = Annotated[str | None, _text("--processes", "N", "of the client, at a socket [by the rate]")]
_Tokenizer = Annotated[
    str | None, _text("--tokenizer", "PATH", "a tokenizer.json: counts the tokens that the server does not [events]")
]
_LoadSeed = Annotated[str | None, _text("--load-seed", "N", "which schedule and which made prompts [0]")]
_Name = Annotated[str | None, _text("--name", "NAME", "of the run; the load is added to several [model and load]")]


@app.command(cls=LightCommand)
def run(
    context: typer.Context,
    url: _Url = None,
    provider: flags.Provider = None,
    model: flags.Model = None,
    base_url: flags.BaseUrl = None,
    key: flags.Key = None,
    timeout: _Timeout = None,
    retries: flags.Retries = None,
    wait: flags.Wait = None,
    option: flags.Option = None,
    config: flags.File = None,
    protocol: _Protocol = None,
    concurrency: _Concurrency = None,
    rate: _Rate = None,
    arrival: _Arrival = None,
    ramp: _Ramp = None,
    trace: _Trace = None,
    prompts: _Prompts = None,
    requests: _Requests = None,
    duration: _Duration = None,
    warmup: _Warmup = None,
    slo: _Slo = None,
    max_tokens: _MaxTokens = None,
    body: _Body = None,
    processes: _Processes = None,
    gpu_budget: _GpuBudget = None,
    tokenizer: _Tokenizer = None,
    load_seed: _LoadSeed = None,
    name: _Name = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Send a load and measure. With --url at the socket; with --provider above its adapter, which the result says.

    A provider that is a Gradio Space is measured at the socket too: its queue, its GPU and its model apart.
    """
    from unified_intelligence.cli.bench.run import run_loads

    return run_loads(context.obj, context.params)


@app.command(cls=LightCommand)
def calibrate(
    context: typer.Context,
    concurrency: Annotated[str | None, _text("--concurrency", "N,N,...", "at which loads [16,64,256]")] = None,
    waves: Annotated[str | None, _text("--waves", "N", "how often each is filled [4]")] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """This machine's own error, against a server whose schedule is known. It is kept beside the results."""
    from unified_intelligence.cli.bench.calibration import calibrate_machine

    output: Output = context.obj
    return calibrate_machine(output, context.params)


@app.command(cls=LightCommand)
def show(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="RUN", hidden=True)] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """The figures of a run; without RUN all runs."""
    from unified_intelligence.cli.bench.show import show_run, show_runs

    output: Output = context.obj
    if run is None:
        return show_runs(output, runs, as_json=bool(json))
    return show_run(output, run, runs, as_json=bool(json))


@app.command(cls=LightCommand)
def dashboard(
    context: typer.Context,
    runs: Annotated[
        str | None,
        typer.Option("--runs", "--folder", metavar="FOLDER", help="where results are kept [the user's data folder]"),
    ] = None,
    evaluations: Annotated[
        str | None,
        typer.Option("--evaluations", metavar="FOLDER", help="where those of uic eval are [the user's data folder]"),
    ] = None,
    port: Annotated[str | None, _text("--port", "N", "where to listen, on 127.0.0.1 [a free one]")] = None,
) -> int:
    """The results as a page in a browser, on this machine only. Ctrl-C ends it."""
    from unified_intelligence.cli.bench.dashboard import show_dashboard

    output: Output = context.obj
    return show_dashboard(output, context.params)


@app.command(cls=LightCommand)
def compare(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="a run's name, or the path of its metrics")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="the run that is held against it")],
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """What changed, and whether it is more than noise. Exit 1 if a figure of AFTER is significantly worse."""
    from unified_intelligence.cli.bench.judge import compare_runs

    output: Output = context.obj
    return compare_runs(output, context.params)


@app.command(cls=LightCommand)
def gate(
    context: typer.Context,
    run: Annotated[list[str], typer.Argument(metavar="RUN", help="runs, by their names or the paths of their metrics")],
    hold: Annotated[
        list[str] | None, typer.Option("--hold", "--min", metavar="GATE", help="as ttft_ms.p99<=500; may be repeated")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="RUN", help="the run must not be significantly worse than this")
    ] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Exit 0 only if the figures are good enough. Every gate must pass; an INVALID run passes none."""
    from unified_intelligence.cli.bench.judge import hold_gates

    output: Output = context.obj
    return hold_gates(output, context.params)


@app.command(cls=LightCommand)
def sweep(
    context: typer.Context,
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="YAML or JSON: servers, their options, and loads")],
    dry_run: Annotated[bool | None, typer.Option("--dry-run", help="only tell what would be started")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="configurations, * stands for any; may be repeated"),
    ] = None,
    again: Annotated[bool | None, typer.Option("--again", help="measure also what was measured already")] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Measure servers in every configuration, each started alone and ended whole. The same command goes on.

    Exit codes: 0 all is measured and valid; 3 a configuration failed or a run is INVALID, which the table names, or
    the spec is wrong; 130 it was stopped, and what was measured is kept.
    """
    from unified_intelligence.cli.bench.sweep import sweep_servers

    output: Output = context.obj
    return sweep_servers(output, context.params)


@app.command(cls=LightCommand)
def check(
    context: typer.Context,
    file: Annotated[list[str], typer.Argument(metavar="FILE", help="tables of figures: Markdown, CSV, JSON")],
    json: _Json = None,
) -> int:
    """Hold tables of figures against arithmetic. Exit 1 if something cannot be true."""
    from unified_intelligence.cli.bench.tables import check_tables

    output: Output = context.obj
    return check_tables(output, context.params)


@app.command(cls=LightCommand)
def export(
    context: typer.Context,
    form: Annotated[str, typer.Argument(metavar="csv|parquet|mlflow", help="in which form")],
    run: Annotated[
        list[str] | None, typer.Argument(metavar="RUN", help="names, or paths of their metrics [all runs]")
    ] = None,
    rows: Annotated[str | None, _text("--rows", "runs|requests", "a row each [csv: runs; parquet: requests]")] = None,
    out: Annotated[str | None, _text("--out", "FILE", "where to [csv: stdout; parquet: bench-ROWS.parquet]")] = None,
    tracking_uri: Annotated[
        str | None, _text("--tracking-uri", "URI", "MLflow's store [MLFLOW_TRACKING_URI, or mlflow.db beside the runs]")
    ] = None,
    experiment: Annotated[str | None, _text("--experiment", "NAME", "in MLflow's store [benchmarks]")] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Runs for other tools: a table of CSV or Parquet, or MLflow's tracking store, where each is logged once."""
    from unified_intelligence.cli.bench.exports import export_runs

    output: Output = context.obj
    return export_runs(output, context.params)


@app.command("import", cls=LightCommand)
def import_(
    context: typer.Context,
    file: Annotated[list[str], typer.Argument(metavar="FILE", help="what another load generator wrote")],
    out: Annotated[str | None, _text("--out", "FILE", "the table as CSV, for uic bench check and others")] = None,
    keep: Annotated[bool | None, typer.Option("--keep", help="beside the runs, where FILE has its requests")] = None,
    runs: _Runs = None,
    json: _Json = None,
) -> int:
    """Results of vllm bench serve, guidellm, aiperf, or tables of requests: figures, and what they do not tell."""
    from unified_intelligence.cli.bench.imports import import_files

    output: Output = context.obj
    return import_files(output, context.params)
