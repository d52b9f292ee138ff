"""From the flags of `uic serve` to a server that runs until a signal ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence import __version__
from unified_intelligence.cli import flags
from unified_intelligence.cli.numbers import HIGHEST_PORT, number, whole
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.provider_options import choose
from unified_intelligence.config.keys import read_key
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    MissingDependencyError,
    UnifiedIntelligenceError,
)
from unified_intelligence.factories.configured import Chosen, read_settings
from unified_intelligence.interfaces.several import SeveralModels

if TYPE_CHECKING:
    from unified_intelligence.config.resolve import Settings
    from unified_intelligence.interfaces.text_generator import ITextGenerator
    from unified_intelligence.serving.admission import Admission
    from unified_intelligence.serving.layers import Guard
    from unified_intelligence.serving.service import Service

COMMAND = "serve"
LOCAL = "local"
_LOGS = ("json", "text", "off")
_TOLD = ("backend", "model", "revision")


def serve_provider(output: Output, given: Mapping[str, Any]) -> int:
    """The exit code of the server. Raises what the settings, the provider and the address raise."""
    with _libraries():
        from unified_intelligence.serving.app import new_app
        from unified_intelligence.serving.layers import guarded, reported
        from unified_intelligence.serving.metrics import Metrics
        from unified_intelligence.serving.operation import operation_routes
        from unified_intelligence.serving.run import Serving, run
    serving = Serving(
        host=given["host"] or "127.0.0.1",
        port=whole(COMMAND, given, "port", 8000, least=0, most=HIGHEST_PORT),
        has_keys=bool(given["api_key"]),
        grace=_seconds(given, "grace", 30.0),
    )
    chosen = choose(_settings(output, given), flags.given(given), output)
    try:
        service = _service(chosen, given)
        for each in service.all:
            each.on_ready = partial(_explain, output, service, each)
            each.on_failure = partial(_failed, output, service, each)
        guard = _guard(output, given, service)
        metrics = Metrics(service)
        routes = operation_routes(metrics, given["frame_origin"] or ())
        app = guarded(new_app(service, [routes], keyed=bool(guard.keys)), metrics, guard)

        def announce(url: str) -> None:
            names = " and ".join(service.all_names)
            output.note(f"{url}/v1 answers as {names}, by {chosen.name}. Ctrl-C ends it.")

        with reported(guard.log):
            code = run(app, service, serving, announce)
        if guard.tracer is not None:
            guard.tracer.shutdown()
        if service.failure is not None and all(each.failure for each in service.all):
            raise service.failure
        return code
    finally:
        chosen.generator.close()


def _explain(output: Output, service: Service, own: Service) -> None:
    if explanation := own.generator.explanation:
        output.note(f"{own.model if service.beside else 'It'} runs here: {explanation}.")


def _failed(output: Output, service: Service, own: Service) -> None:
    """A model that cannot be loaded leaves the others answering; with the last one the server ends."""
    if all(each.failure for each in service.all):
        os.kill(os.getpid(), signal.SIGTERM)
        return
    told = f"{own.failure} {own.failure.hint}" if isinstance(own.failure, UnifiedIntelligenceError) else own.failure
    output.warn(f"{own.model} does not answer, the other models do: {told}")


def _settings(output: Output, given: Mapping[str, Any]) -> Settings:
    """Models named on the command line run here, where nobody said who else has them."""
    named = {name: given[name] for name in ("provider", "model")}
    settings = read_settings(named, output.environment, given["config"] or "")
    if (named["model"] or "models" in dict(flags.given(given).pairs)) and settings.values[
        "provider"
    ].layer == "default":
        return read_settings({**named, "provider": LOCAL}, output.environment, given["config"] or "")
    return settings


def _service(chosen: Chosen, given: Mapping[str, Any]) -> Service:
    """Of the one model, or of the first of several with the others beside it."""
    from unified_intelligence.serving.service import Service

    generator = chosen.generator
    if not isinstance(generator, SeveralModels):
        model = chosen.options.get("model")
        own_name = chosen.name if model is None or model.value is None else _name_of(str(model.value))
        name, *aliases = cast("list[str]", given["served_name"] or [own_name])
        if taken := {name, *aliases}.intersection(generator.adapters):
            raise ConfigurationError(
                f"The model and one of its adapters are both called {min(taken)}.",
                hint="Rename one: --served-name NAME",
            )
        told = _told(chosen, given, own_name)
        return Service(generator, name, _admission(generator, given), told, aliases=tuple(aliases))
    if given["served_name"]:
        raise InvalidRequestError("Several models have their names already.", hint="Leave --served-name out.")
    told = _told(chosen, given, ", ".join(generator.models))
    service, *others = (Service(own, name, _admission(own, given), told) for name, own in generator.models.items())
    service.beside, service.prepare = tuple(others), generator.aprepare
    return service


def _admission(generator: ITextGenerator, given: Mapping[str, Any]) -> Admission:
    from unified_intelligence.serving.admission import Admission, Limits

    limits = Limits(
        running=whole(COMMAND, given, "max_running", generator.at_once),
        waiting=whole(COMMAND, given, "max_waiting", 64, least=0),
        per_key=whole(COMMAND, given, "max_per_key", 32),
        longest_wait=None if given["max_wait"] is None else _seconds(given, "max_wait", 0.0),
    )
    return Admission(limits)


def _told(chosen: Chosen, given: Mapping[str, Any], model: str) -> dict[str, object]:
    """What /version is to tell."""
    from unified_intelligence.serving.build import about

    revision = chosen.options.get("revision")
    told = about(
        version=__version__,
        backend=chosen.name,
        model=model,
        revision=None if revision is None else str(revision.value),
    )
    told |= _about(given["about"] or ())
    if given["deployment"]:
        from unified_intelligence.spaces.content import told as deployed

        told |= deployed(Path(given["deployment"]))
    return told


def _about(pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """What somebody knows better who started the server before another one. Raises InvalidRequestError."""
    for name, _ in pairs:
        if name not in _TOLD:
            raise InvalidRequestError(f"--about takes {', '.join(_TOLD)}, not {name!r}.", hint="See: uic serve --help")
    return dict(pairs)


def _guard(output: Output, given: Mapping[str, Any], service: Service) -> Guard:
    from unified_intelligence.serving.authentication import Keys
    from unified_intelligence.serving.body_limit import BodyLimits
    from unified_intelligence.serving.layers import Guard
    from unified_intelligence.serving.request_log import Log
    from unified_intelligence.serving.tracing import provider_for

    form = given["log"] or "json"
    if form not in _LOGS:
        raise InvalidRequestError(f"--log is one of {', '.join(_LOGS)}, not {form!r}.", hint="See: uic serve --help")
    endpoint = given["otel_endpoint"]
    version = str(service.about["version"])
    return Guard(
        keys=Keys(read_key("--api-key", reference, output.environment) for reference in given["api_key"] or ()),
        body=BodyLimits(bytes=whole(COMMAND, given, "max_body", BodyLimits().bytes)),
        cors_origins=tuple(given["cors_origin"] or ()),
        log=Log(form=form, contents=bool(given["log_contents"])),
        tracer=provider_for(endpoint, "unified-intelligence", version) if endpoint else None,
    )


def _name_of(model: str) -> str:
    """A folder's own name; a Hub id as it is."""
    path = Path(model).expanduser()
    return path.resolve().name if path.is_dir() else model


def _seconds(given: Mapping[str, Any], name: str, default: float) -> float:
    text = given[name]
    return default if text is None else number(COMMAND, name, text, "a number of seconds")


@contextmanager
def _libraries() -> Generator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "unified_intelligence":
            raise
        raise MissingDependencyError("uic serve", missing, "serve") from error
