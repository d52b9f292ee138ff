"""`uic space`: what a person sees, and what a script can rely on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.uic_program import Run, command, in_terminal
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.server import running

TOKEN = "hf_" + "canaryOfTheToken" * 3
CANARY = "canary-of-the-secret-91"


@pytest.fixture
def hub(tmp_path: Path, environment: dict[str, str], home: Path) -> Iterator[Hub]:
    """A local Hub that the program is told of, and a page in hf_spaces/."""
    made = Hub(tmp_path / "hub")
    page = home / "work/hf_spaces/page"
    page.mkdir(parents=True)
    (page / "index.html").write_text("<h1>Ça va 😀</h1>\n", "utf-8")
    with running(tmp_path / "hub", hub=made) as url:
        environment.update(HF_ENDPOINT=url, HF_TOKEN=TOKEN, HF_HOME=str(home / "hf"))
        yield made


def spec(home: Path, text: str) -> None:
    path = home / "work/hf_spaces/page/space.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_from_nothing_to_a_space_and_back_to_nothing_to_do(hub: Hub, uic: Run) -> None:
    assert uic("space", "init", "page").out == "Written: hf_spaces/page/space.yaml. Next: uic space validate page\n"
    assert uic("space", "validate", "page").out.startswith("page is valid: 3 files")
    plan = uic("space", "plan", "page")
    assert plan.code == 15
    assert uic("space", "plan", "page", "--dif").code == 2
    assert plan.out.splitlines()[:5] == [
        "local/page  not there yet",
        "  + Space local/page (static, private, on cpu-basic)",
        "  + one commit: 3 added",
        "      + README.md        54 bytes",
        plan.out.splitlines()[4],
    ]
    assert "Plan: 2 to add, 0 to change, 0 to remove.\nCost while it runs: nothing.\n" in plan.out
    assert "\x1b" not in plan.out
    assert plan.err == "Do it: uic space apply page\n"
    applied = uic("space", "apply", "page", "--yes")
    assert (applied.code, applied.err.splitlines()[-1]) == (0, "done: one commit: 3 added")
    assert "Is it what runs? uic space verify page" in applied.out
    again = uic("space", "plan", "page")
    assert (again.code, again.err) == (0, "")
    assert "Nothing to do: the Hub has what the spec says." in again.out
    assert uic("space", "apply", "page").code == 0  # nothing to ask about


def test_a_space_without_an_app_says_what_is_missing(uic: Run) -> None:
    assert uic("space", "init", "vide").out == (
        "Written: hf_spaces/vide/space.yaml. Next: put the app there, app.py and what it needs; "
        "then uic space validate vide\n"
    )


def test_for_scripts(hub: Hub, uic: Run, home: Path) -> None:
    spec(home, "version: 1\nid: acme/page\nsdk: static\nvariables: {A: 1.10}\n")
    plan = json.loads(uic("space", "plan", "page", "--json", "--diff").out)
    assert plan["changes"] is True and plan["space"] == "acme/page"
    assert [each["action"] for each in plan["actions"]] == ["create", "commit"]
    assert plan["actions"][0]["variables"] == {"A": "1.10"}
    assert "+<h1>Ça va 😀</h1>" in plan["diff"]
    applied = json.loads(uic("space", "apply", "page", "--json", "--yes").out)
    assert applied["committed"] is True and len(applied["sha"]) == 40
    assert applied["content_digest"] == plan["content_digest"]
    shown = json.loads(uic("space", "show", "page", "--json").out)
    assert shown["content_digest"] == plan["content_digest"] and shown["spec"]["rollout"]["strategy"] == "in_place"
    refused = uic("space", "plan", "page", "--json", HF_ENDPOINT="http://127.0.0.1:1")
    assert json.loads(refused.out)["error"]["code"] == "connection_failed" and refused.code == 6


def test_a_trusted_publisher_needs_no_token_and_is_told_what_is_missing(hub: Hub, uic: Run, home: Path) -> None:
    spec(home, "version: 1\nid: page\nsdk: static\n")
    trusted = {"HF_OIDC_RESOURCE": "spaces/acme/page", "HF_TOKEN": ""}
    plan = json.loads(uic("space", "plan", "page", "--json", HF_OIDC_ID_TOKEN="minted", **trusted).out)
    assert plan["space"] == "acme/page" and plan["changes"] is True
    refused = uic("space", "plan", "page", **trusted)
    assert refused.code == 4 and "id-token: write" in refused.err


def test_what_is_shown_can_be_written(uic: Run, hub: Hub, home: Path) -> None:
    spec(home, "version: 1\nid: acme/page\nsdk: static\n")
    assert uic("space", "show", "page", "--to", "out").code == 0
    assert sorted(each.name for each in (home / "work/out").iterdir()) == ["README.md", "deployment.json", "index.html"]
    assert uic("space", "show", "page", "--to", "out").code == 3


def test_nobody_to_ask_is_no_yes(hub: Hub, uic: Run) -> None:
    uic("space", "init", "page")
    refused = uic("space", "apply", "page")
    assert refused.code == 3 and "uic space apply page --yes" in refused.err
    assert hub.names("spaces") == []


@pytest.mark.parametrize(("answer", "code"), [("n\n", 3), ("y\n", 0)])
def test_it_asks(hub: Hub, uic: Run, environment: dict[str, str], home: Path, answer: str, code: int) -> None:
    uic("space", "init", "page")
    ran = in_terminal(command("space", "apply", "page"), environment, home / "work", answer)
    assert ran.code == code, ran
    assert "\x1b[32m  + Space local/page" in ran.out and "Apply it? [y/N]" in ran.err
    assert (hub.names("spaces") == ["local/page"]) == (code == 0)


def test_interrupted_it_says_what_is_done_and_is_finished_by_the_same_command(
    hub: Hub, uic: Run, environment: dict[str, str], home: Path
) -> None:
    uic("space", "init", "page")
    process = subprocess.Popen(
        command("space", "apply", "page", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=environment, cwd=home / "work",
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("done: Space local/page")  # and now it waits a second
    process.send_signal(signal.SIGINT)
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 130
    assert told.startswith("1 of 2 done. The same command again does the rest.\n") and "Interrupted." in told
    assert uic("space", "apply", "page", "--yes").err == "done: one commit: 2 added, 1 changed\n"
    assert uic("space", "plan", "page").code == 0


HEAD = "version: 1\nid: a/b\nsdk: static\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "hardwear: x\n", "space.yaml:4: there is no key 'hardwear'. Did you mean 'hardware'?"),
        (HEAD + "secrets:\n  KEY: hf_abcdef\n", "space.yaml:5: secrets.KEY says where the secret is"),
        ("version: 1\nid: a/b\n", "the key 'sdk' is missing"),
        (HEAD + "sdk: docker\n", "space.yaml:4: 'sdk' is there twice."),
        ("version: 1\n id: a: b\n", "space.yaml:2: this is no YAML"),
        (HEAD + "sleep_time: soon\n", "space.yaml:4: sleep_time is a time such as 90"),
    ],
)  # fmt: skip
def test_a_wrong_spec_is_one_sentence_with_its_place(uic: Run, home: Path, text: str, said: str) -> None:
    spec(home, text)
    refused = uic("space", "validate", "page")
    assert refused.code == 3 and refused.out == ""
    assert refused.err.startswith("Error: ") and said in refused.err and "hf_abcdef" not in refused.err


def test_a_name_that_is_not_there(uic: Run, home: Path) -> None:
    spec(home, HEAD)
    assert "Did you mean page?" in uic("space", "plan", "pgae").err
    assert uic("space", "plan").err == "Error: There is no space.yaml in this folder.\n       Name one: page.\n"


def test_a_library_that_is_missing_is_one_sentence(uic: Run, home: Path, tmp_path: Path) -> None:
    spec(home, HEAD)
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "yaml.py").write_text("raise ModuleNotFoundError(\"No module named 'yaml'\", name='yaml')\n")
    from tests.cli.uic_program import SRC

    refused = uic("space", "plan", "page", PYTHONPATH=f"{shadow}{os.pathsep}{SRC}")
    assert refused.code == 3
    assert refused.err == (
        "Error: Deploying a Space needs the library 'yaml', which is not installed.\n"
        "       pip install 'unified-intelligence-cli[deploy]'\n"
    )


def test_what_is_found_is_listed_and_is_one_document_for_scripts(uic: Run, home: Path) -> None:
    spec(home, "version: 1\nid: a/b\nsdk: gradio\n")
    (home / "work/hf_spaces/page/app.py").write_text("x")
    (home / "work/hf_spaces/page/requirements.txt").write_text("torch>=2\n")
    listed = uic("space", "validate", "page")
    assert listed.code == 3 and "1 finding." in listed.err
    assert [line.split(":")[0] for line in listed.out.splitlines()] == ["error", "warning"]
    told = json.loads(uic("space", "validate", "page", "--json").out)
    assert told["valid"] is False and [each["line"] for each in told["findings"]] == [None, 1]
    (home / "work/hf_spaces/page/README.md").write_text("---\nsdk: gradio\nsdk_version: 6.31.0\n---\n")
    assert (uic("space", "validate", "page").code, uic("space", "validate", "page", "--strict").code) == (0, 3)


def test_a_file_with_a_secret_in_it_is_not_sent(hub: Hub, uic: Run, home: Path) -> None:
    spec(home, "version: 1\nid: acme/page\nsdk: static\nsecrets: {KEY: 'env:MY_KEY'}\n")
    (home / "work/hf_spaces/page/notes.txt").write_text(f"first\nthe key is {CANARY}\n")
    refused = uic("space", "apply", "page", "--yes", MY_KEY=CANARY)
    assert refused.code == 3
    assert "notes.txt:2: holds the value of the secret KEY." in refused.err and "Nothing was sent" in refused.err
    assert CANARY not in refused.out + refused.err
    assert hub.names("spaces") == []


def test_a_secret_is_in_no_output_and_in_no_file(hub: Hub, uic: Run, home: Path) -> None:
    spec(home, "version: 1\nid: acme/page\nsdk: static\nsecrets: {KEY: 'env:MY_KEY'}\n")
    words = ["space", "apply", "page", "--yes"]
    runs = [
        uic(*words, MY_KEY=CANARY),
        uic("space", "plan", "page", "--json", "--diff", MY_KEY=f"{CANARY}2"),
        uic("space", "plan", "page", MY_KEY=CANARY),
        uic("space", "show", "page", "--json", MY_KEY=CANARY),
        uic(*words, "--json", MY_KEY=f"{CANARY}3", UIC_DEBUG="1"),
    ]
    assert [ran.code for ran in runs] == [0, 15, 0, 0, 0]
    for ran in runs:
        assert CANARY not in ran.out + ran.err and TOKEN not in ran.out + ran.err
    kept = [path for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert kept == []
    assert hub.record("acme/page").secrets["KEY"].value == f"{CANARY}3"


def test_help_imports_no_library_but_the_parsers_own(environment: dict[str, str], home: Path) -> None:
    """Typer brings pydantic for the help of a command with arguments, not for that of the group."""
    code = (
        "import sys\nfrom unified_intelligence.cli.main import run\n"
        "codes = [run(['space', *each.split(), '--help']) for each in sys.argv[1].split(',')]\n"
        "heavy = {'pydantic', 'yaml', 'huggingface_hub', 'httpx2', 'rich', 'asyncio'} & sys.modules.keys()\n"
        "sys.stderr.write(f'{codes} {sorted(heavy)}')\n"
    )

    def told(commands: str) -> str:
        words = [command()[0], "-c", code, commands]
        return subprocess.run(
            words, env=environment, cwd=home / "work", capture_output=True, text=True, check=True
        ).stderr

    assert told("") == "[0] []"
    assert told("init,validate,show,plan,apply") == "[0, 0, 0, 0, 0] ['pydantic']"
