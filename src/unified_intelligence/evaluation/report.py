"""A run as one page: its figures, its plots and every sample, in a file that asks nobody for anything.

What a model wrote stands in it as JSON, which the page's script puts into the document as text. The page's own policy
lets nothing run or load but what was written here.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files

from unified_intelligence.evaluation.compare import Read
from unified_intelligence.evaluation.metrics import coverage, fault, groups_of, is_complete
from unified_intelligence.evaluation.outcome import OUTCOMES
from unified_intelligence.evaluation.plots import bars, histogram, intervals, outcomes_bar
from unified_intelligence.evaluation.record import Attempt, Metric, Question, Run

_MOST_FAULTS, _MOST_SLICES = 12, 60


def html_report(read: Read) -> str:
    """The page, whole."""
    run = read.run
    style, script = _asset("report.css"), _asset("report.js")
    own = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    policy = f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    return _asset("report.html").format(
        policy=policy,
        style=style,
        script=script,
        title=escape(f"{run.name}: {run.dataset.name}"),
        name=escape(run.name),
        summary=_summary(run),
        status=escape(run.status),
        notices=_notices(run),
        tiles=_tiles(run),
        plots=_plots(read),
        metrics=_metrics(run.metrics),
        facts=_facts(run),
        data=_data(read),
    )


def _asset(name: str) -> str:
    return (files("unified_intelligence.evaluation") / "page" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _summary(run: Run) -> str:
    data = run.dataset
    route = f", route {run.model.route}" if run.model.route else ""
    model = run.model.options.get("model")
    who = f"{run.model.provider}{f', {model}' if model else ''}{route}"
    return escape(f"{data.name} {data.version} by {who}; {run.started_at[:16].replace('T', ' ')} UTC")


def _notices(run: Run) -> str:
    told: list[str] = []
    if not is_complete(run):
        told.append(f"This run is incomplete: {coverage(run):.1%} answered. Its figures are not those of the suite.")
    if run.stopped:
        told.append(run.stopped)
    if run.heuristic:
        told.append(f"These figures tell no correctness: {run.heuristic}")
    if len(run.planned_ids) < run.dataset.n:
        told.append(f"{len(run.planned_ids)} of the suite's {run.dataset.n} questions were asked.")
    if run.unattainable:
        told.append(f"{len(run.unattainable)} questions cannot be passed: {', '.join(run.unattainable[:8])}.")
    if run.disputed:
        told.append(f"The truth of {len(run.disputed)} questions is doubted: {', '.join([*run.disputed][:8])}.")
    return "".join(f'<p class="notice">{escape(own)}</p>' for own in told)


def _tiles(run: Run) -> str:
    accuracy, latency = run.metric("accuracy"), run.latency_s
    tiles = [
        ("right of answered", _percent(accuracy), _interval(accuracy)),
        ("answered", _percent(run.metric("coverage")), f"{run.counts['planned']} planned"),
        ("median time", _seconds(latency.get("p50")), f"95 % within {_seconds(latency.get('p95'))}"),
        ("tokens written", f"{run.tokens.get('completion', 0):,}", f"{run.tokens.get('prompt', 0):,} read"),
    ]
    if isinstance(usd := run.cost.get("usd"), int | float):
        tiles.append(("cost", f"{usd:.4g} USD", f"by {run.cost['basis']}"))
    return "".join(
        f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd class="quiet">{escape(more)}</dd></div>'
        for name, value, more in tiles
    )


def _plots(read: Read) -> str:
    run = read.run
    legend = "".join(f'<li class="{name}"><span></span>{name} {run.counts.get(name, 0)}</li>' for name in OUTCOMES)
    missing = run.counts.get("missing", 0)
    legend += f'<li class="empty"><span></span>not asked {missing}</li>' if missing else ""
    slices = [own for own in run.metrics if own.ci is not None][:_MOST_SLICES]
    seconds = [own.latency_s for own in read.attempts if own.latency_s is not None and own.outcome != "error"]
    cards = [
        ("How attempts ended", f'{outcomes_bar(run.counts)}<ul class="legend">{legend}</ul>'),
        ("Shares and their 95 % intervals", intervals(slices)),
        ("Faults by kind", bars([*run.error_types.items()][:_MOST_FAULTS])),
        ("Time of an answer", histogram(seconds, "s")),
    ]
    return "".join(f'<section class="card"><h2>{name}</h2>{plot}</section>' for name, plot in cards if plot)


def _metrics(metrics: Sequence[Metric]) -> str:
    rows: list[str] = []
    for own in metrics:
        of = f"{own.k:g} of {own.n}" if own.k is not None else f"mean of {own.n}"
        value = _percent(own) if own.k is not None else f"{own.value:.4g}"
        cells = (own.name, own.slice, of, value, _interval(own))
        rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    return "".join(rows)


def _facts(run: Run) -> str:
    facts = {
        "run": run.run_id,
        "fingerprint": run.fingerprint,
        "data": f"{run.dataset.sha256} ({run.dataset.licence or 'no licence told'})",
        "scorer": f"{run.scorer.name} {run.scorer.version}",
        **{
            name: "not set" if value in {None, ""} else str(value)
            for name, value in run.depends_on.items()
            if name != "data"
        },
        "passed over by the provider": ", ".join(map(str, _list(run.generation.get("ignored")))) or "nothing",
    }
    if run.pairs:
        facts["languages paired"] = json.dumps(run.pairs, ensure_ascii=False)
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _data(read: Read) -> str:
    """The samples for the page's script. Nothing in it can end the element it stands in."""
    order = {name: number for number, name in enumerate(read.run.planned_ids)}
    rows = [
        _row(own, read.questions.get(own.sample_id))
        for own in sorted(read.attempts, key=lambda own: (order[own.sample_id], own.epoch))
    ]
    text = json.dumps(
        {"epochs": read.run.asking.epochs, "disputed": dict(read.run.disputed), "rows": rows}, ensure_ascii=False
    )
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _row(own: Attempt, question: Question | None) -> dict[str, object]:
    score = own.score
    return {
        "id": own.sample_id,
        "epoch": own.epoch,
        "outcome": own.outcome,
        "fault": "" if own.outcome == "right" else fault(own),
        "seconds": own.latency_s,
        "tokens": own.usage.completion_tokens if own.usage else None,
        "slices": groups_of(question, several=True) if question else [],
        "question": question.messages if question else [],
        "tools": list(question.tools) if question else [],
        "reference": question.reference if question else None,
        "text": own.text,
        "reasoning": own.reasoning,
        "calls": [f"{call.name}({call.arguments})" for call in own.tool_calls],
        "end": own.finish_reason,
        "error": f"{own.error.type}: {own.error.message}" if own.error else "",
        "gates": dict(score.gates) if score else {},
        "verdicts": dict(score.verdicts) if score else {},
        "numbers": dict(score.numbers) if score else {},
        "note": score.note if score else "",
    }


def _percent(metric: Metric | None) -> str:
    return "-" if metric is None or metric.value is None else f"{metric.value:.1%}"


def _interval(metric: Metric | None) -> str:
    return f"{metric.ci.lo:.1%} to {metric.ci.hi:.1%}" if metric is not None and metric.ci is not None else ""


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"
