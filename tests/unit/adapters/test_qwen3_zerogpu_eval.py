"""The provider of the evaluation Space: one sample a call, known by its run, and a failed sample is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.server import FaultServer
from tests.gradio_faults import INFO, misbehaving, page, streams, typed
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3ZeroGPUAdapter
from unified_intelligence.entities.errors import ProtocolError, QuotaExceededError
from unified_intelligence.entities.generation import GenerationConfig, Usage

TEXT = "Ça va ?\n\n Prix :  12,50 € — 🙂\u2028fin"


def posted(server: FaultServer) -> list[Any]:
    return [request.json for request in server.others if request.method == "POST"]


EVAL = {"named_endpoints": {"/eval_chunk": {"parameters": [{"parameter_name": n} for n in ("run_spec", "samples")]}}}
SAMPLE = {
    "sample_id": "1", "text": TEXT, "reasoning": "Hmm", "finish_reason": "length", "error": None,
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    "tool_calls": [{"id": "c", "name": "f", "arguments": "{}"}],
}  # fmt: skip


def evaluating(server: FaultServer, **options: Any) -> Qwen3ZeroGPUAdapter:
    given: dict[str, Any] = {"space": server.origin, "cache": "", "retries": 0, **options}
    return Qwen3ZeroGPUAdapter(**given)


@pytest.mark.parametrize("output", [[SAMPLE], {"samples": [SAMPLE]}])
def test_an_evaluated_sample_is_an_answer(output: object) -> None:
    with misbehaving(streams(typed(output)), info=page(EVAL)) as server:
        server.pages = {**server.pages, "/gradio_api/call/v2/eval_chunk": page({"event_id": "e1"})}
        answer = evaluating(server).generate("é", GenerationConfig(max_tokens=2))
        assert (answer.text, answer.reasoning, answer.finish_reason) == (TEXT, "Hmm", "length")
        assert answer.usage == Usage(3, 2)
        assert answer.tool_calls[0].name == "f"
        (sent,) = posted(server)
        assert sent["run_spec"]["generation"] == {"max_tokens": 2}
        assert sent["samples"] == [{"sample_id": "1", "epoch": 1, "messages": [{"role": "user", "content": "é"}]}]


def test_a_sample_tried_again_is_of_the_same_run() -> None:
    with misbehaving(streams(None), streams(typed([SAMPLE])), info=page(EVAL)) as server:
        server.pages = {**server.pages, "/gradio_api/call/v2/eval_chunk": page({"event_id": "e1"})}
        generator = evaluating(server, retries=1)
        assert generator.generate("é").text == TEXT
        first, second = (sent["run_spec"]["run_id"] for sent in posted(server))
        assert first == second
        generator.generate("é")
        assert posted(server)[2]["run_spec"]["run_id"] != first


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ([{**SAMPLE, "error": {"type": "quota_exceeded", "message": "m"}}], QuotaExceededError),
        ([{**SAMPLE, "finish_reason": None}], ProtocolError),
        ([], ProtocolError),
        ([SAMPLE, SAMPLE], ProtocolError),
        ("text", ProtocolError),
    ],
)
def test_a_sample_that_failed_is_no_answer(output: object, kind: type[Exception]) -> None:
    with misbehaving(streams(typed(output)), info=page(EVAL)) as server:
        server.pages = {**server.pages, "/gradio_api/call/v2/eval_chunk": page({"event_id": "e1"})}
        with pytest.raises(kind):
            evaluating(server).generate("é")


def test_a_space_without_eval_chunk_is_the_wrong_one() -> None:
    with misbehaving(info=page(INFO)) as server, pytest.raises(ProtocolError, match="/eval_chunk"):
        evaluating(server).generate("é")
