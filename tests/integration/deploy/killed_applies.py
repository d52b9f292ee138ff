"""Applies that are killed: a program that forks an apply, kills it after a while with SIGKILL, and then applies again.

argv: the Hub's address, a seed, how many rounds. It prints a line of JSON for each round. A fork each: starting Python
and importing the client would take longer than the apply.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

from tests.integration.deploy.conftest import SPACE, TOKEN
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.spaces.apply import apply
from unified_intelligence.spaces.plan import make_plan
from unified_intelligence.spaces.render import RenderedSpace, render
from unified_intelligence.spaces.secret_values import SecretValues
from unified_intelligence.spaces.spec import SpaceSpec

SECRETS = SecretValues({"KEY": "a value"})


def rendered(number: int) -> RenderedSpace:
    spec = SpaceSpec.model_validate({
        "version": 1, "id": SPACE, "sdk": "static", "secrets": {"KEY": "env:KEY"},
        "variables": {"ROUND": str(number), f"ONLY_{number}": "x"},
    })  # fmt: skip
    large = random.Random(number).randbytes(64 * 1024)
    return render(spec, {"index.html": f"Ça va {number}".encode(), "large.bin": large, f"only-{number}.txt": b"x"})


def deploy(url: str, number: int) -> str:
    host = HuggingFaceSpaceHost(token=TOKEN, endpoint=url)
    wanted = rendered(number)
    return apply(host, make_plan(host, wanted, SECRETS), wanted, SECRETS, sleep=lambda _: None).sha


def killed(url: str, number: int, after: float) -> bool:
    """Whether it was killed before its end."""
    child = os.fork()
    if child == 0:
        try:
            deploy(url, number)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main() -> None:
    url, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random_ = random.Random(seed)
    started = time.perf_counter()
    deploy(url, 0)
    takes = time.perf_counter() - started
    for number in range(1, rounds + 1):
        was_killed = killed(url, number, random_.uniform(0, takes))
        sha = deploy(url, number)
        host = HuggingFaceSpaceHost(token=TOKEN, endpoint=url)
        left = make_plan(host, rendered(number), SECRETS)
        print(json.dumps({"killed": was_killed, "sha": sha, "left": left.as_json()["actions"]}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
