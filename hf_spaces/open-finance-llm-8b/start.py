"""Starts this Space: reads its settings from the environment, says what is missing, and runs the server.

With the backend transformers this process becomes the server. With vLLM, `vllm serve` listens on loopback and the
server stands before it, so that keys, limits, /version and /metrics are the same for both.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).parent
DEFAULT_MODEL = "DragonLLM/qwen3-8b-fin-v1.0"
GATED = frozenset({DEFAULT_MODEL})
VLLM_URL = "http://127.0.0.1:8001/v1"
VLLM_READY = "http://127.0.0.1:8001/health"
PAUSE = 0.5  # seconds between two looks at a server that starts
GRACE = 30.0  # seconds for what runs to end


class SettingError(Exception):
    """A setting is missing or wrong; the text says what to do."""


def server(settings: Mapping[str, str]) -> list[str]:
    """The command line of the server. Raises SettingError."""
    model = settings.get("MODEL_ID") or DEFAULT_MODEL
    backend = settings.get("BACKEND") or "transformers"
    if backend not in {"transformers", "vllm"}:
        raise SettingError(f"BACKEND is transformers or vllm, not {backend!r}.")
    if not settings.get("API_KEY"):
        raise SettingError("API_KEY is not set. Add it as a secret in the Space's settings: callers must send it.")
    if model in GATED and not (settings.get("HF_TOKEN") or settings.get("HF_HUB_OFFLINE")):
        raise SettingError(
            f"{model} is gated. Accept its conditions at https://huggingface.co/{model}, then add a token that may "
            "read it as the secret HF_TOKEN; or set MODEL_ID to another model."
        )
    return [
        *(sys.executable, "-m", "unified_intelligence", "serve"),
        *_provider(model, backend, settings),
        *("--host", settings.get("HOST") or "0.0.0.0", "--port", settings.get("PORT") or "7860"),  # noqa: S104 - a container's
        *("--api-key", "env:API_KEY"),
        *("--served-name", settings.get("SERVED_NAME") or "open-finance-llm-8b"),
        *("--max-running", settings.get("MAX_RUNNING") or "8"),
        *("--frame-origin", "https://huggingface.co"),  # where the Space's own tab shows the status page
        *("--deployment", str(HERE / "deployment.json")),
    ]


def vllm(settings: Mapping[str, str]) -> list[str]:
    """The command line of vLLM behind the server."""
    revision = settings.get("MODEL_REVISION")
    return [
        *("vllm", "serve", settings.get("MODEL_ID") or DEFAULT_MODEL),
        *("--host", "127.0.0.1", "--port", "8001", "--served-model-name", "upstream"),
        *(("--revision", revision) if revision else ()),
        *("--dtype", settings.get("DTYPE") or "auto", "--reasoning-parser", "qwen3"),
        *("--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
        *shlex.split(settings.get("VLLM_ARGUMENTS", "")),
    ]


def _provider(model: str, backend: str, settings: Mapping[str, str]) -> list[str]:
    if model == "embedded":
        return ["--provider", "embedded"]
    if backend == "vllm":
        return [
            *("--provider", "openai_compatible", "--base-url", VLLM_URL, "--model", "upstream"),
            *("--about", "backend", "vllm", "--about", "model", model),
            *("--about", "revision", settings.get("MODEL_REVISION") or "the newest"),
        ]
    revision, dtype = settings.get("MODEL_REVISION"), settings.get("DTYPE")
    return [
        *("--provider", "local", "--model", model),
        *(("-o", "revision", revision) if revision else ()),
        *(("-o", "dtype", dtype) if dtype else ()),
    ]


def main() -> int:
    """The exit code."""
    try:
        command = server(os.environ)
    except SettingError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 3
    if "openai_compatible" not in command:
        os.execv(command[0], command)  # noqa: S606 - the server is this process from here on
    return run_both(vllm(os.environ), command, VLLM_READY)


def run_both(first: list[str], second: list[str], ready: str = "") -> int:
    """Two processes that live and die together. Returns the exit code of the one that ended first.

    With an address in `ready` the second starts once the first answers there: a server that listens is taken to be
    ready, and this one is not before the model is loaded.
    """
    processes = [subprocess.Popen(first)]

    def stop(number: int, _: object) -> None:
        processes[-1].send_signal(number)  # what the server generates ends first; vLLM is stopped after it

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if not ready or _answers(ready, processes[0]):
        processes.append(subprocess.Popen(second))
    ended = _first_to_end(processes)
    for process in processes:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
    return ended.wait()


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Waits until the process answers with 200 there. False if it ends before."""
    while process.poll() is None:
        with suppress(OSError, HTTPException), urlopen(url, timeout=5):  # noqa: S310 - an address of this machine
            return True
        time.sleep(PAUSE)
    return False


def _first_to_end(processes: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """A container's first process inherits orphans: their ends are taken in too, and mean nothing."""
    while (ended := next((own for own in processes if own.returncode is not None), None)) is None:
        pid, status = os.wait()
        for process in processes:
            if process.pid == pid:
                process.returncode = os.waitstatus_to_exitcode(status)
    return ended


if __name__ == "__main__":
    sys.exit(main())
