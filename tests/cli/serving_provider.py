"""A provider that would call a server, with a row of the table for it: it answers with what it was given.

A key is answered as its digest, so that the tests can know which one came and still find it nowhere.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.cli.uic_program import Install, Ran

SOURCE = """
import hashlib, json
from typing import Annotated

class Generator(InProcessTextGenerator):
    def __init__(self, *, base_url: str, key: str | None = None, model: str = "small", hf_token: str | None = None,
                 timeout: Annotated[float, "seconds in all"] = 60.0, retries: int = 2, wait: float = 0.0,
                 insecure: bool = False, fail: str = "") -> None:
        self.given = {"base_url": base_url, "model": model, "timeout": timeout, "retries": retries, "wait": wait,
                      "insecure": insecure}
        self.keys = {"key": key, "hf_token": hf_token}
        if fail == "init":
            raise RuntimeError("broke while it was built")
        self.fail = fail
    def stream(self, messages, config=None):
        if self.fail:
            raise RuntimeError("broke while it answered")
        digests = {name: key and hashlib.sha256(key.encode()).hexdigest() for name, key in self.keys.items()}
        yield TextDelta(json.dumps({**self.given, **digests}, ensure_ascii=False))
        yield Finished("stop")
"""
PROGRAM = """
import sys
from unified_intelligence.factories.provider_factory import PROVIDERS, Provider
PROVIDERS["wired"] = Provider("uic_calling:Generator", "calls a server", options={"timeout": 30.0},
    environment={"base_url": "WIRED_URL", "key": "WIRED_KEY", "hf_token": "WIRED_TOKEN"})
from unified_intelligence.__main__ import main
sys.exit(main())
"""


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Wired(NamedTuple):
    """The program with the row `wired`; the plugin `calling` is the same class without variables."""

    environment: dict[str, str]
    work: Path

    def run(self, *arguments: str, **variables: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, env={**self.environment, **variables}, cwd=self.work,
            timeout=30, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def given(self, *arguments: str, **variables: str) -> dict[str, object]:
        """What the provider was built with; its keys as digests."""
        ran = self.run("-q", "ça va ? 🎈", *arguments, **variables)
        assert (ran.code, ran.err) == (0, ""), ran
        return json.loads(ran.out)


def wired(environment: dict[str, str], plugin: Install) -> Wired:
    plugin("calling", SOURCE)
    return Wired({**environment, "UIC_PROVIDER": "wired"}, Path(environment["HOME"]) / "work")
