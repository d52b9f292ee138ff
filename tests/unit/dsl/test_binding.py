"""Inputs are bound before anything runs, or refused in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.dsl.flows import ran
from unified_intelligence.dsl.binding import Failure, bind, check_given, fits, is_plain
from unified_intelligence.dsl.flow import flow_of
from unified_intelligence.dsl.task import task
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError


@dataclass(frozen=True)
class Bread:
    name: str
    grams: int


@dataclass(frozen=True)
class Rye(Bread):
    share: float = 0.5


class Oven:
    """A service."""


@task
def bake(name: str, oven: Oven, grams: int = 500) -> Rye:
    """Bakes one.

    It takes a while.
    """
    return Rye(name, grams)


@task
def slice_it(loaf: Bread, pieces: int) -> list[str]:
    return [f"{loaf.name} {piece}" for piece in range(pieces)]


@task
def count(slice_it: list[str]) -> int:
    return len(slice_it)


def test_outputs_services_parameters_and_fixed_values_find_their_inputs(tmp_path: Path) -> None:
    flow = bake.given(name="pain complet, doré 🥖") >> slice_it >> count
    done = ran(flow, tmp_path, services={Oven: Oven}, pieces=3)
    assert done.outcome.outputs["count"] == 3
    assert done.outcome.outputs["slice_it"][2] == "pain complet, doré 🥖 2"
    bound = bind(flow, {Oven: Oven})
    assert {name: source.kind for name, source in bound.sources["bake"].items()} == {
        "name": "fixed", "oven": "service", "grams": "parameter",
    }  # fmt: skip
    assert bound.sources["slice_it"]["loaf"] == ("output", "bake")
    assert set(bound.parameters) == {"grams", "pieces"}


def test_what_nobody_gives_is_named_with_the_flag_that_gives_it() -> None:
    bound = bind(slice_it.given(loaf=Bread("x", 1)) >> count, {})
    with pytest.raises(ConfigurationError, match="Nobody gives pieces") as refused:
        check_given(bound, {})
    assert "--set pieces=int" in refused.value.hint
    with pytest.raises(UnknownNameError, match="Did you mean pieces"):
        check_given(bound, {"piece": 3})


def test_a_service_that_is_missing_is_a_parameter_nobody_gives() -> None:
    bound = bind(flow_of(bake), {})
    with pytest.raises(ConfigurationError, match="Nobody gives name or oven"):
        check_given(bound, {})


def test_two_outputs_of_one_type_are_told_apart_by_name_only() -> None:
    white, dark = bake.named("white"), bake.named("dark")
    with pytest.raises(ConfigurationError, match="dark and white each give one"):
        bind((white & dark) >> slice_it, {})

    @task
    def choose(dark: Bread) -> str:
        return dark.name

    assert bind((white & dark) >> choose, {}).sources["choose"]["dark"] == ("output", "dark")


def test_of_two_outputs_in_a_row_the_nearest_is_meant() -> None:
    @task
    def toast(loaf: Bread) -> Bread:
        return loaf

    bound = bind(bake >> toast >> slice_it, {})
    assert bound.sources["slice_it"]["loaf"] == ("output", "toast")


def test_a_namesake_of_another_type_is_refused() -> None:
    @task
    def weigh(bake: str) -> int:
        return len(bake)

    with pytest.raises(ConfigurationError, match="wants bake as str, but the task bake gives Rye"):
        bind(bake >> weigh, {})


def test_what_is_not_upstream_is_not_bound() -> None:
    assert bind(bake & slice_it, {}).sources["slice_it"]["loaf"].kind == "parameter"


def test_one_parameter_cannot_be_of_two_types() -> None:
    @task
    def other(pieces: str) -> None: ...

    with pytest.raises(ConfigurationError, match="wants pieces as str, another task as int"):
        bind(slice_it & other, {})


def test_a_rescue_is_bound_to_what_came_before_and_to_the_failure(tmp_path: Path) -> None:
    told: list[object] = []

    @task
    def burn(loaf: Bread) -> Bread:
        raise ValueError("brûlé\u2028noir")

    @task
    def mend(loaf: Bread, failure: Failure) -> None:
        told.extend([loaf, failure])

    failed = ran(bake >> burn.on_failure(mend), tmp_path, services={Oven: Oven}, name="seigle")
    assert told == [Rye("seigle", 500), Failure("burn", "internal", "ValueError: brûlé\u2028noir")]
    assert failed.record.tasks["mend"].state == "done"
    with pytest.raises(ConfigurationError, match="wants a Failure"):
        bind(bake >> mend, {Oven: Oven})


def test_a_function_that_does_not_say_its_types_is_refused() -> None:
    @task  # pyright: ignore[reportUnknownArgumentType]
    def silent(thing) -> None: ...  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType, reportUnknownVariableType]

    with pytest.raises(ConfigurationError, match="thing has no type"):
        bind(flow_of(silent), {})
    with pytest.raises(UnknownNameError, match="no input 'gram'"):
        bake.given(gram=1)


@pytest.mark.parametrize(
    ("given", "wanted", "fitting"),
    [
        (Rye, Bread, True),
        (Bread, Rye, False),
        (Rye, Bread | None, True),
        (Bread | None, Bread, False),
        (list[str], list[str], True),
        (list[str], list[int], False),
        (bool, int, True),
    ],
)
def test_which_type_fits_which(given: object, wanted: object, fitting: bool) -> None:
    assert fits(given, wanted) is fitting


@pytest.mark.parametrize(("kind", "plain"), [(str, True), (str | None, True), (list[Bread], True), (Bread, False)])
def test_which_types_say_nothing(kind: object, plain: bool) -> None:
    assert is_plain(kind) is plain


def test_a_task_is_its_function_too() -> None:
    assert bake("brioche", Oven()) == Rye("brioche", 500)
    assert bake.summary == "Bakes one."
