"""`uic bench run`: from its flags to runs that are watched, told and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from unified_intelligence import __version__
from unified_intelligence.benchmark import session
from unified_intelligence.benchmark.crew import Gathered, Watch, Watcher
from unified_intelligence.benchmark.health import STOPPED
from unified_intelligence.benchmark.metrics import Metrics, read_slo
from unified_intelligence.benchmark.plan import Load, Prompt, Target, read_url
from unified_intelligence.benchmark.prompts import body_of
from unified_intelligence.benchmark.quota import TOKENLESS, USED_UP
from unified_intelligence.benchmark.session import Job
from unified_intelligence.benchmark.spoken import GRADIO, OPENAI, root_of, spoken_at
from unified_intelligence.cli.bench.live import watching
from unified_intelligence.cli.bench.loads import Asked, read_loads, seconds, whole, wrong
from unified_intelligence.cli.bench.own_tokenizer import tokenizer_at
from unified_intelligence.cli.bench.places import runs_of, slug
from unified_intelligence.cli.bench.show import lines_of, table_of
from unified_intelligence.cli.bench.space import AtSpace, space_at, space_of
from unified_intelligence.cli.flags import given as given_options
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.provider_options import choose
from unified_intelligence.cli.terminated import terminated
from unified_intelligence.config.keys import is_secret, read_key
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.factories.configured import Chosen, read_settings
from unified_intelligence.interfaces.queued import IQueued

if TYPE_CHECKING:
    from pathlib import Path

INVALID = 3
AUTO, ADAPTER = "auto", "adapter"
_PROTOCOLS = (AUTO, OPENAI, GRADIO, ADAPTER)
_LAST = {STOPPED, USED_UP, TOKENLESS}
_Run = Callable[[Job, Watcher], tuple[Metrics, list["Path"]]]


class Sent(NamedTuple):
    """What is asked of whom: every request's body, what else is in them, and what to try when none is answered."""

    model: str
    bodies: list[str]
    extra: dict[str, Any]
    hint: str


def run_loads(output: Output, given: Mapping[str, Any]) -> int:
    """0 if every run is valid. Raises what the flags, the server and the provider raise."""
    asked = read_loads(given)
    read_slo(given["slo"] or "")
    if given["tokenizer"]:
        tokenizer_at(given["tokenizer"])  # what is none is refused before anything is sent
    if (given["protocol"] or AUTO) not in _PROTOCOLS:
        wrong("protocol", ", ".join(_PROTOCOLS), given["protocol"])
    if given["url"]:
        if given["provider"] or given["base_url"] or given["option"]:
            raise InvalidRequestError(
                "--url is an address, --provider one that is configured.", hint="Give one of them."
            )
        return _at_socket(output, given, asked)
    return _through_provider(output, given, asked)


def _at_socket(output: Output, given: Mapping[str, Any], asked: Asked) -> int:
    from msgspec.structs import replace

    target = read_url(given["url"])
    key = read_key("--key", given["key"], output.environment) if given["key"] else ""
    if key:
        target = replace(target, headers={"Authorization": f"Bearer {key}"})
    protocol, reached = given["protocol"] or AUTO, None
    if protocol == ADAPTER:
        raise InvalidRequestError("--url has no adapter to measure above.", hint="Give a --provider.")
    if protocol == AUTO:
        protocol, reached = spoken_at(target, root_of(given["url"]), named=bool(given["model"]))
    if protocol == GRADIO:
        base = f"{'https' if target.tls else 'http'}://{target.authority}{root_of(given['url'])}"
        return _at_space(output, given, asked, space_at(base, key, given, asked.prompts))
    _refuse_budget(given)
    reached = reached or session.reach(target)
    model = session.choose_model(given["model"], reached, target)
    extra = body_given(given["body"])
    output.note(f"{model} at {target.address}, {len(asked.prompts)} prompts of {asked.source}")

    def run(job: Job, watch: Watcher) -> tuple[Metrics, list[Path]]:
        return session.run(job, target, reached, watch)

    bodies = [body_of(prompt, model, whole(given, "max_tokens", 0) or None, extra) for prompt in asked.prompts]
    return _all(output, given, asked, Sent(model, bodies, extra, _hint(target)), run)


