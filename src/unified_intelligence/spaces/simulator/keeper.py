"""Keeps one Space: builds and starts what is committed, puts it in the old one's place, lets it sleep, wakes it.

Only one thing is under way at a time. What comes in between, a commit or a restart, ends it and begins anew; what
runs goes on running meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unified_intelligence.spaces.simulator.app_command import AppCommand, BuildError, clear, prepare
from unified_intelligence.spaces.simulator.door import Door
from unified_intelligence.spaces.simulator.hardware import HARDWARE
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.log_book import LogBook
from unified_intelligence.spaces.simulator.repository import MAIN
from unified_intelligence.spaces.simulator.running_app import RunningApp
from unified_intelligence.spaces.simulator.space_record import SpaceRecord
from unified_intelligence.spaces.simulator.stages import SpaceState

_DEPLOYMENT = "deployment.json"
_INHERITED = (
    "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "HF_HOME", "HF_HUB_OFFLINE", "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)  # fmt: skip
_ATTEMPTS = 3
_LOOK = 0.1
_FAREWELL = 5.0


@dataclass(frozen=True)
class Timings:
    """Seconds. `notice` goes by before a commit or a setting has an effect, `build` is how long a build takes."""

    notice: float = 0.3
    build: float = 0.3
    restart: float = 0.5


class Keeper:
    """`base` are the variables of this machine that an app inherits."""

    def __init__(self, hub: Hub, name: str, base: Mapping[str, str], timings: Timings) -> None:
        self._hub, self._name, self._base, self._timings = hub, name, base, timings
        self._clock = hub.clock
        self.state = SpaceState()
        self.build_log, self.run_log = LogBook(), LogBook()
        self.door = Door(self)
        self._app: RunningApp | None = None
        self._work: asyncio.Task[None] | None = None
        self._idle: asyncio.Task[None] | None = None
        self._lag: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._running = hub.folder / "running" / name
        self._folders = 0

    @property
    def record(self) -> SpaceRecord:
        return self._hub.record(self._name)

    @property
    def name(self) -> str:
        return self._name

    @property
    def app_port(self) -> int:
        """The port on which the app listens; 0 while nothing can reach it."""
        held = self._hub.faults.of_commit(self._name, self.state.serving, "stuck_running")
        return self._app.port if self._app and self.state.serving and not held else 0

    def refuses(self, method: str, path: str) -> bool:
        """Whether the fault `failing_answers` answers a request instead of the app."""
        held = self._hub.faults.of_commit(self._name, self.state.shown, "failing_answers")
        return held is not None and method == "POST" and "version" not in path

    async def open(self) -> None:
        """Listens at the Space's address, and goes on where an earlier process left it."""
        record = self.record
        record.port = await self.door.open(record.port)
        self._hub.save(self._name, record)
        self.state.paused = record.paused
        head = self._hub.repository("spaces", self._name).resolve(MAIN)
        if not record.paused and self._wants_to_run(head):
            self._begin(head, build=True)

    async def close(self) -> None:
        await self._stop_work()
        await self.door.close()
        await self._end_app()
        await asyncio.gather(*self._ending)
        clear(self._running)
        for log in (self.build_log, self.run_log):
            log.close()

    def committed(self, commit: str) -> None:
        """A commit on main."""
        if self.record.paused or self._hub.faults.of_commit(self._name, commit, "lost_first_build"):
            return
        self._begin(commit, build=True)

    def restart(self, *, factory: bool = False) -> None:
        """Builds the newest commit anew, and ends a pause."""
        record = self.record
        record.paused = False
        self._hub.save(self._name, record)
        head = self._hub.repository("spaces", self._name).resolve(MAIN)
        self._hub.faults.cure(self._name, head, "factory" if factory else "restart")
        self._begin(head, build=True)

    def settings_changed(self) -> None:
        """What runs, starts or broke is started again with them; what is built or sleeps has them when it starts."""
        state = self.state
        commit = state.starting or state.serving or (state.shown if state.failed == "RUNTIME_ERROR" else "")
        if commit and not state.building:
            self._begin(commit, build=False)

    async def pause(self) -> None:
        record = self.record
        record.paused = True
        self._hub.save(self._name, record)
        await self._stop_work()
        self.state.pause()
        await self._end_app()
        self.build_log.close()
        self.run_log.close()

    def wake(self) -> None:
        """Somebody knocks: what sleeps starts."""
        if self.state.asleep:
            commit = self.state.woken()
            self._begin(commit, build=False, notice=False)

    def touched(self) -> None:
        """A request came: the time to sleep counts from now."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        seconds = self.record.sleep_time
        if seconds and seconds > 0 and self.state.serving:
            self._idle = asyncio.create_task(self._sleep_after(seconds))

    def _wants_to_run(self, head: str) -> bool:
        files = self._hub.repository("spaces", self._name).files(head)
        return bool(files.keys() - {".gitattributes", "README.md"})

    def _begin(self, commit: str, *, build: bool, notice: bool = True) -> None:
        if self._work is not None:
            self._work.cancel()
        self._work = asyncio.create_task(self._roll_out(commit, build=build, notice=notice))

    async def _stop_work(self) -> None:
        for task in (self._work, self._idle, self._lag):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._work = self._idle = self._lag = None

    async def _roll_out(self, commit: str, *, build: bool, notice: bool) -> None:
        """Goes from a commit to an app that serves, or to the stage that says why not; then watches over it."""
        if notice:
            await self._clock.sleep(self._timings.notice)
        before = self.state.shown
        self.state.begin(commit, build=build)
        source = self._source(commit)
        try:
            command = await self._build(commit, source) if build else await self._prepared(commit, source)
        except BuildError as error:
            self._say_of_build(f"ERROR: {error}\n")
            await self._fail(error.stage, f"{error}.", commit if self._moves(commit) else before)
            return
        code = 0
        for attempt in range(1, _ATTEMPTS + 1):
            self.state.begin(commit, build=False)
            code = await self._run(command, commit, before)
            self._say(f"Exit code: {code}. Start {attempt} of {_ATTEMPTS}.\n")
            await self._clock.sleep(self._timings.restart)
        await self._fail("RUNTIME_ERROR", f"Exit code: {code}. Reason: the application ended.", commit)

    async def _fail(self, stage: str, message: str, commit: str) -> None:
        self.state.fail(stage, message, commit)
        await self._end_app()
        self.build_log.close()
        self.run_log.close()

    def _held(self, commit: str, fault: str) -> bool:
        return self._hub.faults.of_commit(self._name, commit, fault) is not None

    def _moves(self, commit: str) -> bool:
        return not self._held(commit, "stale_build")

    def _source(self, commit: str) -> str:
        """The commit whose files are built."""
        stale = not self._moves(commit) or self._held(commit, "stale_snapshot") or self._held(commit, "stale_layer")
        return self._hub.repository("spaces", self._name).commit_of(commit).parent if stale else commit

    async def _build(self, commit: str, source: str) -> AppCommand:
        self.build_log.close()
        self.build_log = LogBook()
        self._say_of_build(
            f"===== Build Queued at {self._clock.date():%Y-%m-%d %H:%M:%S} / Commit SHA: {source[:7]} =====\n"
        )
        if self._held(commit, "stuck_building"):
            await asyncio.Event().wait()
        await self._clock.sleep(self._timings.build)
        if self._held(commit, "build_error"):
            raise BuildError("The build failed, as it was told to")
        command = await self._prepared(commit, source)
        self.build_log.close()
        return command

    async def _prepared(self, commit: str, source: str) -> AppCommand:
        """The files laid out in a folder of their own. Raises BuildError."""
        repository = self._hub.repository("spaces", self._name)
        files = {path: repository.read(entry) for path, entry in repository.files(source).items()}
        if self._held(commit, "stale_layer"):
            new = repository.files(commit)
            files |= {_DEPLOYMENT: repository.read(new[_DEPLOYMENT])} if _DEPLOYMENT in new else {}
        self._folders += 1
        folder = self._running / str(self._folders)
        values = {name: value.value for name, value in self.record.variables.items()}
        lines: list[str] = []
        try:
            return await asyncio.to_thread(prepare, files, folder, values, lines.append)
        finally:
            for line in lines:
                self._say_of_build(f"{line}\n")

    async def _run(self, command: AppCommand, commit: str, before: str) -> int:
        """Starts the app, lets it serve once it answers, and waits for its end. The exit code."""
        self.run_log.close()
        log = self.run_log = LogBook()
        self._say(f"===== Application Startup at {self._clock.date():%Y-%m-%d %H:%M:%S} =====\n")
        environment = app_environment(self._base, self.record, self._name, self._running / "home")
        app = await RunningApp.start(command, environment, lambda line: log.write(self._clock.date(), line))
        try:
            if not await self._answers(app, commit, command.startup):
                await app.stop()
                return await app.ended()
        except asyncio.CancelledError:
            self._end_later(app)
            raise
        self._end_later(self._app)
        self._app = app
        self._show(commit, before)
        if (held := self._hub.faults.of_commit(self._name, commit, "sleeping")) and not held.answered:
            held.answered = 1
            self._idle = asyncio.create_task(self._sleep_after(0.0))
        else:
            self.touched()
        code = await app.ended()
        self._app, self.state.serving = None, ""
        return code

    async def _answers(self, app: RunningApp, commit: str, patience: float) -> bool:
        """Whether it does within `patience` seconds; looked at every now and then."""
        until = self._clock.now() + patience
        while not app.has_ended and self._clock.now() < until:
            if self._held(commit, "crash_loop"):
                return False
            if await app.answers():
                return True
            await asyncio.sleep(_LOOK)
        return False

    def _show(self, commit: str, before: str) -> None:
        """What the Hub tells as running from now on, and from when."""
        lag = self._hub.faults.of_commit(self._name, commit, "lagging_sha")
        self.state.serve(commit, before if lag or not self._moves(commit) else commit)
        if lag:
            self._lag = asyncio.create_task(self._show_later(commit, lag.seconds))

    async def _show_later(self, commit: str, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if self.state.serving == commit:
            self.state.shown = commit

    async def _sleep_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if self.state.building or self.state.starting:
            return  # what comes in its place begins to count anew
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self.state.sleep()
        await self._end_app()
        self.run_log.close()

    async def _end_app(self) -> None:
        app, self._app = self._app, None
        if app is not None:
            await app.stop()

    def _end_later(self, app: RunningApp | None) -> None:
        if app is not None:
            task = asyncio.create_task(self._end_gently(app))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end_gently(self, app: RunningApp) -> None:
        """Whoever it is answering gets the end of the answer."""
        await self.door.left(app.port, _FAREWELL)
        await app.stop()

    def _say(self, text: str) -> None:
        self.run_log.write(self._clock.date(), text)

    def _say_of_build(self, text: str) -> None:
        self.build_log.write(self._clock.date(), text)


def app_environment(base: Mapping[str, str], record: SpaceRecord, name: str, home: Path) -> dict[str, str]:
    """What an app finds: little of this machine, what the Hub sets, and the Space's variables and secrets."""
    home.mkdir(parents=True, exist_ok=True)
    owner, _, rest = name.partition("/")
    hardware = HARDWARE[record.hardware]
    told = {
        "HOME": str(home), "SYSTEM": "spaces", "SPACE_ID": name, "SPACE_AUTHOR_NAME": owner, "SPACE_REPO_NAME": rest,
        "SPACE_TITLE": rest, "SPACE_CREATOR_USER_ID": "0", "SPACE_HOST": f"127.0.0.1:{record.port}",
        "CPU_CORES": hardware.cpu.split()[0], "MEMORY": hardware.ram.replace(" ", ""),
        "ACCELERATOR": hardware.gpu[0] if hardware.gpu else "none", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    inherited = {name: base[name] for name in _INHERITED if name in base}
    values = {key: value.value for key, value in {**record.variables, **record.secrets}.items()}
    return {**inherited, **told, **values}
