"""The Docker Space put together as it is uploaded, started as a plain process, called by the official client."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from unified_intelligence.spaces.content import FILE_NAME, deployment_of

PROJECT = Path(__file__).parents[3]
FOLDER = PROJECT / "hf_spaces" / "open-finance-llm-8b"
KEY = "canary-4f1c"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """The Space's files with their record; the package is the one that is installed here."""
    files = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.is_file()}
    for name, content in {**files, FILE_NAME: deployment_of(files, "abc").text().encode()}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@contextmanager
def started(space: Path) -> Generator[tuple[str, subprocess.Popen[str]]]:
    settings = {"MODEL_ID": "embedded", "HOST": "127.0.0.1", "PORT": "0", "API_KEY": KEY}
    with subprocess.Popen(
        [sys.executable, "start.py"], cwd=space, env={**os.environ, **settings}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            lines: list[str] = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    yield found[0], process
                    break
            else:
                pytest.fail("".join(lines))
        finally:
            process.kill()


def version(url: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{url}/version", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_it_answers_and_tells_that_it_runs_what_was_pushed(space: Path) -> None:
    recorded = json.loads((space / FILE_NAME).read_text("utf-8"))["content_digest"]
    with started(space) as (url, process):
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        question = "Quelle est la mensualité de 200 000 € sur 20 ans à 3,5 % ?"
        answer = client.chat.completions.create(
            model="open-finance-llm-8b", messages=[{"role": "user", "content": question}]
        )
        assert "1 159,92" in (answer.choices[0].message.content or "").replace("\u202f", " ").replace("\xa0", " ")
        told = version(url)
        assert told["content_digest"] == told["recorded_digest"] == recorded
        assert told["changed_files"] == []
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=f"{url}/v1", api_key="another", max_retries=0).models.list()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_old_code_under_a_new_record_is_seen(space: Path) -> None:
    with (space / "start.py").open("a", encoding="utf-8") as file:
        file.write("# what was pushed last week\n")
    with started(space) as (url, _):
        told = version(url)
        assert told["content_digest"] != told["recorded_digest"]
        assert told["changed_files"] == ["start.py"]