def _at_space(output: Output, given: Mapping[str, Any], asked: Asked, space: AtSpace) -> int:
    told = space.reached.told
    output.note(
        f"{space.model} at {space.target.address}, Gradio {told.get('gradio', '')}: its queue is measured at the "
        f"socket, {len(asked.prompts)} prompts of {asked.source}"
    )
    if space.quota:
        output.note(f"GPU seconds of the token's quota: {space.quota}. An end before that: --gpu-budget SECONDS")

    def run(job: Job, watch: Watcher) -> tuple[Metrics, list[Path]]:
        return session.run(job, space.target, space.reached, watch)

    url = space.target.address.partition("/gradio_api/")[0].partition("/call/")[0]
    hint = f"One request alone: uic --provider qwen3_zerogpu -o space {url} ..."
    return _all(output, given, asked, Sent(space.model, space.bodies, body_given(given["body"]), hint), run)


def _through_provider(output: Output, given: Mapping[str, Any], asked: Asked) -> int:
    protocol = given["protocol"] or AUTO
    if protocol == OPENAI:
        raise InvalidRequestError("--protocol openai is for --url.", hint="See: uic bench run --help")
    named = {name: given[name] for name in ("provider", "model")}
    settings = read_settings(named, output.environment, given["config"] or "")
    typed = given_options({**given, "timeout": None})
    chosen = choose(settings, typed, output)
    try:
        if protocol != ADAPTER and isinstance(chosen.generator, IQueued):
            return _at_space(output, given, asked, space_of(chosen.generator, given, asked.prompts))
        if protocol == GRADIO:
            raise InvalidRequestError(f"{chosen.name} is no Gradio Space.", hint="Leave --protocol out.")
        return _above(output, given, asked, chosen)
    finally:
        chosen.generator.close()


def _above(output: Output, given: Mapping[str, Any], asked: Asked, chosen: Chosen) -> int:
    if given["body"] or given["processes"]:
        raise InvalidRequestError("--body and --processes are for what is measured at its socket.", hint="See --url.")
    _refuse_budget(given)
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

    bodies = [body_of(prompt, model, whole(given, "max_tokens", 0) or None, {}) for prompt in asked.prompts]
    return _all(output, given, asked, Sent(model, bodies, {}, ""), run)


def _refuse_budget(given: Mapping[str, Any]) -> None:
    if given["gpu_budget"]:
        raise InvalidRequestError(
            "--gpu-budget is for Gradio Spaces: nobody else tells GPU seconds.", hint="Leave it out."
        )


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


def _all(output: Output, given: Mapping[str, Any], asked: Asked, sent: Sent, run: _Run) -> int:
    """Each load after the other. A run that was stopped, or that has no quota left, ends them."""
    found: list[Metrics] = []
    written: list[Path] = []
    for load in asked.loads:
        job = _job(output, given, load, sent, asked.source)
        with terminated(), watching(output, load.label) as watcher:
            metrics, paths = run(job, watcher)
        found.append(metrics)
        written += [path for path in paths if path.name.endswith("_metrics.json")]
        if _LAST & {*metrics.invalid}:
            break
    _tell(output, found, written, sent.hint, as_json=bool(given["json"]))
    return 0 if all(own.valid for own in found) else INVALID


def _job(output: Output, given: Mapping[str, Any], load: Load, sent: Sent, source: str) -> Job:
    name = given["name"] or sent.model
    several = given["name"] is None or "," in (given["concurrency"] or "")
    sampling = {**sent.extra, **({"max_tokens": int(given["max_tokens"])} if given["max_tokens"] else {})}
    return Job(
        name=slug(f"{name}_{load.label}" if several else name),
        folder=runs_of(output, given["runs"]),
        load=load,
        bodies=sent.bodies,
        model=sent.model,
        source=source,
        version=__version__,
        sampling=sampling,
        slo=read_slo(given["slo"] or ""),
        timeout=seconds(given, "timeout", 600.0),
        processes=whole(given, "processes", 0),
        gpu_budget=seconds(given, "gpu_budget", 0.0),
        tokenizer=tokenizer_at(given["tokenizer"]) if given["tokenizer"] else None,
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
        if own.health.next:
            output.note(f"         {own.health.next}")
        if own.counts["measured"] and not own.counts["completed"]:
            kind, count = next(iter(own.failures.items()))
            said = own.failures_said[kind].rstrip(".")
            output.warn(f"{count} of {own.counts['measured']} failed with {kind}: {said}. {hint}".strip())
    output.note("Kept in " + ", ".join(str(path) for path in written))


def _hint(target: Target) -> str:
    return f"One request alone: uic --provider openai_compatible --base-url {target.address.rpartition('/chat')[0]} ..."


def body_given(text: str | None) -> dict[str, Any]:
    """What --body holds. Raises InvalidRequestError."""
    import msgspec

    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.MsgspecError:
        wrong("body", 'a JSON object, as {"temperature": 0}', str(text))
