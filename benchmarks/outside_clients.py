"""What other people's programs say of `uic serve`: fuzzing by its own OpenAPI document, a standard suite, five clients.

    pip install -e '.[serve,local,embedded,dev]'
    python -m benchmarks.outside_clients [--only NAME ...] [--environments FOLDER] [--output FILE]

Each judge gets an environment of its own, as their libraries contradict each other; it is thrown away unless a folder
to keep it in is named. The servers are processes of their own on this machine. The drivers are in benchmarks/judges.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[1]
KEY = "schluessel-der-pruefung"
EXAMPLES = 10  # of each operation, in each phase
SECONDS = 900
_URL = re.compile(r"http://127\.0\.0\.1:\d+")
# Of langchain's tests, those a model fails that does not call functions or write JSON when it is told to.
ASK_FOR_ABILITY = re.compile(
    r"test_(tool_call|bind_runnables|tool_choice|tool_message_error|structured|json_mode|agent_loop|unicode_tool)"
)
Outcome = dict[str, Any]


class Servers(NamedTuple):
    """The addresses of what is judged. `keyed` asks for KEY; `crowded` too, and has room for one slow answer."""

    echo: str
    embedded: str
    local: str
    keyed: str
    crowded: str


class Place(NamedTuple):
    """Where a judge runs: its own python, a folder for what it writes, and the servers."""

    python: Path
    folder: Path
    servers: Servers


@dataclass(frozen=True)
class Judge:
    """`packages` are installed for it; of the first ones the versions are told. `runs` gives an outcome by server."""

    packages: Sequence[str]
    runs: Callable[[Place], Mapping[str, Outcome]]
    told: int = 1
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def outcome(cases: int, failures: Sequence[Mapping[str, str]], **more: object) -> Outcome:
    return {"cases": cases, "passed": cases - len(failures), "failed": len(failures), **more, "failures": failures}


def ran(place: Place, command: Sequence[str], **environment: str) -> str:
    """What it printed, whatever its exit code: a judge that finds something ends with another than 0."""
    around = {**os.environ, "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True", **environment}
    done = subprocess.run(
        [str(place.python), *command],
        cwd=ROOT,
        env=around,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    (place.folder / "last.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return done.stdout


def client(name: str) -> Callable[[Place], Mapping[str, Outcome]]:
    """A driver of benchmarks/judges. Raises RuntimeError where it did not come to its end."""

    def runs(place: Place) -> Mapping[str, Outcome]:
        told = ran(place, ["-m", f"benchmarks.judges.{name}_client", *place.servers], JUDGED_KEY=KEY)
        lines = [json.loads(line) for line in told.splitlines() if line.startswith('{"case"')]
        if not lines:
            raise RuntimeError(
                f"{name} said nothing: {(place.folder / 'last.txt').read_text(encoding='utf-8')[-2000:]}"
            )
        failures = [{"case": each["case"], "said": plain(each["said"])} for each in lines if not each["passed"]]
        return {"all": outcome(len(lines), failures)}

    return runs


def schemathesis(place: Place) -> Mapping[str, Outcome]:
    """Every operation of the server's own document, with requests of its form and beside it."""
    servers = place.servers
    with_key = ["--header", f"Authorization: Bearer {KEY}"]
    with served("--provider", "local", "--model", str(_brief(place.folder / "tiny")), "--served-name", "tiny") as local:
        asked = {"echo": servers.echo, "embedded": servers.embedded, "local": local, "keyed": servers.keyed}
        with ThreadPoolExecutor() as side_by_side:
            under_way = {name: side_by_side.submit(_fuzzed, place, name, url, with_key) for name, url in asked.items()}
            return {name: each.result() for name, each in under_way.items()}


def _brief(model: Path) -> Path:
    """The same model with a context that random words fill at once."""
    brief = model.with_name("brief")
    shutil.copytree(model, brief, dirs_exist_ok=True)
    config = json.loads((brief / "config.json").read_text(encoding="utf-8"))
    (brief / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 64}), encoding="utf-8")
    return brief


def _fuzzed(place: Place, name: str, url: str, more: Sequence[str]) -> Outcome:
    report = place.folder / f"{name}.json"
    report.unlink(missing_ok=True)
    command = ["-m", "schemathesis.cli", "run", f"{url}/openapi.json", *more, "--seed", "1", "-n", str(EXAMPLES)]
    command += [
        "--phases",
        "coverage,fuzzing,stateful",
        "--request-timeout",
        "60",
        "--checks",
        "all",
        "--no-color",
        "--continue-on-failure",
    ]
    command += ["--exclude-checks", "positive_data_acceptance,not_a_server_error"]
    command += ["--report", "json", "--report-json-path", str(report)]
    ran(place, command, SCHEMATHESIS_HOOKS="benchmarks.judges.schemathesis_checks")
    said = json.loads(report.read_text(encoding="utf-8"))
    failures = [
        {"case": str(each.get("operation") or each.get("label") or ""), "said": plain(json.dumps(each))[:600]}
        for each in [*said["failures"], *said["errors"]]
    ]
    accepted = sum(phase["accepted"] for phases in said["valid_rates"].values() for phase in phases.values())
    return outcome(
        said["test_cases"]["generated"],
        failures,
        operations=said["operations"]["tested"],
        accepted=accepted,
        complete=said["complete"],
    )


