"""DEPLOYMENT_SUMMARY.md: what is deployed on what, what it offers and costs, and what was measured.

From the specs, the dated table of prices and the result files alone: no figure is typed by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from unified_intelligence.figures.markdown import table
from unified_intelligence.spaces.cost import cost_of
from unified_intelligence.spaces.result_figures import about_space, sections
from unified_intelligence.spaces.spec import GradioContract, SpaceSpec
from unified_intelligence.spaces.spec_file import FILE_NAME as SPEC_NAME
from unified_intelligence.spaces.spec_file import FOLDER, read_spec

FILE_NAME = "DEPLOYMENT_SUMMARY.md"
_HEAD = """\
# Deployment summary

Written by `uic space summary --write` from the specs in `hf_spaces/`, the table of prices in the package and the result
files in this repository. It says what a deployment consists of; whether one is up, and unchanged, `uic space status
NAME` tells.
"""


def summary(root: Path) -> str:
    """The whole document. Raises ConfigurationError."""
    specs = [read_spec(path).spec for path in sorted((root / FOLDER).glob(f"*/{SPEC_NAME}"))]
    return "\n".join([_HEAD, *_spaces(root, specs), *sections(root)])


def _spaces(root: Path, specs: Sequence[SpaceSpec]) -> Iterator[str]:
    if not specs:
        return
    rows = [
        [f"`{spec.name}`", spec.sdk, f"`{spec.hardware}`", _price(spec), _sleep(spec), spec.visibility, _rollout(spec)]
        for spec in specs
    ]
    heads = ["Space", "kind", "hardware", "dollars an hour", "sleeps", "visible to", "rollout"]
    yield f"## Spaces\n\n{table(heads, rows)}\n"
    for spec in specs:
        yield f"### {spec.name}\n\n{table(('what', 'value'), _facts(root, spec))}\n"


def _facts(root: Path, spec: SpaceSpec) -> Iterator[list[str]]:
    yield ["built and started within", f"{spec.startup_timeout} s"]
    yield ["offers", _offers(spec)]
    for name, value in sorted(spec.variables.items()):
        yield [f"variable `{name}`", f"`{value}`"]
    for name in sorted(spec.secrets):
        yield [f"secret `{name}`", "set from where the spec says, never shown"]
    for volume in spec.volumes:
        yield [f"volume `{volume.mount_path}`", f"{volume.kind} `{volume.source}`"]
    for smoke in spec.smoke:
        wanted = smoke.expect.model_dump(exclude_none=True)
        yield [f"must answer: {smoke.prompt}", ", ".join(f"{key} {value}" for key, value in wanted.items())]
    cost = cost_of(spec)
    running = "not known" if cost.per_month is None else f"{cost.per_month:.2f} dollars a month if it never sleeps"
    yield ["cost", f"{running}; {cost.source}"]
    for note in cost.notes:
        yield ["limit", note]
    measured = about_space(root, spec.name)
    told = f"see {', '.join(f'`{name}`' for name in measured)}"
    yield ["measured on this hardware", told if measured else "nothing: no result file says that it was"]


def _offers(spec: SpaceSpec) -> str:
    contract = spec.contract
    if contract is None:
        return "nothing that is checked"
    if isinstance(contract, GradioContract):
        return ", ".join(f"`{name}({', '.join(wants)})`" for name, wants in contract.endpoints.items())
    models = ", ".join(f"`{model}`" for model in contract.models)
    return f"{', '.join(f'`{path}`' for path in contract.endpoints)}, with the model {models}"


def _price(spec: SpaceSpec) -> str:
    price = cost_of(spec).per_hour
    return "not known" if price is None else f"{price:.2f}"


def _sleep(spec: SpaceSpec) -> str:
    if spec.sleep_time is None:
        return "as the Hub decides"
    return "never" if spec.sleep_time < 0 else f"after {spec.sleep_time} s"


def _rollout(spec: SpaceSpec) -> str:
    back = "rolled back by itself" if spec.rollout.auto_rollback else "rolled back by hand"
    return f"{spec.rollout.strategy.replace('_', ' ')}, {back}"
