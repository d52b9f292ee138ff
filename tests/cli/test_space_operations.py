"""`uic space deploy` and what comes after it, and the same as tasks, in processes of their own against a local Hub."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Generator
from itertools import count
from pathlib import Path

import pytest

from tests.cli.uic_program import Ran, Run, command
from tests.integration.spaces_operated.model_app import sources
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.keeper import Timings
from unified_intelligence.spaces.simulator.server import running

_NUMBERS = count(1)
CANARY = "canary-of-the-key-42"
TOKEN = "hf_canaryOfTheToken"
SPEC = """\
version: 1
id: ID
sdk: gradio
variables: {COLOUR: bleu ciel}
secrets: {API_KEY: env:MODELE_KEY}
contract: {kind: openai, models: [petit], provider: openai_compatible}
smoke:
  - {name: tva, prompt: "15 % de 240 € ?", expect: {regex: "36 €"}}
rollout: {watch: 1s}
"""


class Project:
    """A folder with one Space, the Hub it goes to, and all that was ever said about it."""

    def __init__(self, folder: Path, uic: Run, hub: Hub, url: str) -> None:
        self.space, self.home, self.hub = folder / "work/hf_spaces/modele", folder, hub
        self.space.mkdir(parents=True)
        for path, content in sources().items():
            (self.space / path).write_bytes(content)
        self.name = f"modele-{next(_NUMBERS)}"
        self.spec("bleu ciel")
        self.variables = {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "MODELE_KEY": CANARY}
        self._uic, self.said = uic, ""

    def run(self, *arguments: str) -> Ran:
        done = self._uic(*arguments, **self.variables)
        self.said += done.out + done.err
        return done

    def spec(self, colour: str) -> None:
        self.text = SPEC.replace("id: ID", f"id: {self.name}").replace("bleu ciel", colour)
        (self.space / "space.yaml").write_text(self.text, "utf-8")

    def answers(self, text: str) -> None:
        (self.space / "answer.txt").write_text(text, "utf-8")

    @property
    def reports(self) -> list[Path]:
        return sorted((self.home / ".local/state/unified-intelligence/deployments").glob("*.json"))

    @property
    def runs(self) -> list[Path]:
        return sorted((self.home / ".local/state/unified-intelligence/runs").glob("*.json"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Hub, str]]:
    hub = Hub(tmp_path_factory.mktemp("hub"), owner="anne")
    with running(hub.folder, hub=hub, base=os.environ, timings=Timings(notice=0.05, build=0.1, restart=0.05)) as url:
        yield hub, url


@pytest.fixture
def project(home: Path, uic: Run, hub: tuple[Hub, str]) -> Generator[Project]:
    made = Project(home, uic, *hub)
    yield made
    everything = made.said + "".join(path.read_text("utf-8") for path in (*made.reports, *made.runs))
    assert CANARY not in everything
    assert TOKEN not in everything


def test_from_nothing_to_a_space_that_is_proven_and_back(project: Project) -> None:
    first = project.run("space", "deploy", "modele", "--yes")
    assert first.code == 0, first.err
    assert f"anne/{project.name} runs what was deployed" in first.out and "uic-good-1" in first.out
    assert f"run: Démarré\u2028ici anne/{project.name} ***" in first.err
    report = json.loads(project.reports[0].read_text("utf-8"))
    assert (report["outcome"], [step["step"] for step in report["steps"]]) == (
        "done",
        ["plan", "apply", "verify", "tag"],
    )
    assert project.reports[0].stat().st_mode & 0o777 == 0o600

    clean = project.run("space", "status", "modele", "--json")
    assert (clean.code, json.loads(clean.out)["drifts"]) == (0, [])

    project.answers("Sans montant")
    failed = project.run("space", "deploy", "modele", "--yes")
    assert failed.code == 13
    assert "nothing in it matches '36 €'" in failed.err
    assert "It was rolled back to uic-good-1, which was verified and runs." in failed.err
    assert project.run("space", "status", "modele").code == 0

    assert project.run("space", "verify", "modele").code == 0
    assert project.run("space", "rollback", "modele", "--to", "uic-good-9").code == 3


def test_drift_pause_wake_logs_and_cost(project: Project) -> None:
    assert project.run("space", "deploy", "modele", "--yes", "--json").code == 0
    assert project.run("space", "pause", "modele").code == 0
    paused = project.run("space", "status", "modele")
    assert "PAUSED" in paused.out
    woken = project.run("space", "wake", "modele")
    assert (woken.code, "runs commit" in woken.out) == (0, True), woken.err
    logs = project.run("space", "logs", "modele")
    assert f"Démarré\u2028ici anne/{project.name} ***" in logs.out
    project.spec("noir")
    assert project.run("space", "apply", "modele", "--yes").code == 0
    assert project.run("space", "status", "modele").code == 15
    cost = project.run("space", "cost", "modele", "--hours", "8", "--json")
    assert json.loads(cost.out)["per_month"] == 0
    assert project.run("space", "cost", "modele", "--hours", "25").code == 3
    assert project.run("space", "cost", "modele", "--hours", "many").code == 2


def test_a_workflow_that_fails_is_mended_and_resumed(project: Project) -> None:
    task = ("task", "run", "redeploy_qwen3_inference")
    first = project.run(*task, "--set", "name=modele", "--json")
    assert first.code == 0, first.err
    told = json.loads(first.out)
    assert told["outputs"]["promote"]["tag"] == "uic-good-1"
    assert {name: one["state"] for name, one in told["tasks"].items()} == {
        **dict.fromkeys(("plan", "apply", "wait_until_running", "verify", "smoke_test", "evaluate", "promote"), "done"),
        "rollback": "skipped",
    }

    project.answers("Toujours 36 €")
    project.hub.faults.waiting.append(Fault("failing_answers", f"anne/{project.name}"))
    failed = project.run(*task, "--set", "name=modele")
    assert failed.code == 13
    assert f"Task smoke_test: anne/{project.name} does not answer as it must" in failed.err
    assert "rollback: done" in failed.err and "promote: skipped" in failed.err
    assert f"rollback: anne/{project.name} is back at uic-good-1, verified" in failed.err
    assert "--resume" in failed.err and "Report: " in failed.err
    project.hub.faults.clear(commits=True)

    again = project.run(*task, "--resume", "last")
    assert again.code == 0, again.err
    assert "apply: done in an earlier run" not in again.err, "what was rolled back is applied again"
    assert project.hub.repository("spaces", f"anne/{project.name}").refs("tags").keys() == {"uic-good-1", "uic-good-2"}
    assert project.run("space", "status", "modele").code == 0


def test_a_workflow_that_is_interrupted_goes_on_where_it_was(project: Project, environment: dict[str, str]) -> None:
    project.hub.faults.waiting.append(Fault("stuck_building", f"anne/{project.name}", cured_by="restart"))
    arguments = command("task", "run", "redeploy_qwen3_inference", "--set", "name=modele")
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**environment, **project.variables}, cwd=project.home / "work", start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = ""
    while "wait_until_running: stage BUILDING" not in said:
        line = process.stderr.readline().decode()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    started = time.perf_counter()
    out, err = process.communicate(timeout=30)
    project.said += said + out.decode() + err.decode()
    assert process.returncode == 130
    assert time.perf_counter() - started < 10
    assert "To do the rest: uic task run redeploy_qwen3_inference --resume" in err.decode()
    states = {name: one["state"] for name, one in json.loads(project.runs[0].read_text("utf-8"))["tasks"].items()}
    assert (states["apply"], states["wait_until_running"], states["promote"]) == ("done", "interrupted", "waiting")

    api = project.run("space", "wake", "modele", "--no-wait")
    assert api.code == 0
    resumed = project.run("task", "run", "redeploy_qwen3_inference", "--resume", "last")
    assert resumed.code == 0, resumed.err
    assert "plan: 0 changes" in resumed.err
    assert resumed.err.count("Report") == 0
    assert f"promote.space   anne/{project.name}" in resumed.out
    assert "promote.tag     uic-good-1" in resumed.out


def test_a_candidate_is_evaluated_before_its_bytes_go_on(project: Project) -> None:
    rollout = "rollout: {watch: 1s, strategy: candidate, suite: 'arithmetic.coverage>=0.99'}"
    project.space.joinpath("space.yaml").write_text(project.text.replace("rollout: {watch: 1s}", rollout), "utf-8")
    good = project.run("space", "deploy", "modele", "--yes")
    assert good.code == 0, good.err
    assert "evaluation arithmetic.coverage>=0.99: 1.000, accuracy 0.000" in good.err
    assert f"paused: anne/{project.name}-candidate" in good.err

    strict = rollout.replace("coverage>=0.99", "accuracy>=0.5")
    project.space.joinpath("space.yaml").write_text(project.text.replace("rollout: {watch: 1s}", strict), "utf-8")
    project.answers("Toujours 36 €")
    failed = project.run("space", "deploy", "modele", "--yes")
    assert failed.code == 13
    assert "arithmetic.accuracy>=0.5 is not reached: 0.000" in failed.err
    assert f"anne/{project.name} was not touched" in failed.err

    wrong = rollout.replace("arithmetic.coverage>=0.99", "arithmetique")
    project.space.joinpath("space.yaml").write_text(project.text.replace("rollout: {watch: 1s}", wrong), "utf-8")
    refused = project.run("space", "deploy", "modele", "--yes")
    assert (refused.code, "Did you mean arithmetic?" in refused.err) == (3, True)
