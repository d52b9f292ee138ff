"""`uic bench` beside other load generators, in the same minutes, against a server of known schedule.

    python -m benchmarks.bench_peers [--vllm PYTHON] [--guidellm PROGRAM] [--concurrency 16,64,256] [--waves N]
                                     [--rounds N] [--output FILE]

PYTHON is an interpreter that can import vllm, PROGRAM is guidellm; both have virtual environments of their own. One
server serves all. In each round every tool is run once after the other at a concurrency: so many at once, filled so
many times, 50 tokens of 20 ms each after 200 ms. A figure is the median of the rounds.

The truth is the server's: when it received each request and when it wrote each token. An error is what a tool tells
less the truth of its own requests, of the mean and of the 99th percentile. The rate is the server's too, from the
second filling on, as a share of what so many at once can reach. The first filling warms up where a tool has a warm-up.
CPU time is of the tool and all its processes, between the first request and the last answer: what it loads before is
not in it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from unified_intelligence.benchmark.calibrate import IDEAL_S, known_server
from unified_intelligence.benchmark.plan import read_url
from unified_intelligence.benchmark.statistics import percentile

OUTPUT = Path(__file__).parent / "results" / "bench_peers.json"
MODEL, TOKENS = "known:ascii", 50
_LOOK = 0.2  # seconds between looks at a tool's CPU time
_LONGEST = 600  # seconds that a run of a tool may take
_TICK = os.sysconf("SC_CLK_TCK")
WORTH_TELLING = [
    f"tools: *: 256 at once: {figure}" for figure in ("ttft_error_mean_ms", "of_ideal_rate", "cpu_s_per_1000")
]


@dataclass(frozen=True, slots=True)
class Asked:
    """One run of a tool: where it writes, and what it is to do."""

    folder: Path
    url: str
    concurrency: int
    requests: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool says, in ms; None is what it does not tell. `itl_p99` is over all gaps of all answers."""

    ttft_mean: float
    ttft_p99: float
    itl_p99: float | None


@dataclass(frozen=True, slots=True)
class Tool:
    command: Callable[[Asked], list[str]]
    read: Callable[[Asked], Told]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    warms: bool = True


def ours() -> Tool:
    def command(asked: Asked) -> list[str]:
        load = ["--concurrency", str(asked.concurrency), "--requests", str(asked.requests - asked.concurrency)]
        kept = ["--name", "run", "--runs", str(asked.folder), "--warmup", str(asked.concurrency)]
        start = [sys.executable, "-m", "unified_intelligence", "bench", "run"]
        return [*start, "--url", asked.url, "--model", MODEL, *load, *kept]

    def read(asked: Asked) -> Told:
        found = json.loads((asked.folder / "run_metrics.json").read_text("utf-8"))
        return Told(found["ttft_ms"]["mean"], found["ttft_ms"]["p99"], found["itl_ms"]["p99"])

    return Tool(command, read)


def vllm(python: str) -> Tool:
    """It wants a tokenizer even where the server counts: one of single words is made for it."""

    def command(asked: Asked) -> list[str]:
        _write_tokenizer(asked.folder / "tokenizer")
        load = ["--num-prompts", str(asked.requests - asked.concurrency), "--max-concurrency", str(asked.concurrency)]
        data = ["--dataset-name", "custom", "--dataset-path", str(_prompts(asked)), "--custom-output-len", str(TOKENS)]
        kept = ["--save-result", "--result-dir", str(asked.folder), "--result-filename", "vllm.json"]
        told = ["--percentile-metrics", "ttft,itl", "--metric-percentiles", "99", "--disable-tqdm"]
        start = [python, "-m", "vllm.entrypoints.cli.main", "bench", "serve", "--backend", "openai-chat"]
        where = ["--base-url", asked.url.removesuffix("/v1"), "--endpoint", "/v1/chat/completions", "--model", MODEL]
        return [*start, *where, "--tokenizer", str(asked.folder / "tokenizer"), *data, *load, *kept, *told,
                "--skip-chat-template", "--num-warmups", str(asked.concurrency)]  # fmt: skip

    def read(asked: Asked) -> Told:
        found = json.loads((asked.folder / "vllm.json").read_text("utf-8"))
        return Told(found["mean_ttft_ms"], found["p99_ttft_ms"], found["p99_itl_ms"])

    return Tool(command, read, {"HF_HUB_OFFLINE": "1", "VLLM_TARGET_DEVICE": "cpu"})


