"""What every result file says besides its figures, written anew after each case."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(slots=True)
class Asked:
    """What the command line asked of a part."""

    part: str
    quick: bool
    threads: int
    tokenizer: Path | None
    output: Path = RESULTS
    llama: Path | None = None
    device: str = "cuda"  # of the part `gpu`, as what follows
    tiny: bool = False
    case: str = ""
    _load: list[float] = field(default_factory=list[float])

    @property
    def command(self) -> str:
        told = f"python -m benchmarks.engine --part {self.part} --threads {self.threads}"
        told += f" --tokenizer {self.tokenizer.name}" if self.tokenizer else ""
        told += f" --llama {self.llama.name}" if self.llama else ""
        told += " --quick" if self.quick else ""
        told += f" --device {self.device}" if self.device != "cuda" else ""
        return told + (" --tiny" if self.tiny else "")

    def rounds(self, usual: int) -> int:
        return max(2, usual // 3) if self.quick else usual

    def keep(self, figures: Mapping[str, Any]) -> None:
        """Writes the result file."""
        self._load.append(round(os.getloadavg()[0], 1))
        result = {
            "command": self.command,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with other work all along",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": version("transformers"),
            "llguidance": _version("llguidance"),
            "threads": self.threads,
            "load average after each case": self._load,
            **figures,
        }
        self.output.mkdir(parents=True, exist_ok=True)
        path = self.output / f"engine_{self.part}.json"
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
