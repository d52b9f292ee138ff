"""From samples to records: each its own, computed once, as many as a call has time for, none judged by its length."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.gradio_space.lent import on_gpu
from unified_intelligence.entities.errors import InvalidRequestError, MalformedToolCallError, ServerBusyError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator

pytest.importorskip("fastapi", reason="The extra 'space' is not installed")

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.evaluating import Evaluating

HARD = "Ça va ?\n\n Prix :  12,50 € — 🙂\u2028fin"
CALL = ToolCallDelta(0, "c", "look_up", '{"é": 1}')


class Playing(InProcessTextGenerator):
    """Does what the question names; any other question it gives back."""

    honoured = frozenset({"max_tokens", "tools", "temperature"})

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.side_by_side = self.most = self.left = 0
        self._lock = threading.Lock()

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        question = read_messages(messages)[-1].content
        with self._lock:
            self.asked.append(question)
            self.side_by_side += 1
            self.most = max(self.most, self.side_by_side)
        try:
            yield from self._said(question)
        except GeneratorExit:
            self.left += 1
            raise
        finally:
            with self._lock:
                self.side_by_side -= 1

    @staticmethod
    def _said(question: str) -> Generator[Event, None, None]:
        what, _, rest = question.partition(" ")
        match what:
            case "slow":
                for _ in range(int(rest.split()[0])):
                    time.sleep(0.02)
                    yield TextDelta("mot ")
            case "bug":
                raise ZeroDivisionError("a secret")
            case "busy":
                yield TextDelta("fünf ")
                raise ServerBusyError("Full.", hint="Wait.", retry_after=2.5)
            case "malformed":
                raise MalformedToolCallError('{"é": ')
            case "call":
                yield ToolCallDelta(0, "c", "look_up", rest)
            case "thinks":
                yield ReasoningDelta("Hmm… 🤔")
            case "many":
                yield TextDelta("é")
                yield Finished("stop", Usage(3, 50))
                return
            case "long":
                yield TextDelta(question)
                yield Finished("length", Usage(3, 2))
                return
            case _:
                yield TextDelta(question)
        yield Finished("stop", Usage(3, 2))


def evaluating(generator: Playing, **given: Any) -> Evaluating:
    from unified_intelligence.gradio_space.evaluating import Evaluating
    from unified_intelligence.gradio_space.limits import AnswerLimits

    limits = {name: given.pop(name) for name in AnswerLimits.__dataclass_fields__.keys() & given}
    own: dict[str, Any] = {"at_once": 4, **given}
    return Evaluating(generator, AnswerLimits(**{"writes": 100_000, **limits}), **own)


def sample(name: str, question: object, **more: object) -> dict[str, object]:
    return {"sample_id": name, "messages": [{"role": "user", "content": question}], **more}


def records(own: Evaluating, *samples: dict[str, object], run: str = "r", **generation: object) -> dict[str, Any]:
    """The records of one call, by their sample."""
    from unified_intelligence.gradio_space.eval_request import read_run

    asked = read_run({"run_id": run, "generation": generation}, list(samples))
    return {one["sample_id"]: one for step in own.call(asked, asked.tasks) for one in step.records}


def left_by(generator: Playing, times: int) -> bool:
    until = time.monotonic() + 5
    while generator.left < times and time.monotonic() < until:
        time.sleep(0.01)
    return generator.left == times


def test_a_record_holds_what_was_said_and_what_it_took() -> None:
    own = records(evaluating(Playing()), sample("1", HARD))["1"]
    assert own["text"] == HARD and own["outcome"] == "answered" and own["error"] is None
    assert own["usage"] == {"prompt_tokens": 3, "completion_tokens": 2} and own["finish_reason"] == "stop"
    assert 0 <= own["ttft_s"] <= own["latency_s"] and own["queue_s"] >= 0 and own["started_at"].endswith("+00:00")
    assert (own["run_id"], own["epoch"], own["attempt"], len(own["input_sha256"])) == ("r", 1, 1, 64)
    assert own["scores"] == {} and json.loads(json.dumps(own)) == own


@pytest.mark.parametrize(
    ("question", "outcome"),
    [
        ("x" * 4000, "answered"),
        ("x", "answered"),
        ('call {"é": 1}', "answered"),
        ('call {"é": ', "malformed"),
        ("call [1]", "malformed"),
        ("malformed", "malformed"),
        ("thinks", "truncated"),
        ("many", "truncated"),
        ("long", "truncated"),
        ("<think> Ça va", "truncated"),
        ("<think> Ça va </think> ja", "answered"),
        ("busy", "error"),
        ("bug", "error"),
    ],
)
def test_an_outcome_is_never_a_matter_of_length(question: str, outcome: str) -> None:
    assert records(evaluating(Playing()), sample("1", question), max_tokens=50)["1"]["outcome"] == outcome


def test_one_samples_failure_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    came = records(evaluating(Playing()), *[sample(name, name) for name in ("a", "bug", "busy", " ", "b")])
    assert [came[name]["text"] for name in ("a", "b")] == ["a", "b"]
    assert came["bug"]["error"]["type"] == "model" and "ZeroDivisionError" in came["bug"]["error"]["message"]
    assert "a secret" in caplog.text and "secret" not in str(came)
    assert came["busy"]["error"] == {
        "type": "server_busy", "message": "Full.", "hint": "Wait.", "retryable": True, "retry_after": 2.5,
    }  # fmt: skip
    assert came["busy"]["text"] == "fünf " and came["busy"]["finish_reason"] is None
    assert came[" "]["error"]["type"] == "invalid_request" and came[" "]["started_at"] == ""


def test_what_is_answered_is_not_computed_again_and_what_failed_is() -> None:
    generator = Playing()
    own = evaluating(generator)
    given = sample("1", HARD), sample("2", "busy"), sample("1", HARD, epoch=2)
    first, second = records(own, *given[:2]), records(own, *given[:2])
    assert second["1"] == first["1"] and (first["2"]["attempt"], second["2"]["attempt"]) == (1, 2)
    assert generator.asked.count(HARD) == 1 and generator.asked.count("busy") == 2
    records(own, given[2])
    records(own, given[0], run="another")
    assert generator.asked.count(HARD) == 3


def test_a_sample_that_is_asked_otherwise_is_refused_in_its_run() -> None:
    own = evaluating(Playing())
    records(own, sample("1", "é"))
    for other in (sample("1", "è"), sample("1", "é", generation={"temperature": 1})):
        assert records(own, other)["1"]["error"]["type"] == "invalid_request"
    assert records(own, sample("1", "é"))["1"]["text"] == "é"


def test_what_a_sample_asks_for_is_stronger_than_its_run() -> None:
    own = evaluating(Playing())
    came = records(own, sample("1", "é", generation={"max_tokens": 5000}), sample("2", "é"), max_tokens=7)
    assert "5000" in came["1"]["error"]["message"] and came["2"]["text"] == "é"


@pytest.mark.parametrize(
    ("run", "samples", "says"),
    [
        ({"run_id": "r"}, (), "samples"),
        ({"run_id": ""}, [sample("1", "é")], "run_id"),
        ({"run_id": "r", "scorer": "x"}, [sample("1", "é")], "scorer"),
        ({"run_id": "r", "schema": "uic.eval/9"}, [sample("1", "é")], "schema"),
        ({"run_id": "r"}, [sample("1", "é"), sample("1", "è")], "'1'"),
        ({"run_id": "r"}, [{"messages": "é"}], "sample_id"),
        ({"run_id": "r"}, [sample("1", "é", expected="x")], "expected"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused_as_a_whole(run: object, samples: Sequence[object], says: str) -> None:
    from unified_intelligence.gradio_space.eval_request import read_run

    with pytest.raises(InvalidRequestError, match=says):
        read_run(run, list(samples))


def test_samples_are_answered_side_by_side_and_no_more_than_may_be() -> None:
    generator = Playing()
    own = evaluating(generator, at_once=3)
    came = records(own, *[sample(str(number), f"slow 10 {number}") for number in range(9)])
    assert len(came) == 9 and generator.most == 3


def test_a_call_takes_as_many_as_fit_into_its_time_and_leaves_the_others() -> None:
    """At first what each may take at most counts, then what they took."""
    lent: list[int] = []
    own = evaluating(Playing(), seconds=60, start=10, writes=40, on_gpu=on_gpu(lent))
    samples = [sample(str(number), f"é {number}") for number in range(70)]
    assert set(records(own, *samples, max_tokens=800)) == {"0", "1"}
    assert lent == [51]
    assert len(records(own, *samples, max_tokens=800)) == 2 + 64
    assert len(records(own, *samples, max_tokens=800)) == 70
    assert len(lent) == 3 and lent[1] <= 60
    assert len(records(own, *samples, max_tokens=800)) == 70 and len(lent) == 3  # what is known takes no GPU


def test_a_sample_that_cannot_end_in_time_is_an_error_and_no_short_answer() -> None:
    generator = Playing()
    own = evaluating(generator, seconds=1, start=1, on_gpu=on_gpu([]))
    own_record = records(own, sample("1", "slow 500"))["1"]
    assert own_record["outcome"] == "error" and own_record["error"]["type"] == "timed_out"
    assert own_record["error"]["retryable"] is False and "GPU_SECONDS" in own_record["error"]["hint"]
    assert own_record["text"].startswith("mot mot ") and own_record["finish_reason"] is None
    assert left_by(generator, 1)


def test_samples_that_ran_out_of_time_together_are_left_and_then_asked_one_by_one() -> None:
    own = evaluating(Playing(), seconds=2, start=1, on_gpu=on_gpu([]))
    samples = [sample(str(number), f"slow 300 {number}") for number in range(3)]
    assert records(own, *samples, max_tokens=1) == {}
    assert list(records(own, *samples, max_tokens=1)) == ["0"]


def test_whoever_leaves_ends_the_work() -> None:
    from unified_intelligence.gradio_space.eval_request import read_run

    generator = Playing()
    own = evaluating(generator)
    asked = read_run({"run_id": "r"}, [sample(str(number), f"slow 500 {number}") for number in range(6)])
    steps = own.call(asked, asked.tasks)
    assert next(steps).works is False and next(steps).records == []
    steps.close()
    assert left_by(generator, 4) and len(generator.asked) == 4
    assert records(own, sample("0", "slow 1 0"))["0"]["text"] == "mot "  # nobody holds it any more


def test_a_sample_that_two_calls_ask_for_is_computed_once() -> None:
    generator = Playing()
    own = evaluating(generator)
    came: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: came.append(records(own, sample("1", "slow 20")))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(came) == 3 and came[0] == came[1] == came[2] and generator.asked == ["slow 20"]


def test_the_memory_has_an_end() -> None:
    from unified_intelligence.gradio_space.eval_runs import Runs

    runs = Runs(most=3)
    for number in range(5):
        with runs.working(str(number), [("1", 1)], 1.0) as run:
            run.attempts["1", 1] = 1
    with runs.working("0", [("1", 1)], 1.0) as run:
        assert run.attempts == {}
    with runs.working("4", [("1", 1)], 1.0) as run:
        assert run.attempts == {("1", 1): 1}
