"""The Spaces of this repository, committed to the local Hub, started by it and called: a real model answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.architecture.repository import ROOT
from tests.integration.spaces_hub.small_app import ask, until_runs
from unified_intelligence.adapters.llm.openai_compatible_adapter import OpenAICompatibleAdapter
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3InferenceAdapter
from unified_intelligence.spaces.render import render
from unified_intelligence.spaces.sources import files_of, wheel
from unified_intelligence.spaces.spec_file import read_spec

# The library's own uploading of large files says so of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
QUESTION = "Combien font 15 % de 240 ?"
CALLER = f"""
import json, sys
from gradio_client import Client
client = Client(sys.argv[1], verbose=False)
version = client.predict(api_name="/version")
_, conversation = client.predict({QUESTION!r}, [], "", 0.0, 200, api_name="/respond")
print(json.dumps([version, conversation[-1][-1]]))
"""


@pytest.fixture(scope="module")
def package() -> Mapping[str, bytes]:
    return wheel(ROOT)


def deploy(api: HfApi, name: str, space: str, package: Mapping[str, bytes]) -> str:
    """Until it runs; the digest that it ought to tell."""
    spec = read_spec(ROOT / "hf_spaces" / space / "space.yaml")
    made = render(spec.spec.owned_by("anne"), files_of(spec.folder), built=package)
    api.create_repo(
        name, repo_type="space", space_sdk=made.spec.sdk, space_secrets=[{"key": "API_KEY", "value": "sesame"}],
        space_variables=[{"key": "MODEL_ID", "value": "embedded"}],
    )  # fmt: skip
    operations = [CommitOperationAdd(path, content) for path, content in made.files.items()]
    until_runs(api, name, api.create_commit(name, operations, commit_message="x", repo_type="space").oid, seconds=90)
    return made.digest


def test_the_gradio_space_answers_the_official_client_and_our_adapter(
    api: HfApi, name: str, package: Mapping[str, bytes]
) -> None:
    digest = deploy(api, name, "qwen3-inference", package)
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", CALLER, name], env={**environment, "HF_ENDPOINT": api.endpoint}, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    version, answer = json.loads(done.stdout.splitlines()[-1])
    assert version["content_digest"] == version["recorded_digest"] == digest and version["model"] == "embedded"
    assert "36" in answer
    host = str(api.space_info(name).host)
    adapter = Qwen3InferenceAdapter(space=host)
    generation = adapter.generate(QUESTION)
    adapter.close()
    assert "36" in generation.text and generation.finish_reason == "stop"


def test_the_docker_space_answers_with_the_package_that_was_committed(
    api: HfApi, name: str, package: Mapping[str, bytes]
) -> None:
    digest = deploy(api, name, "open-finance-llm-8b", package)
    host = str(api.space_info(name).host)
    status, body = ask(f"{host}/version", Authorization="Bearer sesame")
    assert status == 200 and json.loads(body)["content_digest"] == digest
    adapter = OpenAICompatibleAdapter(base_url=f"{host}/v1", model="open-finance-llm-8b", key="sesame")
    generation = adapter.generate(QUESTION)
    adapter.close()
    assert "36" in generation.text and generation.finish_reason == "stop"