def guidellm(program: str) -> Tool:
    def command(asked: Asked) -> list[str]:
        where = asked.url.removesuffix("/v1")
        return [
            program, "run",
            "--backend", f"kind=openai_http,target={where},model={MODEL}",
            "--profile", f"kind=concurrent,streams={asked.concurrency}",
            "--constraint", f"kind=max_requests,count={asked.requests}",
            "--data", f"kind=json_file,path={_prompts(asked)}",
            "--output", f"kind=json,path={asked.folder / 'guidellm.json'}",
            "--disable-console",
        ]  # fmt: skip

    def read(asked: Asked) -> Told:
        """Its gaps are means of an answer: there is no percentile of single ones."""
        (found,) = json.loads((asked.folder / "guidellm.json").read_text("utf-8"))["benchmarks"]
        ttft = found["metrics"]["time_to_first_token_ms"]["successful"]
        return Told(ttft["mean"], ttft["percentiles"]["p99"], None)

    return Tool(command, read, {"HF_HUB_OFFLINE": "1"}, warms=False)


def _prompts(asked: Asked) -> Path:
    path = asked.folder / "prompts.jsonl"
    asks = ({"prompt": f"Question {n} of a benchmark.", "output_tokens": TOKENS} for n in range(asked.requests))
    lines = [json.dumps(own) for own in asks]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _write_tokenizer(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "of": 1}, "unk_token": "[UNK]"}
    whole: dict[str, object] = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(whole), encoding="utf-8")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "model_max_length": 4096}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


class CpuTime:
    """CPU seconds of a process with all that it started, as they grew."""

    def __init__(self, root: int) -> None:
        self._root, self._seen = root, list[tuple[int, float]]()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def between(self, begin: int, end: int) -> float:
        """In ns of the wall's clock; between two looks in proportion."""
        return self._at(end) - self._at(begin)

    def _at(self, moment: int) -> float:
        for (one, before), (other, after) in pairwise(self._seen):
            if one <= moment <= other:
                return before + (after - before) * (moment - one) / (other - one)
        return self._seen[0 if moment < self._seen[0][0] else -1][1]

    def _watch(self) -> None:
        while not self._end.wait(_LOOK):
            spent = _cpu_of_tree(self._root)
            if not self._seen or spent >= self._seen[-1][1]:
                self._seen.append((time.time_ns(), spent))


def _cpu_of_tree(root: int) -> float:
    """With the children that ended and were waited for."""
    parents, spent = dict[int, int](), dict[int, float]()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        spent[int(entry.name)] = sum(map(int, fields[11:15])) / _TICK
    tree = {root}
    while more := {child for child, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return sum(spent.get(own, 0.0) for own in tree)


def truth(url: str) -> list[dict[str, Any]]:
    """What the server did since it was last asked, in the order of the requests."""
    target = read_url(url)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=60)
    connection.request("GET", "/truth")
    told: list[dict[str, Any]] = json.loads(connection.getresponse().read())
    connection.close()
    return sorted((own for own in told if len(own["sent"]) == TOKENS), key=lambda own: own["arrived"])


