"""A sweep: one configuration after the other, each in a server of its own, and a record, whole after every step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from unified_intelligence.benchmark import crew, session, store
from unified_intelligence.benchmark.health import STOPPED
from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.benchmark.prompts import body_of
from unified_intelligence.benchmark.session import Job
from unified_intelligence.benchmark.sweep import gpu, processes, record
from unified_intelligence.benchmark.sweep.faults import ServerFaultError
from unified_intelligence.benchmark.sweep.kinds import PORT
from unified_intelligence.benchmark.sweep.loads import Wanted
from unified_intelligence.benchmark.sweep.processes import Mark
from unified_intelligence.benchmark.sweep.record import Attempt, Ended, Planned, Record, Run
from unified_intelligence.benchmark.sweep.search import Probe, find_knee
from unified_intelligence.benchmark.sweep.server import Server, end_leftovers
from unified_intelligence.benchmark.sweep.spec import Configuration, Sweep
from unified_intelligence.entities.errors import UnifiedIntelligenceError

_FIRST_TOKENS = 8  # some models begin with tokens that have no text


@dataclass(frozen=True, slots=True)
class Going:
    """Where and how a sweep runs. `tell` takes a line of talk, `watching` gives the watcher of a load by its label.

    `environment` is what servers inherit. `again` measures what was measured already.
    """

    runs: Path
    spec: str
    version: str
    environment: Mapping[str, str]
    tell: Callable[[str], None]
    watching: Callable[[str], AbstractContextManager[crew.Watcher]]
    again: bool = False
    only: Callable[[str], bool] = field(default=lambda _: True)


def job_of(sweep: Sweep, own: Configuration, load: Wanted, going: Going, attempt: int = 0) -> Job:
    """What is sent to a configuration. The prompt's model is the configuration's."""
    return Job(
        name=f"{sweep.name}_{own.name}_{load.label}",
        folder=going.runs,
        load=load.load,
        bodies=[body_of(prompt, own.model, load.max_tokens, load.body) for prompt in load.prompts],
        model=own.model,
        source=load.source,
        version=going.version,
        sampling={**load.body, **({"max_tokens": load.max_tokens} if load.max_tokens else {})},
        slo=load.slo,
        timeout=load.timeout,
        processes=load.processes,
        server=own.depends_on(),
        sweep={"name": sweep.name, "configuration": own.name, "gpus": own.gpus, "attempt": attempt},
    )


def plan_of(sweep: Sweep, going: Going) -> list[Planned]:
    """Every configuration with the runs that it is to have."""
    return [
        Planned(
            configuration=own.name,
            server=own.server,
            kind=own.kind,
            model=own.model,
            options=own.options,
            gpus=own.gpus,
            command=[word.replace(PORT, str(own.port) if own.port else "PORT") for word in own.command],
            runs=[_planned(job_of(sweep, own, load, going), load) for load in sweep.loads],
        )
        for own in sweep.configurations
    ]


def _planned(job: Job, load: Wanted) -> dict[str, str]:
    own = session.hash_of(job)
    if load.search is None:
        return {"load": load.label, "run": job.name, "config_hash": own}
    hashed = store.config_hash({"first": own, "find": "goodput", "bounds": load.search.bounds})
    return {"load": load.label, "run": "", "config_hash": hashed}


def is_measured(found: Record | None, planned: Mapping[str, str], runs: Path) -> bool:
    """Whether a run of that hash is whole, and still there; or a search was made to its end."""
    if found is not None and not planned["run"]:
        knee = found.found(planned["config_hash"])
        return knee is not None and knee.state == record.MEASURED
    if found is None or found.measured(planned["config_hash"]) is None:
        return False
    try:
        return store.read_metrics(runs, planned["run"]).config_hash == planned["config_hash"]
    except UnifiedIntelligenceError:
        return False


class Sweeping:
    """`record` is what is on disk; `stopped` was it by a person."""

    def __init__(self, sweep: Sweep, going: Going) -> None:
        self._sweep, self._going = sweep, going
        self._path = record.path_of(going.runs, sweep.name)
        self.record = _begun(sweep, going, None)
        self.stopped = False
        self._gpus = gpu.find_gpus(going.environment.get("CUDA_VISIBLE_DEVICES", ""))
        self._baseline: list[gpu.Device] = []

    def run(self) -> Record:
        """Raises ConfigurationError where the same sweep is running already; faults of servers are in the record."""
        processes.adopt_orphans()
        with record.alone(self._going.runs, self._sweep.name):
            self.record = _begun(self._sweep, self._going, record.read(self._path))
            self._end_leftovers()
            self._explain()
            if self._gpus.look is not None:
                self._baseline = gpu.settled(self._gpus.look, self._sweep.gpu_within)
            self._keep()
            try:
                for number, own in enumerate(self._sweep.configurations):
                    if self._going.only(own.name):
                        self._configuration(own, self.record.plan[number])
            except KeyboardInterrupt:
                self.stopped = True
        return self.record

    def _explain(self) -> None:
        if self._gpus.look is None:
            self._going.tell(f"GPU memory is not looked at: {self._gpus.why}.")
        if not processes.KNOWN:
            self._going.tell(
                "There is no /proc here: who owns a server's socket, and whether all its processes went, is unchecked."
            )

    def _end_leftovers(self) -> None:
        for own in self.record.attempts:
            if own.state != "running" and (own.ended is not None or not own.pid):
                continue
            if own.state == "running":
                own.state, own.said = "killed", "The sweep was killed while it ran."
            own.ended = own.ended or Ended()
            ended = end_leftovers(Mark(own.cookie, own.log), own.pid, own.began)
            for named in ended:
                self._going.tell(f"Ended {named}, which was left of {own.configuration} when the sweep was killed.")
            if ended:
                own.said += f" Ended afterwards: {'; '.join(ended)}."
        self._keep()

    def _configuration(self, own: Configuration, planned: Planned) -> None:
        wanted = [
            (load, run)
            for load, run in zip(self._sweep.loads, planned.runs, strict=True)
            if self._going.again or not is_measured(self.record, run, self._going.runs)
        ]
        if not wanted:
            self._going.tell(f"{own.name}: measured already.")
            return
        number = 1 + sum(each.configuration == own.name for each in self.record.attempts)
        log = (self._going.runs / f"{self._sweep.name}{record.LOGS}" / f"{own.name}_{number}.log").resolve()
        attempt = Attempt(
            configuration=own.name,
            attempt=number,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            cookie=os.urandom(16).hex(),
            log=str(log),
        )
        self.record.attempts.append(attempt)
        watched = gpu.Watched(self._gpus, self._baseline, self._sweep.gpu_slack_mib, self._sweep.gpu_within)
        attempt.gpu = watched.told
        self._keep()
        self._attempted(own, attempt, watched, [load for load, _ in wanted])
        time.sleep(self._sweep.cooldown)

    def _attempted(self, own: Configuration, attempt: Attempt, watched: gpu.Watched, loads: list[Wanted]) -> None:
        """Starts, measures, ends; whatever happens the server is ended, and the attempt says how it was."""
        server = Server(own, attempt.cookie, Path(attempt.log))
        try:
            _refuse_dirty(watched)
            with watched.peak():
                self._measured(own, attempt, server, loads)
            attempt.state = "ended"
        except ServerFaultError as fault:
            attempt.state, attempt.failure, attempt.said = "failed", fault.kind, fault.message
        except KeyboardInterrupt:
            attempt.state, attempt.said = "stopped", "It was stopped."
            raise
        finally:
            if attempt.state == "running":
                attempt.state, attempt.failure = "failed", "internal"
            if server.pid or server.tree():
                attempt.ended = server.stop()
            self._keep()
            self._judge_the_end(attempt, watched)
            self._keep()

    def _judge_the_end(self, attempt: Attempt, watched: gpu.Watched) -> None:
        found: list[tuple[str, str]] = []
        if attempt.ended is not None and attempt.ended.left:
            found.append(("not_ended", f"Nobody could end {'; '.join(attempt.ended.left)}."))
        if attempt.ended is not None and attempt.ended.outlived:
            self._going.tell(f"{attempt.configuration}: ended what outlived it: {'; '.join(attempt.ended.outlived)}.")
        if attempt.failure != "dirty_gpu" and not watched.wait():
            found.append(("dirty_gpu", f"{'; '.join(watched.told.holders)}."))
        if found and not attempt.failure and attempt.state != "stopped":
            attempt.state, attempt.failure = "failed", found[0][0]
        attempt.said = " ".join(filter(None, [attempt.said, *(said for _, said in found)]))
        if attempt.failure:
            self._going.tell(f"{attempt.configuration}: {attempt.failure}. {attempt.said}")

    def _measured(self, own: Configuration, attempt: Attempt, server: Server, loads: list[Wanted]) -> None:
        place = f"{self._sweep.configurations.index(own) + 1} of {len(self._sweep.configurations)}"
        self._going.tell(f"{own.name} ({place}): starting {own.kind} ...")
        began = time.monotonic()
        server.start(self._sweep.folder, self._going.environment)
        attempt.pid, attempt.began, attempt.port, attempt.command = (
            server.pid,
            server.began,
            server.port,
            server.command,
        )
        self._keep()
        first = loads[0]
        body = body_of(first.prompts[0], own.model, _FIRST_TOKENS, first.body)
        attempt.models = list(server.wait_until_ready(body))
        attempt.ready_s = round(time.monotonic() - began, 3)
        self._going.tell(
            f"{own.name}: ready after {attempt.ready_s:.1f} s as process {server.pid}, port {server.port}."
        )
        for load in loads:
            if load.search is None:
                self._sent(own, attempt, server, load)
            else:
                self._searched(own, attempt, server, load)
            self._keep()

    def _searched(self, own: Configuration, attempt: Attempt, server: Server, load: Wanted) -> None:
        assert load.search is not None
        search = load.search

        def probe(concurrency: int) -> Probe:
            wanted = search.at(concurrency)
            run = _planned(job_of(self._sweep, own, wanted, self._going), wanted)
            seen = any(each.config_hash == run["config_hash"] for each in attempt.runs)
            reuse = (seen or not self._going.again) and is_measured(self.record, run, self._going.runs)
            made = None if reuse else self._sent(own, attempt, server, wanted)
            if made is not None and made.state != record.MEASURED:
                return Probe(concurrency, run["run"], made.state, said=made.said)
            good = store.read_metrics(self._going.runs, run["run"]).goodput
            assert good is not None
            return Probe(concurrency, run["run"], record.MEASURED, good.share, good.requests_per_s)

        found = find_knee(probe, search.bounds)
        found.load = load.label
        found.config_hash = _planned(job_of(self._sweep, own, load, self._going), load)["config_hash"]
        attempt.found.append(found)
        self._going.tell(
            f"{own.name}: {load.label}: {found.concurrency or 'no concurrency'} keeps the limits; {found.said}."
        )

    def _sent(self, own: Configuration, attempt: Attempt, server: Server, load: Wanted) -> Run:
        """Sends one load, in the record whatever comes of it. Raises KeyboardInterrupt, ServerFaultError after that."""
        made = self._made(job_of(self._sweep, own, load, self._going, attempt.attempt), load, server)
        attempt.runs.append(made)
        self._keep()
        if made.state == record.STOPPED:
            raise KeyboardInterrupt
        server.check(f"under the load {load.label}")
        return made

    def _made(self, job: Job, load: Wanted, server: Server) -> Run:
        made = Run(load=load.label, run=job.name, config_hash=session.hash_of(job), state=record.FAILED)
        try:
            reached = session.reach(server.target)
            with self._going.watching(f"{job.name}") as watcher:
                metrics, _ = session.run(job, server.target, reached, watcher)
        except UnifiedIntelligenceError as error:
            made.said = error.message
            return made
        made.state, made.said = _state_of(metrics)
        return made

    def _keep(self) -> None:
        record.keep(self._path, self.record)


def _refuse_dirty(watched: gpu.Watched) -> None:
    if not watched.wait():
        raise ServerFaultError("dirty_gpu", f"Not started: {'; '.join(watched.told.holders)}.")


def _state_of(metrics: Metrics) -> tuple[str, str]:
    said = "; ".join(metrics.invalid)
    if STOPPED in metrics.invalid:
        return record.STOPPED, said
    if not metrics.counts["completed"]:
        kind = next(iter(metrics.failures), "")
        return record.INVALID, f"{said}: {metrics.failures_said.get(kind, kind)}"
    return (record.MEASURED if metrics.valid else record.INVALID), said


def _begun(sweep: Sweep, going: Going, before: Record | None) -> Record:
    """The record of earlier starts with today's plan."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Record(
        name=sweep.name,
        created=before.created if before else created,
        spec=going.spec,
        version=going.version,
        machine=session.machine(),
        plan=plan_of(sweep, going),
        attempts=before.attempts if before else [],
    )
