"""The Gradio Spaces in the hands of the real `spaces` package, called by the real providers: a GPU lent and refused."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.integration.spaces.device_api import Ledger, Mood, device_api
from tests.integration.spaces.hub_proxy import ZERO_TOKEN, hub_proxy
from tests.integration.spaces.space_process import NEEDS_GRADIO, PROJECT, running
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3InferenceAdapter, Qwen3ZeroGPUAdapter
from unified_intelligence.entities.errors import (
    AuthenticationError,
    InvalidRequestError,
    ProviderError,
    QuotaExceededError,
    RateLimitedError,
    ServerBusyError,
    ServerFailedError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import GenerationConfig, Notice

pytestmark = [
    NEEDS_GRADIO,
    pytest.mark.skipif(find_spec("spaces") is None, reason="ZeroGPU's package is not here: pip install spaces"),
]

HERE = Path(__file__).parent
QUESTION = "Quelle est la mensualité de 200 000 € sur 20 ans à 3,5 % ?"
PAYMENT = "1 159,92"
KINDS: dict[str, type[Qwen3InferenceAdapter | Qwen3ZeroGPUAdapter]] = {
    "qwen3-inference": Qwen3InferenceAdapter,
    "qwen3-eval": Qwen3ZeroGPUAdapter,
}


class Space(NamedTuple):
    name: str
    url: str
    proxied: str
    ledger: Ledger

    def provider(self, **options: Any) -> Qwen3InferenceAdapter | Qwen3ZeroGPUAdapter:
        given: dict[str, Any] = {"space": self.proxied, "cache": "", "retries": 0, "token": "hf_me", **options}
        return KINDS[self.name](**given)

    def answer(self, *, token: str | None = "hf_me", **config: Any) -> str:
        provider = self.provider(token=token)
        try:
            return provider.generate(QUESTION, GenerationConfig(**config)).text.replace("\u202f", " ")
        finally:
            provider.close()


@pytest.fixture(scope="module", params=KINDS)
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Space]:
    folder = tmp_path_factory.mktemp("zero")
    path = f"{PROJECT / 'src'}:{PROJECT}"
    with device_api() as ledger:
        zero = {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": ledger.url, "MODEL_ID": "embedded"}
        program = (HERE / "zero_space.py", request.param)
        process = running(*program, cwd=folder, PYTHONPATH=path, HOME=str(folder), **zero)
        with process as own, hub_proxy(own.url) as proxied:
            yield Space(request.param, own.url, proxied, ledger)


@pytest.fixture
def space(started: Space) -> Space:
    started.ledger.reset()
    return started


@pytest.fixture
def chat(space: Space) -> Space:
    if space.name != "qwen3-inference":
        pytest.skip("is about the other Space")
    return space


def given_back(ledger: Ledger, times: int) -> bool:
    until = time.monotonic() + 10
    while len(ledger.failed) < times and time.monotonic() < until:
        time.sleep(0.02)
    return ledger.failed == [False] * times


def test_a_gpu_is_lent_for_as_long_as_the_answer_may_be(space: Space) -> None:
    ledger, before = space.ledger, space.ledger.calls.count("/allow")
    assert PAYMENT in space.answer(max_tokens=300)
    assert given_back(ledger, 1)
    assert PAYMENT in space.answer(max_tokens=1500)
    assert given_back(ledger, 2)
    short, long = ledger.asked
    assert 11 <= short < 30 and long - short >= 29 and long <= 60
    assert ledger.calls.count("/allow") - before <= 1  # the worker was kept


def test_a_mistake_takes_no_gpu(space: Space) -> None:
    before = len(space.ledger.calls)
    with pytest.raises(InvalidRequestError, match="max_tokens is at most 4096"):
        space.answer(max_tokens=5000)
    assert len(space.ledger.calls) == before


REFUSALS: dict[str, tuple[Mood, type[UnifiedIntelligenceError], str]] = {
    "too many runs": ("runs", QuotaExceededError, "runs limit"),
    "too much at once": ("pending", RateLimitedError, "too many ZeroGPU credits"),
    "a queue too long": ("queue fails", ServerBusyError, "No GPU was available after 60s"),
    "nothing free": ("nothing free", ServerBusyError, "No GPU was available"),
    "an old token": ("expired", ServerBusyError, "Expired ZeroGPU proxy token"),
    "a worker that dies": ("crash", ServerFailedError, "GPU task aborted"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_of_zero_gpu_is_typed(space: Space, case: str) -> None:
    mood, kind, text = REFUSALS[case]
    space.ledger.mood = mood
    with pytest.raises(kind, match=text) as raised:
        space.answer(max_tokens=100)
    assert type(raised.value) is kind and raised.value.hint and "hf_me" not in str(raised.value)
    space.ledger.mood = "lends"
    assert PAYMENT in space.answer(max_tokens=300)


def test_a_queue_that_ends_well_is_waited_for(space: Space) -> None:
    space.ledger.mood = "queue"
    assert PAYMENT in space.answer(max_tokens=300)


def test_a_quota_that_is_used_up_says_how_much_is_left_and_until_when(space: Space) -> None:
    space.ledger.left = 0
    with pytest.raises(QuotaExceededError, match="0s left") as raised:
        space.answer(max_tokens=400)
    assert raised.value.retry_after == 3723.0 and "UTC" in raised.value.message
    assert len(space.ledger.asked) == 1


def test_a_quota_that_is_nearly_used_up_is_used_up(space: Space) -> None:
    """Thirty seconds were wanted: what is left is asked for instead, and the answer is short enough for it."""
    space.ledger.left = 24
    assert PAYMENT in space.answer(max_tokens=800)
    first, second = space.ledger.asked
    assert first > 24 >= second > 20


def test_without_a_token_it_is_said_that_one_is_needed(space: Space) -> None:
    space.ledger.left = 0
    with pytest.raises(AuthenticationError, match="reached its GPU limit") as raised:
        space.answer(token=None, max_tokens=100)
    assert "HF_TOKEN" in raised.value.hint


def test_a_duration_that_is_too_long_is_halved_once(space: Space) -> None:
    space.ledger.longest = 40
    assert PAYMENT in space.answer(max_tokens=1800)
    assert len(space.ledger.asked) == 2 and space.ledger.asked[1] <= 40
    space.ledger.asked.clear()
    space.ledger.longest = 1
    with pytest.raises(InvalidRequestError, match="larger than the maximum allowed") as raised:
        space.answer(max_tokens=1800)
    assert "--max-tokens" in raised.value.hint and len(space.ledger.asked) == 2


def test_that_fewer_seconds_were_lent_is_told(space: Space) -> None:
    space.ledger.longest = 40
    provider = space.provider()
    (notice,) = [event.text for event in provider.stream(QUESTION) if isinstance(event, Notice)]
    provider.close()
    long, short = space.ledger.asked
    assert notice == f"ZeroGPU does not lend {long} s for this call; it is asked for {short} s."


def test_what_is_retried_meets_a_worker_that_is_new(space: Space) -> None:
    """A worker died before the first word: the provider asks again by itself."""
    space.ledger.mood = "crash"
    provider = space.provider(retries=3)
    events = provider.stream(QUESTION)
    seen: list[str] = []
    for event in events:
        if isinstance(event, Notice):
            seen.append(event.text)
            space.ledger.mood = "lends"
    provider.close()
    assert any("GPU task aborted" in text and "next try" in text for text in seen)


def test_zero_gpus_words_reach_the_wire_as_they_are(chat: Space) -> None:
    chat.ledger.left = 5
    with httpx2.Client(base_url=f"{chat.url}/gradio_api/", timeout=30, headers={"x-ip-token": ZERO_TOKEN}) as client:
        asked: dict[str, Any] = {"messages": [{"role": "user", "content": QUESTION}], "config": {}}
        made = client.post("call/v2/generate", json=asked).raise_for_status().json()
        lines = client.get(f"call/generate/{made['event_id']}").text.splitlines()
    (told,) = (json.loads(line.removeprefix("data: ")) for line in lines if "ZeroGPU quota exceeded" in line)
    assert told["title"] == "ZeroGPU quota exceeded" and "5s left" in told["error"] and "1:02:03" in told["error"]


def test_the_end_tells_how_long_the_gpu_was_waited_for_and_held(chat: Space) -> None:
    """The queue of ZeroGPU takes 200 ms here."""
    chat.ledger.mood = "queue"
    with httpx2.Client(base_url=f"{chat.url}/gradio_api/", timeout=30, headers={"x-ip-token": ZERO_TOKEN}) as client:
        asked: dict[str, Any] = {"messages": [{"role": "user", "content": QUESTION}], "config": {}}
        made = client.post("call/v2/generate", json=asked).raise_for_status().json()
        lines = client.get(f"call/generate/{made['event_id']}").text.splitlines()
    end = json.loads(next(line for line in lines if '"type": "end"' in line).removeprefix("data: "))[0]
    assert end["gpu"]["lent"] == chat.ledger.asked[-1]
    assert 0.15 < end["gpu"]["waited"] < 30
    assert end["timings"]["total"] <= end["gpu"]["held"] < 30


def test_a_provider_error_names_the_space(space: Space) -> None:
    space.ledger.mood = "nothing free"
    with pytest.raises(ProviderError) as raised:
        space.answer(max_tokens=100)
    assert raised.value.url == space.proxied
