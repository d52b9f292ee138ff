"""One run of a load against a server: who it is, what is sent, what came, and where it is kept."""

from __future__ import annotations

import http.client
import os
import platform
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from unified_intelligence.benchmark import crew
from unified_intelligence.benchmark.asking import PATIENCE, ask
from unified_intelligence.benchmark.connection import Address, resolve
from unified_intelligence.benchmark.metrics import Metrics, measure
from unified_intelligence.benchmark.parquet import texts_of
from unified_intelligence.benchmark.plan import Load, Target
from unified_intelligence.benchmark.prompts import digest
from unified_intelligence.benchmark.quota import Spending
from unified_intelligence.benchmark.store import config_hash, read_calibration, write
from unified_intelligence.benchmark.tokens import FILE, SERVER, Counter, ServerTokenizer, count_tokens
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConnectionFailedError,
    NotFoundOrPrivateError,
    ServerFailedError,
    TlsError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`source` is what the prompts were called, `sampling` what else is in every body.

    `gpu_budget` are the seconds of a GPU after which a Space is asked no more; 0 for none. `tokenizer` counts the
    tokens of answers that came without usage, where the server cannot. `server` is what a server was started with for
    this run: it stands in the hash in place of an address, which is another one each time. `sweep` is told in the
    manifest.
    """

    name: str
    folder: Path
    load: Load
    bodies: Sequence[str]
    model: str
    source: str
    version: str
    sampling: Mapping[str, Any] = field(default_factory=dict[str, Any])
    slo: Mapping[str, float] = field(default_factory=dict[str, float])
    timeout: float = 600.0
    processes: int = 0
    gpu_budget: float = 0.0
    tokenizer: Counter | None = None
    server: Mapping[str, Any] | None = None
    sweep: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A server that answers: where, and which models it says it has; `status` is that of what it said of them."""

    address: Address
    models: tuple[str, ...]
    told: Mapping[str, Any]
    status: int = 200


def reach(target: Target, patience: float = PATIENCE) -> Reached:
    """Asks which models it has, within `patience` seconds.

    Raises ConnectionFailedError, AuthenticationError, TlsError, ServerFailedError.
    """

    def look(address: Address) -> Reached:
        return _ask_models(target, address, patience)

    return first_of(target, look)


def first_of(target: Target, look: Callable[[Address], Reached]) -> Reached:
    """What the first of its addresses that answers says to `look`. Raises ConnectionFailedError, TlsError."""
    refusal: OSError | None = None
    for address in resolve(target.host, target.port):
        try:
            return look(address)
        except ssl.SSLError as error:
            raise TlsError(f"{target.address}: {error.reason or error}.", url=target.address) from error
        except (OSError, http.client.HTTPException) as error:
            refusal = error if isinstance(error, OSError) else OSError(f"{error}")
    raise ConnectionFailedError(
        f"{target.address} cannot be reached: {(refusal.strerror if refusal else '') or refusal}.",
        hint="Is the server running there? `uic serve` starts one.",
        url=target.address,
    ) from refusal


def _ask_models(target: Target, address: Address, patience: float) -> Reached:
    status, data, server = ask(target, address, f"{target.base}/models", patience)
    where = f"{target.host}:{target.port}"
    if status in {401, 403}:
        raise AuthenticationError(
            f"{where} does not accept the key.", hint="Give one: --key env:NAME", url=target.address, status=status
        )
    if status >= 500:
        raise ServerFailedError(f"{where} answered {status}.", url=target.address, status=status)
    return Reached(address, _models(data), {"server": server}, status)


