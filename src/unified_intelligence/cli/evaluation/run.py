"""`uic eval run`: from its flags to a run that is asked, watched and summed up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from unified_intelligence import __version__
from unified_intelligence.cli.evaluation.live import watcher
from unified_intelligence.cli.evaluation.places import cache_of, free_name, runs_of, slug
from unified_intelligence.cli.evaluation.show import summary_lines
from unified_intelligence.cli.flags import Given, given
from unified_intelligence.cli.numbers import number, whole, wrong
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.provider_options import choose
from unified_intelligence.cli.terminated import terminated
from unified_intelligence.config.keys import is_secret
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.evaluation.askers import at_once
from unified_intelligence.evaluation.folder import RUN, read_run
from unified_intelligence.evaluation.metrics import coverage, is_complete
from unified_intelligence.evaluation.runner import Rules
from unified_intelligence.evaluation.session import Ended, Generating, Plan, evaluate
from unified_intelligence.evaluation.suite import Choice, Language
from unified_intelligence.evaluation.suites import build
from unified_intelligence.factories.configured import Chosen, factory_of, read_settings

INCOMPLETE = 3
_CHANGE_NOTHING = frozenset({
    "cache", "connect_timeout", "first_token_timeout", "hub", "idle_timeout", "retries", "timeout", "wait",
})  # fmt: skip


def run_suites(output: Output, parameters: Mapping[str, Any]) -> int:
    """The worst exit code of all suites. Raises what the settings, the suites and the provider raise."""
    suites = cast("list[str]", parameters["suite"])
    if parameters["name"] and len(suites) > 1:
        raise InvalidRequestError("--name is for one suite.", hint="Leave it out, or run one suite at a time.")
    chosen = _choose(output, parameters)
    code = 0
    try:
        for suite in suites:
            plan = _plan(output, parameters, suite, chosen)
            again = f"The same command, --name {plan.name} for --new," if parameters["new"] else "The same command"
            code = max(code, _run(output, plan, chosen, again, as_json=bool(parameters["json"])))
    finally:
        chosen.generator.close()
    return code


def _run(output: Output, plan: Plan, chosen: Chosen, again: str, *, as_json: bool) -> int:
    """`again` is how to go on, as the beginning of a sentence."""
    data = plan.suite.dataset
    route = f", route {plan.suite.route}" if plan.suite.route else ""
    output.note(
        f"{plan.suite.name} ({data.n} questions, {data.sha256[:12]}{route}) by {chosen.name}, kept in {plan.folder}"
    )
    try:
        with terminated():
            ended = asyncio.run(evaluate(plan, chosen.generator, watcher(output)))
    except KeyboardInterrupt:
        _tell_stopped(output, plan, again)
        raise
    return _told(output, ended, again, as_json=as_json)


def _tell_stopped(output: Output, plan: Plan, again: str) -> None:
    if not (plan.folder / RUN).is_file():
        return
    counts = read_run(plan.folder).counts
    if counts:
        left = counts["missing"] + counts["error"]
        output.note(f"Stopped; {counts['planned'] - left} answers are kept. {again} asks the other {left}.")


def _told(output: Output, ended: Ended, again: str, *, as_json: bool) -> int:
    run = ended.run
    if as_json:
        import msgspec

        output.json({**msgspec.to_builtins(run), "planned_ids": len(run.planned_ids)}, indented=True)
    else:
        output.line("\n".join(summary_lines(run)))
    if run.stopped:
        output.warn("\n         ".join(filter(None, (run.stopped, ended.hint))))
    elif ended.failure:
        output.warn(f"What failed most often: {ended.failure}")
    elif not ended.asked:
        output.note("Everything was answered before; nothing was asked.")
    if is_complete(run):
        return 0
    left = run.counts["missing"] + run.counts["error"]
    output.warn(
        f"The run is incomplete: {coverage(run):.1%} answered, and its figures are not those of the suite. "
        f"{again} asks the {left} that have no answer."
    )
    return INCOMPLETE


def _choose(output: Output, parameters: Mapping[str, Any]) -> Chosen:
    """The provider. It tries once: the retries are counted here, so that a dead one is known by its first requests."""
    named = {name: parameters[name] for name in ("provider", "model")}
    settings = read_settings(named, output.environment, parameters["config"] or "")
    typed = given(parameters)
    shortcuts = {name: value for name, value in typed.shortcuts.items() if name != "retries"}
    known = factory_of(settings, output.environment)
    name = settings.get("provider", str)
    has_retries = name in known.names() and "retries" in {option.name for option in known.options(name)}
    once = [("retries", "0")] if has_retries and "retries" not in dict(typed.pairs) else []
    return choose(settings, Given(shortcuts, [*typed.pairs, *once]), output)


def _plan(output: Output, parameters: Mapping[str, Any], name: str, chosen: Chosen) -> Plan:
    whole = {
        one: _whole(parameters, one)
        for one in ("limit", "epochs", "concurrency", "max_tokens", "suite_seed", "retries")
    }
    choice = _choice(output, parameters, name, whole["suite_seed"] or 0)
    suite = build(choice)
    runs, retries = runs_of(output, parameters["runs"]), whole["retries"]
    folder = parameters["name"] or slug(f"{_stem(suite.name)}-{chosen.name}{_model(chosen)}")
    if folder != Path(folder).name or folder in {"", ".", ".."}:
        raise InvalidRequestError(f"--name is one word or more, not {folder!r}.", hint="Another place: --runs FOLDER")
    if parameters["new"]:
        folder = free_name(runs, folder)
    return Plan(
        name=folder,
        folder=runs / folder,
        choice=choice,
        suite=suite,
        provider=chosen.name,
        options=_options(chosen),
        version=__version__,
        limit=whole["limit"],
        epochs=whole["epochs"] or 1,
        generating=Generating(
            temperature=_number(parameters, "temperature", 0.0),
            max_tokens=whole["max_tokens"],
            thinking=parameters["thinking"],
            seed=_whole(parameters, "seed"),
        ),
        rules=Rules(
            concurrency=whole["concurrency"] or at_once(chosen.generator),
            retries=3 if retries is None else retries,
            price=_price(parameters["price"]),
        ),
        usd_per_hour=_number(parameters, "hour", None),
    )


def _choice(output: Output, parameters: Mapping[str, Any], name: str, seed: int) -> Choice:
    data = parameters["data"]
    return Choice(
        name=name,
        route=parameters["route"] or "",
        language=_language(parameters["language"]),
        seed=seed,
        data=None if data is None else Path(data).expanduser(),
        cache=cache_of(output),
        offline=bool(parameters["offline"]),
    )


def _options(chosen: Chosen) -> dict[str, object]:
    """The options that change answers."""
    return {
        name: str(own.value)
        for name, own in chosen.options.items()
        if own.value is not None and name not in _CHANGE_NOTHING and not is_secret(name)
    }


def _stem(suite: str) -> str:
    return Path(suite).stem if suite.endswith(".jsonl") else suite


def _model(chosen: Chosen) -> str:
    """The last part of its name: of a folder's path, or of a Hub id."""
    model = chosen.options.get("model")
    return f"-{Path(str(model.value)).name}" if model is not None and model.value else ""


def _language(given: str | None) -> Language:
    match given:
        case None:
            return ""
        case "en" | "fr":
            return given
        case _:
            raise InvalidRequestError(f"--language is en or fr, not {given!r}.", hint="See: uic eval run --help")


_FLAGS: Mapping[str, str] = {"hour": "usd-per-hour"}
COMMAND = "eval run"
_LEAST: Mapping[str, int] = {"retries": 0, "seed": 0, "suite_seed": 0}


def _whole(parameters: Mapping[str, Any], name: str, least: int | None = None) -> int | None:
    least = _LEAST.get(name, 1) if least is None else least
    return None if parameters[name] is None else whole(COMMAND, parameters, name, 0, least=least)


def _number(parameters: Mapping[str, Any], name: str, otherwise: float | None) -> float | None:
    text = parameters[name]
    return otherwise if text is None else number(COMMAND, _FLAGS.get(name, name), text)


def _price(given: str | None) -> tuple[float, float] | None:
    if given is None:
        return None
    read, comma, written = given.partition(",")
    if not comma or "," in written:
        wrong(COMMAND, "price", "two numbers, as 0.5,1.5", given)
    return number(COMMAND, "price", read), number(COMMAND, "price", written)