def langchain(place: Place) -> Mapping[str, Outcome]:
    """The standard tests, by a model that calls functions and by one that only babbles."""
    return {
        "embedded": _suite(place, place.servers.embedded, "embedded", 200),
        "local": _suite(place, place.servers.local, "tiny", 40),
    }


def _suite(place: Place, url: str, model: str, most_tokens: int) -> Outcome:
    report = place.folder / "junit.xml"
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--junitxml={report}"]
    for option in ("mode=auto", "default_test_loop_scope=session", "default_fixture_loop_scope=session"):
        command += ["-o", f"asyncio_{option}"]  # langchain keeps its connections for the whole process
    command.append("benchmarks/judges/langchain_suite.py")
    asked = {"JUDGED_URL": url, "JUDGED_MODEL": model, "JUDGED_ALIAS": f"{model}-again"}
    ran(place, command, **asked, JUDGED_MOST_TOKENS=str(most_tokens))
    tests = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it a moment ago
    skipped = [test for test in tests if test.find("skipped") is not None]
    failures = [
        {"case": test.get("name", ""), "said": plain(_said(found)), "asks for": _asks_for(test.get("name", ""))}
        for test in tests
        for found in [*test.findall("failure"), *test.findall("error")]
    ]
    return outcome(len(tests) - len(skipped), failures, skipped=len(skipped))


def _said(found: ET.Element) -> str:
    return found.get("message", "").splitlines()[0] if found.get("message") else ""


def _asks_for(test: str) -> str:
    return "an able model" if ASK_FOR_ABILITY.match(test) else "the protocol"


def plain(text: str) -> str:
    """Without what is of this run only."""
    return _URL.sub("SERVER", text).replace(str(ROOT), ".")


JUDGES: Mapping[str, Judge] = {
    "schemathesis": Judge(["schemathesis"], schemathesis),
    "langchain": Judge(["langchain-openai", "langchain-tests", "pytest", "pytest-asyncio"], langchain, told=2),
    "openai": Judge(["openai"], client("openai")),
    "litellm": Judge(["litellm", "mcp"], client("litellm")),
    "llm": Judge(["llm"], client("llm")),
    "pydantic-ai": Judge(["pydantic-ai-slim[openai]"], client("pydantic_ai")),
    "openai-agents": Judge(["openai-agents"], client("agents")),
}


@contextmanager
def served(*arguments: str) -> Generator[str]:
    """A server's address. Raises RuntimeError with what it said where it does not start."""
    command = [sys.executable, "-m", "unified_intelligence", "serve", "--port", "0", "--log", "off", *arguments]
    around = {**os.environ, "JUDGED_KEY": KEY}
    with subprocess.Popen(command, env=around, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            said = ""
            for line in process.stderr or ():
                said += line
                if found := _URL.search(line):
                    yield found[0]
                    return
            raise RuntimeError(f"The server did not start: {said}")
        finally:
            process.terminate()


@contextmanager
def all_servers(folder: Path) -> Generator[Servers]:
    import_module("tests.tiny_qwen3").build(folder / "tiny")
    keyed = ["--provider", "echo", "--api-key", "env:JUDGED_KEY"]
    with ExitStack() as stack:
        yield Servers(*(
            stack.enter_context(served(*arguments))
            for arguments in (
                ["--provider", "echo"],
                ["--provider", "embedded", "--served-name", "embedded", "--served-name", "embedded-again"],
                ["--provider", "local", "--model", str(folder / "tiny"), "--served-name", "tiny", "--served-name",
                 "tiny-again"],
                keyed,
                [*keyed, "--option", "delay", "0.3", "--max-running", "1", "--max-waiting", "0"],
            )
        ))  # fmt: skip


def environment_of(name: str, judge: Judge, folder: Path) -> Path:
    """The python of a judge's own environment, which is made if it is not there."""
    where = folder / name
    python = where / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(where, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *judge.packages], check=True)
    return python


def versions(python: Path, judge: Judge) -> dict[str, str]:
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], capture_output=True, text=True, check=True
    ).stdout
    installed = {each["name"].lower(): each["version"] for each in json.loads(listed)}
    names = [re.sub(r"\[.*", "", package) for package in judge.packages[: judge.told]]
    return {name: installed[name] for name in dict.fromkeys([*names, "openai"]) if name in installed}


def judged(names: Sequence[str], environments: Path, folder: Path) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    with all_servers(folder) as servers:
        for name in names:
            judge = JUDGES[name]
            python = environment_of(name, judge, environments)
            runs = judge.runs(Place(python, folder, servers))
            found[name] = {"versions": versions(python, judge), "runs": runs}
            for run, came in runs.items():
                print(f"{name:14} {run:9} {came['passed']} of {came['cases']}")
                for failure in came["failures"]:
                    print(f"    {failure['case']}: {failure['said'][:160]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=JUDGES, default=list(JUDGES), metavar="NAME")
    parser.add_argument("--environments", type=Path, help="a folder to keep the judges' environments in")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/outside_clients.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = judged(given.only, (given.environments or folder).absolute(), folder)
    before: dict[str, Outcome] = {}
    if given.output.is_file():
        before = json.loads(given.output.read_text(encoding="utf-8"))["judges"]
    known = {**before, **found}
    result: dict[str, object] = {
        "command": "python -m benchmarks.outside_clients",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "judges": {each: known[each] for each in JUDGES if each in known},
    }
    given.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
