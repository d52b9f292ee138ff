"""Memory of the GPUs before, during and after a server, by NVIDIA's management library, where it is.

Memory comes back some time after the process that held it is gone: the next server, started too early, would size its
cache by what is left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from unified_intelligence.benchmark.sweep import processes
from unified_intelligence.benchmark.sweep.faults import ServerFaultError
from unified_intelligence.benchmark.sweep.record import Gpu

_MIB = 1 << 20
_LOOK_EVERY, _PEAK_EVERY = 0.5, 0.5  # seconds
_SETTLED = 16  # MiB between two looks


class Device(NamedTuple):
    """`holders` are the processes with memory on it, in MiB; None where the driver does not tell how much."""

    number: int
    name: str
    used_mib: int
    holders: dict[int, int | None]


Look = Callable[[], list[Device]]


class Gpus(NamedTuple):
    """`look` None: they cannot be looked at, and `why`."""

    look: Look | None
    why: str = ""
    driver: str = ""


def find_gpus(visible: str = "") -> Gpus:
    """The GPUs of this machine; `visible` is CUDA_VISIBLE_DEVICES, "" for all."""
    try:
        import pynvml  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
    except ImportError:
        return Gpus(None, "nvidia-ml-py is not installed: pip install 'unified-intelligence-cli[sweep]'")
    library: Any = pynvml
    try:
        library.nvmlInit()
        driver = _text(library.nvmlSystemGetDriverVersion())
        handles = [library.nvmlDeviceGetHandleByIndex(number) for number in range(library.nvmlDeviceGetCount())]
        names = [(str(number), _text(library.nvmlDeviceGetUUID(own))) for number, own in enumerate(handles)]
    except library.NVMLError as error:
        return Gpus(None, f"there is no GPU of NVIDIA's here: {error}")
    chosen = [number for number, own in enumerate(names) if is_visible(own, visible)]
    if not chosen:
        return Gpus(None, "no GPU of NVIDIA's is visible")
    return Gpus(lambda: [_device(library, number, handles[number]) for number in chosen], driver=driver)


def is_visible(names: tuple[str, str], visible: str) -> bool:
    """Whether CUDA shows the GPU with this number and UUID: in its variable a UUID may be cut short."""
    wanted = [part.strip() for part in visible.split(",") if part.strip()]
    return not wanted or any(
        part == names[0] or (part.startswith("GPU-") and names[1].startswith(part)) for part in wanted
    )


def _device(library: Any, number: int, handle: Any) -> Device:
    """Raises ServerFaultError for a GPU that cannot be read any more."""
    try:
        name, used = _text(library.nvmlDeviceGetName(handle)), library.nvmlDeviceGetMemoryInfo(handle).used
    except library.NVMLError as error:
        raise ServerFaultError("dirty_gpu", f"GPU {number} cannot be read: {error}") from error
    try:
        holders = holders_of(library.nvmlDeviceGetComputeRunningProcesses(handle))
    except library.NVMLError:  # not allowed here, as in some containers: the memory is known all the same
        holders = {}
    return Device(number, name, used // _MIB, holders)


def holders_of(listed: Sequence[Any]) -> dict[int, int | None]:
    """MiB by process, of the library's own list, which has a process once for each of its contexts."""
    found: dict[int, int | None] = {}
    for own in listed:
        before, more = found.get(own.pid), own.usedGpuMemory
        found[own.pid] = before if more is None else (before or 0) + more // _MIB
    return found


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def settled(look: Look, within: float) -> list[Device]:
    """What is held once it does not fall any more: the baseline of a sweep."""
    until = time.monotonic() + within
    before = look()
    while True:
        time.sleep(_LOOK_EVERY)
        now = look()
        falls = any(old.used_mib - new.used_mib > _SETTLED for old, new in zip(before, now, strict=True))
        if not falls or time.monotonic() > until:
            return now
        before = now


def wait_until_free(
    look: Look, baseline: Sequence[Device], slack_mib: int, within: float
) -> tuple[list[Device], list[str]]:
    """What is held after at most `within` seconds, and who holds more than at the baseline: nobody if it came back."""
    until = time.monotonic() + within
    while True:
        now = look()
        over = [(old, new) for old, new in zip(baseline, now, strict=True) if new.used_mib > old.used_mib + slack_mib]
        if not over:
            return now, []
        if time.monotonic() > until:
            return now, [_holding(old, new) for old, new in over]
        time.sleep(_LOOK_EVERY)


def _holding(before: Device, now: Device) -> str:
    """In words: the processes that were not there before, or hold more."""
    more = [
        f"{processes.told(pid)}{f' with {mib} MiB' if mib is not None else ''}"
        for pid, mib in now.holders.items()
        if pid not in before.holders or (mib or 0) > (before.holders[pid] or 0)
    ]
    who = " and ".join(more) or "no process that the driver tells"
    return f"GPU {now.number} holds {now.used_mib} MiB, {now.used_mib - before.used_mib} more than before: {who}"


class Watched:
    """The GPUs around one server. `told` is filled in as it goes."""

    def __init__(self, gpus: Gpus, baseline: Sequence[Device], slack_mib: int, within: float) -> None:
        self._gpus, self._baseline, self._slack, self._within = gpus, baseline, slack_mib, within
        self.told = Gpu(
            checked=gpus.look is not None,
            why=gpus.why,
            driver=gpus.driver,
            names=[own.name for own in baseline],
            baseline_mib=[own.used_mib for own in baseline],
            peak_mib=[own.used_mib for own in baseline],
        )

    def wait(self) -> bool:
        """Whether the memory is back. Who holds it is in `told`."""
        if self._gpus.look is None:
            return True
        try:
            now, self.told.holders = wait_until_free(self._gpus.look, self._baseline, self._slack, self._within)
        except ServerFaultError as fault:
            self.told.holders = [fault.message]
            return False
        self.told.after_mib = [own.used_mib for own in now]
        return not self.told.holders

    @contextmanager
    def peak(self) -> Generator[None]:
        """Notes the highest use meanwhile, as far as it is looked at."""
        look = self._gpus.look
        if look is None:
            yield
            return
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_PEAK_EVERY):
                try:
                    now = [own.used_mib for own in look()]
                except ServerFaultError:  # the look after the server says so
                    return
                self.told.peak_mib = [max(pair) for pair in zip(self.told.peak_mib, now, strict=True)]

        thread = threading.Thread(target=watch, daemon=True, name="gpu-memory")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
