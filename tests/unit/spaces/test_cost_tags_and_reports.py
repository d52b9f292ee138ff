"""Figures with their source, tags in their order, and reports without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from unified_intelligence.entities.errors import ConfigurationError, VerificationError
from unified_intelligence.entities.space import HardwarePrice, LogKind, SpaceTag
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.cost import DAYS, cost_of, table
from unified_intelligence.spaces.good_versions import chosen, good_versions, last_good
from unified_intelligence.spaces.log_tail import KEPT, LogTail, redactor
from unified_intelligence.spaces.report import DeploymentReport
from unified_intelligence.spaces.spec import SpaceSpec
from unified_intelligence.spaces.verify import Check, Verification

TAGS = [SpaceTag("uic-good-2", "b" * 40), SpaceTag("uic-good-10", "c" * 40), SpaceTag("uic-good-1", "a" * 40)]


def spec(hardware: str, **more: Any) -> SpaceSpec:
    return SpaceSpec.model_validate({"version": 1, "id": "anne/x", "sdk": "gradio", "hardware": hardware, **more})


def test_a_price_comes_with_its_date_and_a_month_is_of_hours() -> None:
    cost = cost_of(spec("l4x1", sleep_time="1h"), hours=8)
    assert (cost.per_hour, cost.per_day, cost.per_month) == (0.8, 6.4, round(0.8 * 8 * DAYS, 2))
    assert table()["as_of"] in cost.source
    assert "never sleeps" not in " ".join(cost.notes)
    assert "never sleeps" in " ".join(cost_of(spec("l4x1")).notes)


def test_what_is_doubtful_or_not_known_says_so() -> None:
    assert "Doubtful" in " ".join(cost_of(spec("a100-large")).notes)
    unknown = cost_of(spec("rtx-pro-6000"))
    assert (unknown.per_hour, unknown.per_month) == (None, None)
    assert "no price of rtx-pro-6000" in " ".join(unknown.notes)
    live = cost_of(spec("rtx-pro-6000"), live={"rtx-pro-6000": HardwarePrice("rtx-pro-6000", "RTX", 3.0)})
    assert (live.per_hour, live.source) == (3.0, "the host, now")


def test_zero_gpu_is_a_quota_and_never_unlimited() -> None:
    smoke = [{"name": "a", "prompt": "?", "gpu_seconds": 30}]
    contract: dict[str, Any] = {"kind": "gradio", "endpoints": {}}
    cost = cost_of(spec("zero-a10g", smoke=smoke, contract=contract))
    said = " ".join(cost.notes)
    assert "PRO 40 min" in said and "never unlimited" in said and "30 GPU seconds" in said


@pytest.mark.parametrize("hours", [-1, 25])
def test_a_day_has_24_hours(hours: float) -> None:
    with pytest.raises(ConfigurationError):
        cost_of(spec("l4x1"), hours)


def test_tags_are_ordered_by_their_number() -> None:
    tags = [*TAGS, SpaceTag("v1", "d" * 40), SpaceTag("uic-good-x", "e" * 40)]
    assert [tag.name for tag in good_versions(tags)] == ["uic-good-10", "uic-good-2", "uic-good-1"]
    newest = last_good(tags)
    assert newest is not None and newest.name == "uic-good-10"
    before = last_good(tags, {"c" * 40})
    assert before is not None and before.name == "uic-good-2"
    assert last_good([]) is None


@pytest.mark.parametrize("name", ["uic-good-2", "2", "b" * 7])
def test_a_version_is_named_in_three_ways(name: str) -> None:
    assert chosen(TAGS, name).sha == "b" * 40


def test_the_longest_secret_is_taken_out_first_and_the_shortest_left_in() -> None:
    redact = redactor(("clé-secrète", "clé-secrète-longue", "abc", ""))
    assert redact("a clé-secrète-longue b clé-secrète abc") == "a *** b *** abc"


class Lines(ISpaceHost):
    """A host of which only the logs are asked: one reading after the other."""

    def __init__(self, *readings: list[str]) -> None:
        self.readings = list(readings)

    def logs(self, space: str, kind: LogKind = "run", *, follow: bool = False) -> Iterator[str]:
        yield from self.readings.pop(0)


Lines.__abstractmethods__ = frozenset()


@pytest.mark.parametrize(
    ("readings", "told"),
    [
        ([["a", "b"], ["a", "b", "c"]], ["a", "b", "c"]),
        ([["a", "b"], []], ["a", "b"]),
        ([["a", "b"], ["x", "y"]], ["a", "b", "x", "y"]),
        ([["a", "b", "c"], ["b", "c", "d"]], ["a", "b", "c", "d"]),
        ([["a"], ["a"], ["a", "été\u2028clé-secrète"]], ["a", "été\u2028***"]),
    ],
)
def test_each_line_of_a_log_is_told_once(readings: list[list[str]], told: list[str]) -> None:
    heard: list[str] = []
    host = cast("Any", Lines)(*readings)
    tail = LogTail(host, "anne/x", heard.append, redactor(("clé-secrète",)))
    known: list[str] = []
    for _ in readings:
        known = tail._read("run", known)  # pyright: ignore[reportPrivateUsage]
    assert heard == [f"run: {line}" for line in told]
    assert tail.last() == tuple(told)


def test_the_last_lines_are_kept() -> None:
    host = cast("Any", Lines)([str(number) for number in range(KEPT + 50)])
    tail = LogTail(host, "anne/x", lambda _: None)
    tail._read("build", [])  # pyright: ignore[reportPrivateUsage]
    assert len(tail.tails["build"]) == KEPT
    assert tail.last()[-2:] == (str(KEPT + 48), str(KEPT + 49)) and len(tail.last()) == 20


def test_a_report_is_whole_private_and_without_secrets(tmp_path: Path) -> None:
    report = DeploymentReport("anne/été", "deploy", redactor(("clé-secrète",)))
    report.step("plan", 1.23456, {"note": ["clé-secrète", {"deep": "x clé-secrète"}]})
    found = Verification("anne/été", "a" * 40, "b" * 64, checks=[Check("runtime", ok=False, text="clé-secrète\u2028")])
    report.failed(VerificationError("runtime", "dit clé-secrète", log_tail=("clé-secrète",), report=found))
    path = report.write(tmp_path / "new")
    text = path.read_text("utf-8")
    assert "clé-secrète" not in text
    told = json.loads(text)
    assert (told["outcome"], told["error"]["exit"], told["error"]["check"]) == ("failed", 13, "runtime")
    assert [step["step"] for step in told["steps"]] == ["plan", "verify"]
    assert told["steps"][0]["seconds"] == 1.235
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]
