"""The evaluation that a spec wants of a new version: `rollout.suite` is a suite, or a gate as `uic eval` has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unified_intelligence.cli.output import Output
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, VerificationError

if TYPE_CHECKING:
    from unified_intelligence.evaluation.gate import Gate
    from unified_intelligence.evaluation.record import Run
    from unified_intelligence.evaluation.suite import Choice, Suite
    from unified_intelligence.interfaces.text_generator import ITextGenerator
    from unified_intelligence.spaces.deployer import Evaluate
    from unified_intelligence.spaces.spec import SpaceSpec
    from unified_intelligence.spaces.verify import Verification


def evaluation_of(spec: SpaceSpec, output: Output) -> Evaluate | None:
    """What runs the suite of the spec; None where it names none.

    Raises ConfigurationError for a gate that cannot be read and for a suite that is not there, before anything is done.
    """
    if spec.rollout.suite is None:
        return None
    from unified_intelligence.cli.evaluation.places import cache_of
    from unified_intelligence.evaluation.suite import Choice
    from unified_intelligence.evaluation.suites import build

    gate = _gate(spec.rollout.suite)
    choice = Choice(name=gate.suite if gate else spec.rollout.suite, cache=cache_of(output))
    suite = build(choice)

    async def evaluate(written: str, generator: ITextGenerator, found: Verification) -> str:
        run, folder = await _run(output, choice, suite, generator, found)
        return _judged(written, gate, run, folder)

    return evaluate


def _gate(written: str) -> Gate | None:
    """None for a suite's name alone. Raises ConfigurationError."""
    from unified_intelligence.evaluation.gate import read_gate

    if not any(sign in written for sign in "<>"):
        return None
    try:
        gate = read_gate(written)
    except InvalidRequestError as error:
        raise ConfigurationError(f"rollout.suite: {error.message}", hint=error.hint) from error
    if not gate.suite:
        raise ConfigurationError(
            f"rollout.suite: {written!r} does not say which suite.", hint=f"finance/smoke.{written}"
        )
    return gate


async def _run(
    output: Output, choice: Choice, suite: Suite, generator: ITextGenerator, found: Verification
) -> tuple[Run, Path]:
    """A run of its own for each content: one that was cut off goes on."""
    from unified_intelligence import __version__
    from unified_intelligence.cli.evaluation.places import runs_of, slug
    from unified_intelligence.evaluation.askers import at_once
    from unified_intelligence.evaluation.runner import Rules
    from unified_intelligence.evaluation.session import Plan, evaluate

    name = slug(f"{choice.name}-{found.space}-{found.digest[:12]}")
    plan = Plan(
        name=name,
        folder=runs_of(output, None) / name,
        choice=choice,
        suite=suite,
        provider=found.space,
        options={"content": found.digest},
        version=__version__,
        rules=Rules(concurrency=at_once(generator)),
    )
    return (await evaluate(plan, generator)).run, plan.folder


def _judged(written: str, gate: Gate | None, run: Run, folder: Path) -> str:
    from unified_intelligence.evaluation.gate import hold, refusal

    hint = f"What was answered: uic eval show {folder.name}"
    if refused := refusal(run):
        raise VerificationError("evaluation", f"{refused} {run.stopped}".strip(), hint=hint)
    accuracy = run.metric("accuracy")
    said = f"accuracy {accuracy.value:.3f}" if accuracy is not None and accuracy.value is not None else "no accuracy"
    if gate is None:
        return f"{said} of {run.counts['planned']} questions"
    held = hold(gate, run)
    reached = "no such figure" if held.found is None else f"{held.found:.3f}"
    if not held.passed:
        raise VerificationError("evaluation", f"{written} is not reached: {reached}, {said}.", hint=hint)
    return f"{reached}, {said}"
