"""What a deployment costs and whether it finds the wrong version, on the local Hub.

    python benchmarks/deploy.py [--rehearsals N] [--clean N] [--stale N] [--output FILE]

Rehearsals deploy the Space qwen3-inference with the package's own model: the app starts in a process and answers the
smoke requests. The other figures are of a small Space, whose server is of the standard library, so that many can be
deployed. Calls are those of the Hub's API, reading of logs and polling included. Seconds are this machine's; nothing
here was measured on the Hub.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

os.environ["HF_HUB_DISABLE_XET"] = "1"  # read once, when huggingface_hub is imported
os.environ.pop("HF_HUB_OFFLINE", None)

from tests.integration.spaces_operated.model_app import sources
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.config.environment import Environment
from unified_intelligence.entities.errors import UnifiedIntelligenceError, VerificationError
from unified_intelligence.factories.space_factory import space_visitor
from unified_intelligence.figures.statistics import wilson
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.patience import Patience
from unified_intelligence.spaces.rehearsal import ENDS, Rehearsal
from unified_intelligence.spaces.render import RenderedSpace, render
from unified_intelligence.spaces.report import DeploymentReport
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.keeper import Timings
from unified_intelligence.spaces.simulator.server import running
from unified_intelligence.spaces.spec import SpaceSpec

HERE = Path(__file__).parent
PROJECT = HERE.parent
STALE = ("stale_build", "stale_snapshot", "stale_layer")
ROLLED_BACK = "failing_answers"
PATIENCE = Patience(
    poll=0.1, longest_poll=0.5, unmoved=1.5, starting=12.0, answering=4.0, watch=0.3, watch_poll=0.15
)  # a clean deployment on a busy machine must not look stuck


def rehearse(fault: str = "") -> dict[str, Any]:
    """One run of the command, in a process of its own."""
    command = [sys.executable, "-m", "unified_intelligence", "space", "rehearse", "qwen3-inference", "--json"]
    command += ["--fault", fault] if fault else []
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def figures_of(told: list[dict[str, Any]], step: str) -> dict[str, Any]:
    seconds = [each["seconds"][step] for each in told]
    return {
        "wall seconds": {"median": median(seconds), "least": min(seconds), "most": max(seconds)},
        "calls of the Hub": median(each["calls"][step] for each in told),
    }


def small_space(name: str, answer: str) -> RenderedSpace:
    spec = {
        "version": 1, "id": name, "sdk": "gradio", "visibility": "public",
        "contract": {"kind": "openai", "models": ["petit"], "provider": "openai_compatible"},
        "smoke": [{"name": "tva", "prompt": "15 % de 240 € ?", "expect": {"regex": "36 €"}}],
    }  # fmt: skip
    return render(SpaceSpec.model_validate(spec), sources(f"36 € : {answer} 🎉"))


def share(right: int, of: int) -> dict[str, Any]:
    low, high = wilson(right, of)
    return {"right": right, "of": of, "low": round(low, 4), "high": round(high, 4)}


class Bench:
    """A local Hub, and deployments of small Spaces to it."""

    def __init__(self, hub: Hub, url: str) -> None:
        self._hub = hub
        self._host = HuggingFaceSpaceHost(token="hf_bench", endpoint=url)  # noqa: S106 - any token will do there
        self._visitor = space_visitor(self._host, Environment({"HF_TOKEN": "hf_bench"}))

    def deployer(self) -> Deployer:
        return Deployer(self._host, self._visitor, patience=PATIENCE, report=DeploymentReport("bench", "deploy"))

    def deploy(self, version: RenderedSpace) -> list[str]:
        """What was done about a version that did not run: nothing, where nothing seemed wrong."""

        async def work() -> list[str]:
            deployer = self.deployer()
            try:
                await deployer.deploy(version, await deployer.plan(version))
            except VerificationError as error:
                return [error.message]
            found = [step["found"] for step in deployer.report.steps if step["step"] == "verify"]
            return list(found[-1]["verification"]["remedies"])

        return asyncio.run(work())

    def clean(self, count: int) -> int:
        """Of so many versions of one Space, one after the other, how many are flagged although they are right."""
        return sum(bool(self.deploy(small_space("bench/clean", str(number)))) for number in range(count))

    def caught(self, variant: str, count: int) -> Counter[str]:
        """By what the first thing was that was done about each."""
        name, outcomes = f"bench/{variant.replace('_', '-')}", Counter[str]()
        self.deploy(small_space(name, "before"))
        for number in range(count):
            self._hub.faults.waiting.append(Fault(variant, name))
            done = self.deploy(small_space(name, str(number)))
            outcomes["caught, and mended" if done and "new commit" in done[-1] else "caught" if done else "missed"] += 1
        return outcomes

    def fault(self, name: str) -> dict[str, Any]:
        """A good version, then one that goes wrong, and how that ended."""
        space = f"bench/fault-{name.replace('_', '-')}"
        rehearsal = Rehearsal(self._hub, self._host, self.deployer, lambda _: None)
        fault = Fault(name, seconds=1.0, calls=0 if name == "cut_logs" else 1)
        first, second = small_space(space, "first"), small_space(space, "second")
        try:
            told = asyncio.run(rehearsal.rehearse(first, second, fault))
        except UnifiedIntelligenceError as error:
            return {"as stated": False, "said": error.message}
        seconds = told.seconds["with the fault"]
        return {"as stated": told.ok, "ends": told.ended, "exit": told.exit_code, "seconds": seconds}


def on_a_small_space(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder) / "hub", owner="bench")
        with running(hub.folder, hub=hub, base=os.environ, timings=Timings(notice=0.1, build=0.2, restart=0.1)) as url:
            bench = Bench(hub, url)
            faults = {name: bench.fault(name) for name in ENDS if not say(name)}
            flagged = bench.clean(options.clean)
            say(f"{flagged} of {options.clean} clean deployments flagged")
            caught = {variant: dict(bench.caught(variant, options.stale)) for variant in STALE if not say(variant)}
    stale = options.stale * len(STALE)
    missed = sum(outcomes.get("missed", 0) for outcomes in caught.values())
    return {
        "wrong version": {
            "stale builds caught": share(stale - missed, stale),
            "clean deployments flagged": share(flagged, options.clean),
            "by variant": caught,
        },
        "faults that end as stated": sum(each["as stated"] for each in faults.values()),
        "faults tried": len(faults),
        "faults": faults,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rehearsals", type=int, default=3)
    parser.add_argument("--clean", type=int, default=50)
    parser.add_argument("--stale", type=int, default=10)
    parser.add_argument("--output", type=Path, default=HERE / "results/deploy.json")
    options = parser.parse_args()
    for library in ("asyncio", "huggingface_hub.hf_api"):
        logging.getLogger(library).setLevel(logging.CRITICAL)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    clean = [rehearse() for number in range(options.rehearsals) if not say(f"rehearsal {number + 1}")]
    back = [rehearse(ROLLED_BACK) for number in range(options.rehearsals) if not say(f"rollback {number + 1}")]
    given = f"--rehearsals {options.rehearsals} --clean {options.clean} --stale {options.stale}"
    result = {
        "command": f"python benchmarks/deploy.py {given}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} processors, {platform.machine()}",
        "what": "the local Hub of uic space simulate; nothing was measured on the Hub itself",
        "rehearsal of qwen3-inference": {
            "clean to verified": figures_of(clean, "deploy"),
            "failed smoke test to verified rollback": figures_of(back, "with the fault"),
        },
        **on_a_small_space(options, say),
    }
    options.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
