"""Where a model runs: device, number type, and as many threads as this process may really use."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["none", "int8", "int4", "fp8"]

_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def device_of(name: str) -> torch.device:
    """The device of a name; "auto" is the best there is. Raises ConfigurationError for one that is not there."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"The device {name!r} cannot be used: {reason}", hint="Use auto or cpu.") from error
    return device


def dtype_of(name: Dtype, saved: torch.dtype | None, device: torch.device) -> torch.dtype:
    """ "auto" is the type the model was saved in, except that a CPU, slow in float16, gets float32."""
    import torch

    named = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name != "auto":
        return named[name]
    if saved is None or (saved is torch.float16 and device.type == "cpu"):
        return torch.float32
    return saved


def set_threads(wanted: int | None) -> None:
    """Threads for the whole process, more of them than cores make each token many times slower.

    Raises ConfigurationError.
    """
    import torch

    if wanted is not None and wanted < 1:
        raise ConfigurationError(f"The option threads is 1 or more, not {wanted}.")
    torch.set_num_threads(wanted or min(torch.get_num_threads(), available_cores()))


def available_cores(control_groups: Path = _CONTROL_GROUPS) -> int:
    """What the scheduler and the container's quota leave of the machine's cores, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, math.ceil(_quota(control_groups) or cores)))


def _quota(folder: Path) -> float | None:
    """CPU quota in cores, of version 2 (cpu.max) or 1 (cpu/cpu.cfs_*) of the control groups."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu/cpu.cfs_quota_us").read_text()
            period = (folder / "cpu/cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):  # no such file, or "max"
        return None


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device now; of main memory, what the container's limit leaves of it."""
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return _free_main_memory()


def _free_main_memory() -> int:
    """Bytes this process could still take; 4 GB where nobody says."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        free = 4 * 10**9
    try:
        limit = int((_CONTROL_GROUPS / "memory.max").read_text())
        used = int((_CONTROL_GROUPS / "memory.current").read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return free
    return max(0, min(free, limit - used))
