"""What a run makes of answers and errors, and what two runs say of each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.evaluation.runs import Told, rows, run, suite
from unified_intelligence.entities.errors import (
    AnswerRefusedError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    ContextLengthError,
    InvalidRequestError,
    MalformedToolCallError,
    QuotaExceededError,
    RateLimitedError,
)
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.evaluation.compare import compare, read
from unified_intelligence.evaluation.folder import RunFolder, read_attempts
from unified_intelligence.evaluation.report import html_report
from unified_intelligence.evaluation.rescore import rescore
from unified_intelligence.evaluation.rows import RowsSuite
from unified_intelligence.evaluation.runner import Rules
from unified_intelligence.evaluation.suite import Answer, Choice, Sample, Score
from unified_intelligence.interfaces.checkable import ICheckable


def right(question: str, _: object) -> str:
    return question


def number(question: str) -> int:
    return int(question.split()[1])


def test_what_an_error_means(tmp_path: Path) -> None:
    failures = {
        0: MalformedToolCallError("<tool_call>{"),
        1: AnswerRefusedError("no"),
        2: ContextLengthError(9, 8),
        3: ConnectionFailedError("gone"),
        5: IndexError("a bug of the provider's"),
    }
    ended = run(tmp_path / "r", suite(40), Told(lambda q, _: failures.get(number(q), q)))
    kept = {key[0]: own for key, own in read_attempts(tmp_path / "r").items()}
    assert [kept[f"é{n}"].outcome for n in range(5)] == ["malformed", "malformed", "error", "error", "right"]
    assert kept["é0"].text == "<tool_call>{" and kept["é0"].attempt == 1
    assert kept["é2"].attempt == 1 and kept["é3"].attempt == 4 and kept["é3"].retried == ("connection_failed",) * 3
    bug = kept["é5"].error
    assert bug is not None and (bug.type, bug.message) == ("unexpected", "IndexError: a bug of the provider's")
    assert ended.run.counts["right"] == 35 and ended.run.status == "partial"
    assert ended.run.error_types["error: context_length"] == 1


def test_at_most_twenty_begin_before_the_first_answer(tmp_path: Path) -> None:
    dead = Told(lambda q, _: ConnectionFailedError("gone"))
    ended = run(tmp_path / "r", suite(200), dead, rules=Rules(concurrency=64, backoff=0.01))
    assert len(dead.begun) <= 20 and ended.run.status == "failed" and "first 20 requests" in ended.run.stopped
    assert ended.run.counts["right"] == 0


@pytest.mark.parametrize("error", [AuthenticationError("no key"), QuotaExceededError("used up")])
def test_a_refusal_for_all_stops_after_three(error: Exception, tmp_path: Path) -> None:
    told = Told(lambda q, _: q if number(q) < 10 else error)
    ended = run(tmp_path / "r", suite(100), told, rules=Rules(concurrency=1))
    assert "Every question is refused" in ended.run.stopped and ended.run.status == "failed"
    assert ended.run.counts["error"] <= 12


def test_a_server_that_is_busy_is_not_dead(tmp_path: Path) -> None:
    tries: dict[str, int] = {}

    def busy(question: str, _: object) -> str | Exception:
        tries[question] = tries.get(question, 0) + 1
        return question if tries[question] > 1 or len(tries) == 1 else RateLimitedError("slow", retry_after=0.01)

    ended = run(tmp_path / "r", suite(60), Told(busy), rules=Rules(concurrency=15, backoff=0.01))
    assert ended.run.status == "complete" and ended.run.counts["right"] == 60


def test_a_thought_without_an_answer_is_truncated(tmp_path: Path) -> None:
    ended = run(tmp_path / "r", suite(3), Told(lambda q, _: "", thought="Hmm… 🤔"))
    assert ended.run.counts["truncated"] == 3


def test_half_of_a_character_does_not_stop_a_run(tmp_path: Path) -> None:
    ended = run(tmp_path / "r", suite(2), Told(lambda q, _: q + "\ud83c"))
    assert ended.run.counts["right"] == 2
    assert {own.text[-1] for own in read_attempts(tmp_path / "r").values()} == {"?"}


def test_what_a_provider_cannot_do_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    told = Told(right)
    told.honoured = frozenset({"max_tokens", "temperature"})
    tools: list[object] = [{"name": "f"}]
    with pytest.raises(ConfigurationError, match="takes no tools"):
        run(tmp_path / "r", suite(2, tools=tools), told)
    assert told.begun == [] and not (tmp_path / "r").exists()


class Breaks(RowsSuite):
    """Its scorer breaks on one sample."""

    broken = True

    def score(self, sample: Sample, answer: Answer) -> Score:
        if self.broken and sample.id == "é1":
            raise ZeroDivisionError("of mine")
        return super().score(sample, answer)


def test_a_scorer_that_breaks_loses_no_answer(tmp_path: Path) -> None:
    own = Breaks(Choice(name="own"), rows(200))
    ended = run(tmp_path / "r", own, Told(right))
    assert ended.run.counts["error"] == 1 and ended.run.error_types == {"error: scorer_failed": 1}
    own.broken = False
    mended = rescore(tmp_path / "r", own)
    assert mended.changed == {("é1", 1): ("error", "right")} and mended.run.counts["right"] == 200


def test_epochs_differ_by_their_seed_and_count_a_sample_once(tmp_path: Path) -> None:
    seeds: set[int | None] = set()

    def by_luck(question: str, config: GenerationConfig) -> str:
        seeds.add(config.seed)
        return question if number(question) % 2 or config.seed == 1 else "no"

    ended = run(tmp_path / "r", suite(10), Told(by_luck), epochs=3, seed=0)
    assert seeds == {0, 1, 2}
    accuracy, ever, always = (
        ended.run.metric(name) for name in ("accuracy", "right_in_any_epoch", "right_in_every_epoch")
    )
    assert accuracy and ever and always
    assert accuracy.value == pytest.approx((5 + 5 / 3) / 10) and (accuracy.k, accuracy.n) == (20, 30)
    assert (ever.k, always.k) == (10, 5)


class Checked(Told, ICheckable):
    """Says which revision it is."""

    revision = "a1"

    async def acheck(self) -> Mapping[str, str]:
        return {"address": "here", "revision": self.revision}


def test_a_model_that_was_replaced_is_not_mixed_in(tmp_path: Path) -> None:
    gone = ContextLengthError(9, 8)
    own, told = suite(40), Checked(lambda q, _: gone if number(q) == 3 else q)
    assert run(tmp_path / "r", own, told).run.model.told == {"address": "here", "revision": "a1"}
    told.says, told.revision = right, "b2"
    with pytest.raises(ConfigurationError, match="revision a1; now it is b2"):
        run(tmp_path / "r", own, told)
    told.revision = "a1"
    assert run(tmp_path / "r", own, told).run.counts["right"] == 40


def test_flips_both_ways_and_what_is_not_paired(tmp_path: Path) -> None:
    own = suite(60, slices=["tous"])
    run(tmp_path / "a", own, Told(lambda q, _: "no" if number(q) < 4 else q))
    gone = ContextLengthError(9, 8)
    run(tmp_path / "b", own, Told(lambda q, _: "no" if 2 <= number(q) < 14 else gone if number(q) == 59 else q))
    found = compare(read(tmp_path / "a"), read(tmp_path / "b"))
    assert {flip.sample_id for flip in found.gained} == {"é0", "é1"}
    assert {flip.sample_id for flip in found.lost} == {f"é{n}" for n in range(4, 14)}
    assert {(flip.before, flip.after) for flip in found.lost} == {("right", "contains")}
    assert found.unpaired == ("é59",)
    (row,) = found.rows
    assert (row.n, row.only_first, row.only_second) == (59, 10, 2) and row.p == pytest.approx(0.03857421875)
    assert row.regression and found.regressions and row.ci.lo < row.difference < row.ci.hi < 0
    back = compare(read(tmp_path / "b"), read(tmp_path / "a"))
    assert back.rows[0].p == row.p and not back.regressions


def test_holm_over_slices_keeps_chance_from_looking_like_news(tmp_path: Path) -> None:
    """Six lost in one of ten slices: significant alone, and not among ten."""
    own = RowsSuite(Choice(name="own"), [{**row, "slices": [f"s{n % 10}"]} for n, row in enumerate(rows(200))])
    run(tmp_path / "a", own, Told(right))
    run(tmp_path / "b", own, Told(lambda q, _: "no" if number(q) % 10 == 3 and number(q) < 60 else q))
    found = compare(read(tmp_path / "a"), read(tmp_path / "b"))
    rows_of = {row.slice: row for row in found.rows}
    assert rows_of["s3"].p == 0.03125 and rows_of["s3"].p_holm == 0.3125 and not rows_of["s3"].significant
    assert rows_of["all"].regression and {row.slice for row in found.regressions} == {"all"}


def test_other_questions_are_not_compared(tmp_path: Path) -> None:
    run(tmp_path / "a", suite(5), Told(right))
    run(tmp_path / "b", suite(6), Told(right))
    with pytest.raises(InvalidRequestError, match="Their data differs"):
        compare(read(tmp_path / "a"), read(tmp_path / "b"))
    assert compare(read(tmp_path / "a"), read(tmp_path / "b"), force=True).forced


def test_a_report_of_nothing_at_all(tmp_path: Path) -> None:
    run(tmp_path / "r", suite(30), Told(lambda q, _: ConnectionFailedError("gone")))
    page = html_report(read(tmp_path / "r"))
    assert "This run is incomplete: 0.0% answered" in page and "first 20 requests" in page


def test_a_run_runs_only_while_somebody_writes_it(tmp_path: Path) -> None:
    ended = run(tmp_path / "r", suite(3), Told(lambda question, _: question))
    ended.run.status = "running"
    with RunFolder(tmp_path / "r") as folder:
        folder.write_run(ended.run)
        assert read(tmp_path / "r").run.status == "running"
        assert not (tmp_path / "r" / "samples.jsonl").write_bytes(b"")
    assert read(tmp_path / "r").run.status == "partial"