def _models(data: bytes) -> tuple[str, ...]:
    try:
        told: Any = msgspec.json.decode(data)
        return tuple(str(own["id"]) for own in told["data"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return ()


def choose_model(asked: str | None, reached: Reached, target: Target) -> str:
    """The model to name in requests. Raises NotFoundOrPrivateError where there is none to choose."""
    if asked:
        return asked
    if reached.models:
        return reached.models[0]
    raise NotFoundOrPrivateError(
        f"{target.host}:{target.port} does not say which models it has.", hint="Name one: --model NAME"
    )


def run(job: Job, target: Target, reached: Reached, watcher: crew.Watcher | None = None) -> tuple[Metrics, list[Path]]:
    """Sends the load, measures and stores. Raises what `crew.send` raises."""
    processes = crew.processes_for(job.load, job.processes)
    identity = os.urandom(4).hex()
    sending = crew.Sending(identity, processes, job.timeout)
    shares = crew.shares_of(job.load, target, reached.address, job.bodies, sending)
    watch = crew.Watch(planned=planned(job.load))
    spending = Spending(job.gpu_budget, job.load.concurrency) if target.events else None
    gathered = crew.send(shares, watch, watcher, spending)
    server = {} if target.events else {SERVER: ServerTokenizer(target, reached.address, job.model)}
    count_tokens(gathered.rows, server | _own_counter(job))
    if job.server is not None:
        return _kept(job, gathered, _of_started(job), "")
    depends = {**_described(job), "url": target.address, "server": dict(reached.told), "client": "http"}
    if target.events:
        depends |= {"protocol": "gradio", "gpu_budget": job.gpu_budget}
    return _kept(job, gathered, depends, "")


def hash_of(job: Job) -> str:
    """The hash that a run of a server started for it will have: it is known before."""
    return config_hash(_of_started(job))


def _of_started(job: Job) -> dict[str, Any]:
    return {**_described(job), "server": dict(job.server or {}), "client": "http"}


def keep(job: Job, gathered: crew.Gathered, provider: Mapping[str, Any]) -> tuple[Metrics, list[Path]]:
    """The same for what was asked through a provider in this process."""
    count_tokens(gathered.rows, _own_counter(job))
    above = f"measured above the adapter of {provider['name']}: its own work is in every time"
    return _kept(job, gathered, {**_described(job), "provider": dict(provider), "client": "in-process"}, above)


def _own_counter(job: Job) -> dict[str, Counter]:
    return {} if job.tokenizer is None else {FILE: job.tokenizer}


def planned(load: Load) -> int:
    """How many requests there will be; 0 where only the time is known."""
    if load.trace:
        return min(len(load.trace), load.requests or len(load.trace))
    if load.requests:
        return load.requests + load.warmup
    return round((load.rate + (load.rate_end or load.rate)) / 2 * load.duration) + load.warmup if load.is_open else 0


def _kept(job: Job, gathered: crew.Gathered, depends: dict[str, Any], above: str) -> tuple[Metrics, list[Path]]:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    metrics = measure(job.name, created, gathered, job.load, job.slo, above)
    metrics.config_hash = config_hash(depends)
    calibration = read_calibration(job.folder)
    if calibration is not None:
        metrics.calibration = {name: calibration[name] for name in ("created", "errors") if name in calibration}
    manifest = {
        "schema": metrics.schema,
        "name": job.name,
        "created": created,
        "config_hash": metrics.config_hash,
        "depends_on": depends,
        "machine": machine(),
        "start_ns": gathered.start,
        **({"sweep": dict(job.sweep)} if job.sweep is not None else {}),
    }
    return metrics, write(job.folder, metrics, manifest, gathered.rows, texts_of(job.bodies))


def _described(job: Job) -> dict[str, Any]:
    return {
        "model": job.model,
        "load": msgspec.to_builtins(job.load),
        "prompts": {"source": job.source, "count": len(job.bodies), "sha256": digest(job.bodies)},
        "body": dict(job.sampling),
        "slo_ms": dict(job.slo),
        "timeout_s": job.timeout,
        "processes": job.processes or "auto",
        "version": job.version,
    }


def machine() -> dict[str, Any]:
    """The machine that the client ran on, and how busy it was."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "python": sys.version.split()[0],
        "load_average": [round(own, 2) for own in load],
    }