def run(tool: Tool, asked: Asked) -> dict[str, Any]:
    """One run of a tool, and how far what it told is from the truth. Raises RuntimeError where it failed."""
    asked.folder.mkdir(parents=True)
    truth(asked.url)
    with (asked.folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            tool.command(asked), stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd=asked.folder,
            env={**os.environ, **tool.environment}, start_new_session=True,
        )  # fmt: skip
        cpu = CpuTime(process.pid)
        try:
            process.wait(_LONGEST)
        finally:
            process.kill()
            cpu.stop()
    real = truth(asked.url)
    try:
        return _held(tool.read(asked), real, real[asked.concurrency if tool.warms else 0 :], cpu, asked)
    except (OSError, KeyError, ValueError, IndexError) as error:
        tail = (asked.folder / "said.txt").read_text("utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"exit {process.returncode}, {len(real)} answers seen by the server\n{tail}") from error


def _held(
    told: Told, real: Sequence[dict[str, Any]], counted: Sequence[dict[str, Any]], cpu: CpuTime, asked: Asked
) -> dict[str, Any]:
    """`counted` are the requests that the tool's figures are of."""
    first = [(own["sent"][0] - own["arrived"]) / 1e6 for own in counted]
    gaps = [(after - before) / 1e6 for own in counted for before, after in pairwise(own["sent"])]
    late = [(sent - due) / 1e6 for own in real for sent, due in zip(own["sent"], own["due"], strict=True)]
    begin, end = real[0]["arrived"], max(own["sent"][-1] for own in real)
    after = real[asked.concurrency :]
    seconds = (max(own["sent"][-1] for own in after) - after[0]["arrived"]) / 1e9
    return {
        "requests": len(real),
        "ttft_error_mean_ms": told.ttft_mean - mean(first),
        "ttft_error_p99_ms": told.ttft_p99 - percentile(first, 0.99),
        "itl_error_p99_ms": None if told.itl_p99 is None else told.itl_p99 - percentile(gaps, 0.99),
        "of_ideal_rate": len(after) / seconds / (asked.concurrency / IDEAL_S),
        "cpu_s_per_1000": cpu.between(begin, end) / len(real) * 1000,
        "server_late_p99_ms": percentile(late, 0.99),
    }


def medians(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = {name: [own[name] for own in rounds if own[name] is not None] for name in rounds[0]}
    found = {name: round(median(values), 4) if values else None for name, values in known.items()}
    return {**found, "requests": rounds[0]["requests"], "rounds": len(rounds)}


def measure(tools: Mapping[str, Tool], url: str, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """By tool and concurrency; the tools take turns. A tool that fails is told and left out of that round."""
    found: dict[str, dict[str, Any]] = {name: {} for name in tools}
    for concurrency in asked.concurrency:
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in tools}
        for number in range(asked.rounds):
            for name, tool in tools.items():
                own = Asked(folder / f"{name}-{concurrency}-{number}", url, concurrency, concurrency * asked.waves)
                try:
                    rounds[name].append(run(tool, own))
                    print(name, concurrency, json.dumps(rounds[name][-1]), file=sys.stderr)
                except RuntimeError as error:
                    print(f"{name} at {concurrency} failed: {error}", file=sys.stderr)
        for name, own in rounds.items():
            found[name][f"{concurrency} at once"] = medians(own) if own else {"failed": asked.rounds}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", metavar="PYTHON", default="")
    parser.add_argument("--guidellm", metavar="PROGRAM", default="")
    parser.add_argument("--concurrency", type=lambda text: [int(own) for own in text.split(",")], default=[16, 64, 256])
    parser.add_argument("--waves", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    asked = parser.parse_args()
    tools = {"uic bench": ours()}
    tools |= {"vllm bench serve": vllm(asked.vllm)} if asked.vllm else {}
    tools |= {"guidellm": guidellm(asked.guidellm)} if asked.guidellm else {}
    before = [round(own, 2) for own in os.getloadavg()]
    with known_server() as url, tempfile.TemporaryDirectory() as folder:
        found = measure(tools, url, asked, Path(folder))
    given = [f"--{name} {of}" for name, of in (("vllm", "PYTHON"), ("guidellm", "PROGRAM")) if getattr(asked, name)]
    loads = f"--concurrency {','.join(map(str, asked.concurrency))} --waves {asked.waves} --rounds {asked.rounds}"
    result = {
        "command": f"python -m benchmarks.bench_peers {' '.join([*given, loads])}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": platform.python_version(),
        "versions": _versions(asked),
        "cores": os.cpu_count(),
        "load average before": before,
        "load average after": [round(own, 2) for own in os.getloadavg()],
        "worth telling": WORTH_TELLING,
        "schedule": {"first_ms": 200, "gap_ms": 20, "tokens": TOKENS},
        "tools": found,
    }
    asked.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def _versions(asked: argparse.Namespace) -> dict[str, str]:
    """Of others' tools, from the metadata of their own environments."""
    pythons = {"vllm": asked.vllm, "guidellm": asked.guidellm and str(Path(asked.guidellm).with_name("python"))}
    found: dict[str, str] = {}
    for name, python in pythons.items():
        code = f"from importlib.metadata import version; print(version({name!r}))"
        if python:
            found[name] = subprocess.check_output([python, "-c", code], text=True).strip()
    return found


if __name__ == "__main__":
    main()
