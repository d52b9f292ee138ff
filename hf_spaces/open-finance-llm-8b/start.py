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
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
DEFAULT_MODEL = "DragonLLM/qwen3-8b-fin-v1.0"
GATED = frozenset({DEFAULT_MODEL})
VLLM_URL = "http://127.0.0.1:8001/v1"
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
        return ["--provider", "openai_compatible", "--base-url", VLLM_URL, "--model", "upstream"]
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
    return run_both(vllm(os.environ), command)


def run_both(first: list[str], second: list[str]) -> int:
    """Two processes that live and die together. Returns the exit code of the one that ended first."""
    processes = [subprocess.Popen(command) for command in (first, second)]

    def stop(number: int, _: object) -> None:
        processes[1].send_signal(number)  # what it generates ends first; vLLM is stopped after it

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    pid, status = os.wait()
    for process in processes:
        if process.pid == pid:
            process.returncode = os.waitstatus_to_exitcode(status)
    for process in processes:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
