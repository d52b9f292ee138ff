"""What the evaluation page shows of a run, as HTML: how far it is, and a row a sample. All that was said is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from unified_intelligence.gradio_space.eval_record import OUTCOMES, Record

MOST_ROWS = 200
_LONGEST = 120  # letters of an answer that is not opened

CSS = """
#state, #samples { overflow: visible; }
#state p { margin: 0.4rem 0 0; }
#state .failure { color: var(--error-text-color, #b91c1c); font-weight: 600; }
#state progress { width: 100%; height: 0.6rem; accent-color: var(--color-accent); }
#state ul { display: flex; flex-wrap: wrap; gap: 0.4rem 0.8rem; list-style: none; margin: 0.4rem 0 0; padding: 0; }
#samples table { width: 100%; border-collapse: collapse; table-layout: fixed; border: 0 !important; }
#samples th, #samples td { padding: 0.45rem 0.5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere;
  border: solid var(--border-color-primary) !important; border-width: 0 0 1px !important; }
#samples thead, #samples tbody, #samples tr { border: 0 !important; }
#samples th:nth-child(1), #samples td:nth-child(1) { width: 7rem; }
#samples th:nth-child(2), #samples td:nth-child(2) { width: 20%; }
#samples th:nth-child(n+4), #samples td:nth-child(n+4) { width: 4.5rem; text-align: right; }
#samples summary { cursor: pointer; }
#samples pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.4rem 0 0; font: inherit; }
#samples h4 { margin: 0.6rem 0 0; font-size: 0.8rem; opacity: 0.75; }
.outcome { display: inline-block; padding: 0.05rem 0.5rem; border-radius: 1rem; font-size: 0.8rem; font-weight: 600;
  white-space: nowrap; color: #fff; background: #4b5563; }
.outcome.answered { background: #1d6f42; }
.outcome.truncated { background: #92510a; }
.outcome.malformed { background: #7c3aa8; }
.outcome.error { background: #b42318; }
@media (max-width: 40rem) {
  #samples th:nth-child(n+4), #samples td:nth-child(n+4) { display: none; }
  #samples th, #samples td { padding: 0.45rem 0.25rem; }
  #samples th:nth-child(1), #samples td:nth-child(1) { width: 5.6rem; }
  #samples th:nth-child(2), #samples td:nth-child(2) { width: 4.7rem; }
  .outcome { font-size: 0.75rem; padding: 0.05rem 0.4rem; }
}
"""


def state(counts: Mapping[str, int], words: str, failure: str = "") -> str:
    """A bar, how many have which outcome, and a sentence."""
    planned = counts.get("planned", 0)
    done = sum(counts.get(outcome, 0) for outcome in OUTCOMES)
    bar = f'<progress aria-label="Samples done" max="{planned}" value="{done}"></progress>' if planned else ""
    chips = "".join(f"<li>{_badge(one)} {counts[one]}</li>" for one in OUTCOMES if counts.get(one))
    told = f'<p role="status">{escape(words)}</p>' if words else ""
    wrong = f'<p class="failure" role="alert">{escape(failure)}</p>' if failure else ""
    return f"{bar}<ul>{chips}</ul>{told}{wrong}"


def table(records: Sequence[Record], questions: Mapping[tuple[str, int], str]) -> str:
    if not records:
        return ""
    rows = "".join(
        _row(record, questions.get((record["sample_id"], record["epoch"]), "")) for record in records[-MOST_ROWS:]
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Outcome", "Sample", "Answer", "Tokens", "Time"))
    more = f"<p>The last {MOST_ROWS} of {len(records)}; the file has all.</p>" if len(records) > MOST_ROWS else ""
    return f'{more}<table aria-label="Samples"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _row(record: Record, question: str) -> str:
    error: Mapping[str, Any] | None = record["error"]
    usage: Mapping[str, Any] = record["usage"] or {}
    shown = (
        _first_line(record["text"]) or _first_line(_calls(record)) or (_first_line(error["message"]) if error else "")
    )
    seconds = record["latency_s"]
    cells = (
        _badge(record["outcome"]),
        escape(str(record["sample_id"])),
        f"<details><summary>{escape(shown) or '<i>nothing</i>'}</summary>{_whole(record, question)}</details>",
        str(usage.get("completion_tokens", "")),
        "" if seconds is None else f"{seconds:.1f}&nbsp;s",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _whole(record: Record, question: str) -> str:
    error = record["error"]
    parts = {
        "Question": question,
        "Reasoning": record["reasoning"],
        "Answer": record["text"],
        "Calls": _calls(record),
        "Error": f"{error['type']}: {error['message']} {error['hint']}".strip() if error else "",
    }
    return "".join(f"<h4>{name}</h4><pre>{escape(text)}</pre>" for name, text in parts.items() if text)


def _calls(record: Mapping[str, Any]) -> str:
    made = (call["function"] for call in record["tool_calls"])
    return "\n".join(f"{function['name']}({_readable(function['arguments'])})" for function in made)


def _readable(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def _first_line(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _badge(outcome: str) -> str:
    return f'<span class="outcome {outcome}">{outcome}</span>'
