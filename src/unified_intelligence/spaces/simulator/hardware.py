"""The hardware that a Space can ask for and what an hour of it costs.

Figures of the Hub's public documentation as of August 2026, for rehearsals; what is billed is what the Hub says.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Hardware(NamedTuple):
    """`usd` is for an hour; `gpu` is empty, or a model and its memory."""

    title: str
    cpu: str
    ram: str
    usd: float
    gpu: tuple[str, str] | None = None
    gpus: int = 1


HARDWARE = {
    "cpu-basic": Hardware("CPU Basic", "2 vCPU", "16 GB", 0.0),
    "cpu-upgrade": Hardware("CPU Upgrade", "8 vCPU", "32 GB", 0.03),
    "zero-a10g": Hardware("ZeroGPU", "dynamic", "dynamic", 0.0, ("RTX PRO 6000", "48 GB")),
    "t4-small": Hardware("Nvidia T4 - small", "4 vCPU", "15 GB", 0.4, ("T4", "16 GB")),
    "t4-medium": Hardware("Nvidia T4 - medium", "8 vCPU", "30 GB", 0.6, ("T4", "16 GB")),
    "l4x1": Hardware("1x Nvidia L4", "8 vCPU", "30 GB", 0.8, ("L4", "24 GB")),
    "l4x4": Hardware("4x Nvidia L4", "48 vCPU", "186 GB", 3.8, ("L4", "96 GB"), 4),
    "l40sx1": Hardware("1x Nvidia L40S", "8 vCPU", "62 GB", 1.8, ("L40S", "48 GB")),
    "a10g-small": Hardware("Nvidia A10G - small", "4 vCPU", "15 GB", 1.0, ("A10G", "24 GB")),
    "a10g-large": Hardware("Nvidia A10G - large", "12 vCPU", "46 GB", 1.5, ("A10G", "24 GB")),
    "a100-large": Hardware("Nvidia A100 - large", "12 vCPU", "142 GB", 2.5, ("A100", "80 GB")),
}


def told() -> list[dict[str, Any]]:
    """All hardware as the Hub lists it."""
    return [
        {
            "name": name,
            "prettyName": row.title,
            "cpu": row.cpu,
            "ram": row.ram,
            "ephemeralStorage": "50 GB",
            "accelerator": _accelerator(row),
            "unitCostMicroUSD": round(row.usd * 1_000_000 / 60),
            "unitCostUSD": row.usd / 60,
            "unitLabel": "minute",
        }
        for name, row in HARDWARE.items()
    ]


def _accelerator(row: Hardware) -> dict[str, str] | None:
    if row.gpu is None:
        return None
    model, memory = row.gpu
    return {"type": "gpu", "model": model, "quantity": str(row.gpus), "vram": memory, "manufacturer": "Nvidia"}
