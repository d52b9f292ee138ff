"""`uic bench run`: from its flags to runs that are watched, told and kept."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from unified_intelligence import __version__
from unified_intelligence.benchmark import session
from unified_intelligence.benchmark.crew import Gathered, Watch, Watcher
from unified_intelligence.benchmark.metrics import Metrics, read_slo
from unified_intelligence.benchmark.plan import Load, Prompt, Target, read_url
from unified_intelligence.benchmark.prompts import body_of
from unified_intelligence.benchmark.session import Job
from unified_intelligence.cli.bench.live import watching
from unified_intelligence.cli.bench.loads import Asked, read_loads, seconds, whole, wrong
from unified_intelligence.cli.bench.places import runs_of, slug
from unified_intelligence.cli.bench.show import lines_of, table_of
from unified_intelligence.cli.flags import given as given_options
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.provider_options import choose
from unified_intelligence.config.keys import is_secret, read_key
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.factories.configured import read_settings

if TYPE_CHECKING:
    from pathlib import Path

INVALID = 3
_Run = Callable[[Job, Watcher], tuple[Metrics, list["Path"]]]


def run_loads(output: Output, given: Mapping[str, Any]) -> int:
    """0 if every run is valid. Raises what the flags, the server and the provider raise."""
    asked = read_loads(given)
    read_slo(given["slo"] or "")
    if given["url"]:
        if given["provider"] or given["base_url"] or given["option"]:
            raise InvalidRequestError(
                "--url measures a server at its socket, --provider above its adapter.", hint="Give one of them."
            )
        return _at_socket(output, given, asked)
    return _through_provider(output, given, asked)


def _at_socket(output: Output, given: Mapping[str, Any], asked: Asked) -> int:
    from msgspec.structs import replace

    target = read_url(given["url"])
    if given["key"]:
        key = read_key("--key", given["key"], output.environment)
        target = replace(target, headers={"Authorization": f"Bearer {key}"})
    reached = session.reach(target)
    model = session.choose_model(given["model"], reached, target)
    extra = _body(given["body"])
    output.note(f"{model} at {target.address}, {len(asked.prompts)} prompts of {asked.source}")

    def run(job: Job, watch: Watcher) -> tuple[Metrics, list[Path]]:
        return session.run(job, target, reached, watch)

    return _all(output, given, asked, model, extra, run, _hint(target))


def _through_provider(output: Output, given: Mapping[str, Any], asked: Asked) -> int:
    if given["body"] or given["processes"]:
        raise InvalidRequestError("--body and --processes are for --url.", hint="See: uic bench run --help")
    named = {name: given[name] for name in ("provider", "model")}
    settings = read_settings(named, output.environment, given["config"] or "")
    typed = given_options({**given, "timeout": None})
    chosen = choose(settings, typed, output)
    own_model = chosen.options.get("model")
    model = str(own_model.value) if own_model is not None and own_model.value else chosen.name
    output.note(f"{chosen.name} in this process, {len(asked.prompts)} prompts of {asked.source}")
    options = {
        name: str(own.value) for name, own in chosen.options.items() if own.value is not None and not is_secret(name)
    }

    def run(job: Job, watch: Watcher) -> tuple[Metrics, list[Path]]:
        config = GenerationConfig(max_tokens=whole(given, "max_tokens", 0, least=1) or None)
        gathered = _asked(job, asked.prompts, chosen.generator, config, watch)
        return session.keep(job, gathered, {"name": chosen.name, "options": options})

    try:
        return _all(output, given, asked, model, {}, run, "")
    finally:
        chosen.generator.close()


def _asked(job: Job, prompts: list[Prompt], generator: Any, config: GenerationConfig, watch: Watcher) -> Gathered:
    import asyncio

    from unified_intelligence.benchmark import in_process

    seen = Watch(planned=session.planned(job.load))
    try:
        return asyncio.run(
            in_process.send(generator, job.load, prompts, config, timeout=job.timeout, watch=seen, watcher=watch)
        )
    except KeyboardInterrupt:
        return Gathered(
            rows=list(seen.rows), accounts=list(seen.workers.values()), start=seen.start, processes=1, stopped=True
        )


def _all(
    output: Output, given: Mapping[str, Any], asked: Asked, model: str, extra: dict[str, Any], run: _Run, hint: str
) -> int:
    """Each load after the other. A run that was stopped ends them."""
    bodies = [body_of(prompt, model, whole(given, "max_tokens", 0) or None, extra) for prompt in asked.prompts]
    found: list[Metrics] = []
    written: list[Path] = []
    for load in asked.loads:
        job = _job(output, given, load, model, bodies, asked.source, extra)
        with terminated(), watching(output, load.label) as watcher:
            metrics, paths = run(job, watcher)
        found.append(metrics)
        written += [path for path in paths if path.name.endswith("_metrics.json")]
        if "it was stopped before its end" in metrics.invalid:
            break
    _tell(output, found, written, hint, as_json=bool(given["json"]))
    return 0 if all(own.valid for own in found) else INVALID


def _job(
    output: Output, given: Mapping[str, Any], load: Load, model: str, bodies: list[str], source: str,
    extra: dict[str, Any],
) -> Job:  # fmt: skip
    name = given["name"] or model
    several = given["name"] is None or "," in (given["concurrency"] or "")
    sampling = {**extra, **({"max_tokens": int(given["max_tokens"])} if given["max_tokens"] else {})}
    return Job(
        name=slug(f"{name}_{load.label}" if several else name),
        folder=runs_of(output, given["runs"]),
        load=load,
        bodies=bodies,
        model=model,
        source=source,
        version=__version__,
        sampling=sampling,
        slo=read_slo(given["slo"] or ""),
        timeout=seconds(given, "timeout", 600.0),
        processes=whole(given, "processes", 0),
    )


def _tell(output: Output, found: list[Metrics], written: list[Path], hint: str, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        told = [msgspec.to_builtins(own) for own in found]
        output.json(told[0] if len(told) == 1 else {"runs": told}, indented=True)
    else:
        output.line("\n".join(lines_of(found[0])) if len(found) == 1 else table_of(found))
    for own in found:
        for why in own.invalid:
            output.warn(f"{own.name} is INVALID: {why}.")
        if own.counts["measured"] and not own.counts["completed"]:
            kind, count = next(iter(own.failures.items()))
            said = own.failures_said[kind].rstrip(".")
            output.warn(f"{count} of {own.counts['measured']} failed with {kind}: {said}. {hint}".strip())
    output.note("Kept in " + ", ".join(str(path) for path in written))


def _hint(target: Target) -> str:
    return f"One request alone: uic --provider openai_compatible --base-url {target.address.rpartition('/chat')[0]} ..."


def _body(text: str | None) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.MsgspecError:
        wrong("body", 'a JSON object, as {"temperature": 0}', str(text))


@contextmanager
def terminated() -> Generator[None]:
    """SIGTERM ends a run as Ctrl-C does: what was measured is kept."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
