"""The page as Streamlit runs it: every view, and every folder that is not as it should be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.dashboard.made import Slots, at_socket, closed, run
from tests.unit.evaluation import runs as evaluated
from unified_intelligence.benchmark.calibrate import known_server
from unified_intelligence.dashboard.results import read_folder

testing: Any = pytest.importorskip("streamlit.testing.v1", reason="pip install 'unified-intelligence-cli[dashboard]'")
VIEWS = (
    "Runs", "Pareto", "Load", "Latency", "Over time", "Cost", "Failures", "Client", "Answers", "A and B", "Quality",
)  # fmt: skip
SECONDS = 60


def page(runs: str, evaluations: str) -> None:
    from pathlib import Path

    from unified_intelligence.dashboard.page import show

    show(Path(runs), Path(evaluations))


def opened(runs: Path, view: str = "Runs", evaluations: Path | None = None, **query: str) -> Any:
    """The page, run once; nothing in it may have raised."""
    app = testing.AppTest.from_function(page, args=(str(runs), str(evaluations or runs / "none")))
    app.query_params["view"] = view
    for name, value in query.items():
        app.query_params[name] = value
    app.run(timeout=SECONDS)
    assert not app.exception, app.exception
    return app


def said(app: Any) -> str:
    """Everything that is written on the page, without the signs that keep Markdown from reading it."""
    kinds = ("markdown", "caption", "info", "warning", "success", "error", "code", "header")
    text = "\n".join(str(own.value) for kind in kinds for own in getattr(app, kind))
    return text.replace("\\", "")


def plots(app: Any) -> list[dict[str, Any]]:
    return [json.loads(own.proto.spec) for own in app.get("plotly_chart")]


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_answers_its_question(runs: Path, view: str) -> None:
    app = opened(runs, view)
    assert any(own.value.startswith("#### ") and own.value.endswith("?") for own in app.markdown)
    invalid = [own.name for own in read_folder(runs).results if not own.valid]
    assert f"{len(invalid)} of 9 runs are INVALID, and marked so in every plot" in said(app)
    expected = {"Runs": 0, "Load": 2, "Latency": 2, "Client": 4, "Answers": 0, "Quality": 0}.get(view, 1)
    assert len(plots(app)) == expected
    assert bool(app.dataframe) is (view not in {"Pareto", "Latency", "Answers", "Quality"})


def test_a_choice_changes_what_is_drawn(runs: Path) -> None:
    app = opened(runs, "Load")
    before = {trace.get("name") for trace in plots(app)[0]["data"]}
    app.multiselect(key="configurations").set_value(["sixteen"]).run(timeout=SECONDS)
    after = {trace.get("name") for trace in plots(app)[0]["data"]}
    assert {"sixteen", "four-slots", "busy"} <= before
    assert "sixteen" in after and not {"four-slots", "busy"} & after
    app.text_input(key="limits").set_value("ttft=0.001ms").run(timeout=SECONDS)
    assert "below the lowest load measured" in app.dataframe[0].value["knee"].tolist()
    app.text_input(key="limits").set_value("ttft=bald").run(timeout=SECONDS)
    assert "'ttft=bald' is no limit" in said(app) and "there is no knee" in said(app)


def test_one_sweep_of_several_is_picked(runs: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs, tmp_path / "runs"))
    for path in folder.glob("s*_manifest.json"):
        told = json.loads(path.read_text("utf-8"))
        told["sweep"] = {"name": "été", "configuration": "tp2", "gpus": 2, "attempt": 1}
        path.write_text(json.dumps(told), "utf-8")
    app = opened(folder, "Pareto")
    assert any("1 is assumed of 4" in own.label for own in app.expander)
    app.selectbox(key="sweep").set_value("été").run(timeout=SECONDS)
    assert not app.exception and app.multiselect(key="configurations").value == ["été/tp2"]
    assert {trace["name"] for trace in plots(app)[0]["data"] if trace.get("legendgroup")} == {"été/tp2"}
    app.selectbox(key="sweep").set_value("").run(timeout=SECONDS)
    assert not app.exception and len(plots(app)) == 1


def test_invalid_runs_can_be_left_out(runs: Path) -> None:
    app = opened(runs, valid="true")
    assert "INVALID, and marked" not in said(app)
    assert set(app.dataframe[0].value["state"]) == {"valid"}


def test_a_price_of_ones_own(runs: Path) -> None:
    app = opened(runs, "Cost")
    dear = app.dataframe[0].value.set_index("run").loc["sixteen_c4", "1M tokens"]
    app.selectbox(key="price").set_value("h100-lambda").run(timeout=SECONDS)
    dearer = app.dataframe[0].value.set_index("run").loc["sixteen_c4", "1M tokens"]
    assert float(dearer[1:].replace("\u202f", "")) / float(dear[1:].replace("\u202f", "")) == pytest.approx(
        5.36, rel=0.02
    )
    app.selectbox(key="price").set_value("zero-gpu").run(timeout=SECONDS)
    assert "never unlimited" in said(app)


def test_answers_stand_side_by_side_letter_by_letter(runs: Path) -> None:
    app = opened(runs, "Answers", a="sixteen_c16", b="busy_c2")
    assert "prompts were asked in both" in said(app)
    asked, first, *_ = (own.value for own in app.code)
    assert first.startswith(asked[:12]) and "<b>gras</b> $x$ *y*" in first
    app.selectbox(key="b").set_value("dead_c2").run(timeout=SECONDS)
    assert "server_busy: Überlastet: réessayez 🙂" in said(app)


def test_quality_stands_beside_cost(runs: Path, tmp_path: Path) -> None:
    evaluated.run(tmp_path / "told", evaluated.suite(12), evaluated.Told(lambda question, _: question))
    folder = Path(shutil.copytree(runs, tmp_path / "runs"))
    app = opened(folder, "Quality", evaluations=tmp_path)
    assert "No run that is picked is of a model that own was asked of: told" in said(app)
    for path in folder.glob("*_manifest.json"):
        path.write_text(path.read_text("utf-8").replace('"model": "Qwen3-8B"', '"model": "told"'), "utf-8")
    app = opened(folder, "Quality", evaluations=tmp_path, limits="ttft=60s")
    row = app.dataframe[0].value.iloc[0]
    assert (row["configuration"], row["right"], row["samples"]) == ("four-slots", "100\u202f%", 12)
    assert row["cost"].startswith("$")


def test_an_empty_folder_says_how_a_run_is_made(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        app = opened(folder)
        assert "There are no runs in" in said(app) and "uic bench run --url" in said(app)


def test_a_broken_file_does_not_hide_the_others(runs: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs, tmp_path / "runs"))
    (folder / "sixteen_c1_metrics.json").write_text("{", "utf-8")
    (folder / "sixteen_c4_responses.jsonl").unlink()
    (folder / "sixteen_c16_manifest.json").unlink()
    for view in VIEWS:
        app = opened(folder, view, drawn="sixteen_c4", a="sixteen_c4", b="sixteen_c16")
        assert "sixteen_c1_metrics.json is no result of uic bench" in said(app), view
        if view in {"Latency", "Over time", "A and B"}:
            assert "sixteen_c4 has no rows" in said(app) and "Copy it there, or run it again." in said(app), view
    assert "manifest is missing" in said(opened(folder, "Answers", a="sixteen_c16", b="busy_c2"))


def test_a_folder_of_broken_files_only(tmp_path: Path) -> None:
    (tmp_path / "x_metrics.json").write_text("[]", "utf-8")
    app = opened(tmp_path)
    assert "x_metrics.json is no result of uic bench" in said(app) and "There are no runs in" in said(app)


def test_a_sweep_that_measured_nothing_says_why(tmp_path: Path) -> None:
    failed = {"configuration": "tp2", "attempt": 1, "state": "failed", "failure": "memory", "said": "Zu wenig — 🙂"}
    (tmp_path / "été_sweep.json").write_text(json.dumps({"name": "été", "attempts": [failed]}), "utf-8")
    app = opened(tmp_path)
    assert "There are no runs in" in said(app)
    assert app.dataframe[0].value["said"].tolist() == ["Zu wenig — 🙂"]


def test_runs_at_the_socket_of_a_server_of_known_schedule(tmp_path: Path) -> None:
    with known_server() as url:
        for load in (2, 8):
            at_socket(tmp_path, f"bekannt_c{load}", url, "known:first=20,gap=2,tokens=10", closed(load, 24))
        at_socket(tmp_path, "gestört_c4", url, "known:first=5,gap=1,tokens=6,fail=40,cut=80", closed(4, 40))
    failed = plots(opened(tmp_path, "Failures"))[0]["data"]
    assert {"http_500"} < {trace["name"] for trace in failed}
    rows = opened(tmp_path, "Failures").dataframe[0].value
    assert "The known failure: défaut 🙂" in set(rows["first said"])
    (line,) = [trace for trace in plots(opened(tmp_path, "Pareto"))[0]["data"] if trace.get("text")][:1]
    assert all(0 < speed < 600 for speed in line["x"])  # a token each 2 ms, later where the machine is busy
    spread = plots(opened(tmp_path, "Latency", drawn="bekannt_c8"))[0]["data"][0]
    assert 19 < min(spread["x"]) < 10_000
    assert len(plots(opened(tmp_path, "Client"))) == 4


def test_one_run_alone(tmp_path: Path) -> None:
    run(tmp_path, "seul_c2", Slots(2), closed(2, 8))
    for view in VIEWS:
        text = said(opened(tmp_path, view))
        if view in {"Answers", "A and B"}:
            assert "Two runs are needed" in text


def test_thousands_of_rows_are_drawn_thin(tmp_path: Path) -> None:
    run(tmp_path, "viele_c16", Slots(16, first=0.0005, gap=0.0, tokens=2), closed(16, 3000))
    app = opened(tmp_path, "Over time")
    assert sum(len(trace["x"]) for trace in plots(app)[0]["data"]) < 1000
    assert "requests that follow each other the slowest is drawn" in said(app)
    assert app.dataframe[0].value["verdict"].iloc[0] in {"steady", "slower", "faster"}
    assert all(len(trace["x"]) <= 400 for plot in plots(opened(tmp_path, "Latency")) for trace in plot["data"])


def test_ramps_have_no_axis_and_say_so(tmp_path: Path) -> None:
    from unified_intelligence.benchmark.plan import Load

    run(tmp_path, "rampe_r10-40", Slots(8), Load(rate=10, rate_end=40, requests=10))
    for view in ("Load", "Cost"):
        assert "no place on an axis of loads" in said(opened(tmp_path, view))


def test_nothing_answered_has_no_plots_and_says_so(tmp_path: Path) -> None:
    run(tmp_path, "mort_c2", Slots(1, busy=1.0), closed(2, 4))
    for view in VIEWS:
        text = said(opened(tmp_path, view))
        if view in {"Latency", "Over time"}:
            assert "Nothing was answered" in text
        if view == "Cost":
            assert "mort_c2 answered nothing" in text
