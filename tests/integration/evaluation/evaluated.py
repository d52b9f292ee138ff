"""`uic eval` as a process of its own, against servers that answer, or do not."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.uic_program import SRC, command
from tests.openai_server import Asked, Reply, delta, says, sse


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SRC)}


def arguments(runs: Path, suite: str, url: str, *more: str) -> list[str]:
    own = ["eval", "run", suite, "--provider", "openai_compatible", "--base-url", url, "-m", "m", "--runs", str(runs)]
    return command(*own, *more)


def uic(cwd: Path, *words: str) -> Ran:
    done = subprocess.run(
        command(*words), cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def evaluate(runs: Path, suite: str, url: str, *more: str) -> Ran:
    return uic(runs, *arguments(runs, suite, url, *more)[3:])


def suite_file(folder: Path, count: int, name: str = "own.jsonl") -> Path:
    """Questions whose answer is in them, with what French, emoji and line ends do to a file of lines."""
    path = folder / name
    rows = [
        {
            "id": f"q{number:04d}",
            "question": f"Répète\u2028ceci 🎉 :\nmot{number}",
            "expect": {"contains": f"mot{number}"},
            "slices": ["even" if number % 2 == 0 else "odd"],
            "max_tokens": 64,
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def lines(folder: Path) -> list[dict[str, Any]]:
    """What stands in samples.jsonl; every line must be one."""
    data = (folder / "samples.jsonl").read_bytes()
    return [json.loads(line) for line in data.split(b"\n") if line]


def question_of(asked: Asked) -> str:
    return str(asked.json["messages"][-1]["content"])


def repeats(asked: Asked) -> Reply:
    """The question again, so that every answer is right."""
    return Reply(chunks=answer(question_of(asked)))


def answer(text: str, reason: str = "stop", tokens: int = 7) -> list[bytes]:
    *chunks, end = says(text, reason=reason)
    usage = {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens}
    return [*chunks, sse({"choices": [], "usage": usage}), end]


def thinks(text: str) -> list[bytes]:
    """A thought that never ends, from a server that says all is well."""
    return [
        sse(delta(role="assistant", content="")),
        sse(delta(reasoning_content=text)),
        sse(delta("stop")),
        sse("[DONE]"),
    ]
