from typing import Annotated, Literal

import pytest

from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError
from unified_intelligence.factories.options import Option, bind, options_of


class Adapter:
    def __init__(
        self,
        *,
        model: Annotated[str, "a folder or a Hub id"],
        timeout: Annotated[float, "seconds"] = 60.0,
        threads: int | None = None,
        dtype: Annotated[Literal["auto", "float32"], "number type"] = "auto",
        mode: Literal["a", "b"] | None = None,
        offline: bool = False,
    ) -> None: ...


def bound(**given: object) -> dict[str, object]:
    return bind("fake", options_of(Adapter), {"model": "m", **given})


def test_options_are_read_from_the_signature_in_its_order() -> None:
    model, timeout, threads, dtype, mode, offline = options_of(Adapter)
    assert model.required
    assert (model.kind, model.description) == (str, "a folder or a Hub id")
    assert timeout == Option("timeout", float, 60.0, "seconds")
    assert threads == Option("threads", int, None, optional=True)
    assert dtype == Option("dtype", str, "auto", "number type", ("auto", "float32"))
    assert mode == Option("mode", str, None, choices=("a", "b"), optional=True)
    assert offline == Option("offline", bool, False)


@pytest.mark.parametrize(("given", "value"), [
    ({"timeout": "2.5"}, 2.5), ({"timeout": 2}, 2.0), ({"threads": "3"}, 3), ({"threads": None}, None),
    ({"dtype": "float32"}, "float32"), ({"mode": None}, None), ({"mode": "b"}, "b"), ({"offline": "Yes"}, True),
    ({"offline": "off"}, False), ({"offline": True}, True), ({"model": "é è 🙂"}, "é è 🙂"),
])  # fmt: skip
def test_values_are_read_into_their_types(given: dict[str, object], value: object) -> None:
    (name,) = given
    read = bound(**given)[name]
    assert read == value
    assert type(read) is type(value)


class Named:
    def __init__(self, *, adapters: Annotated[dict[str, str] | None, "by name"] = None) -> None: ...


@pytest.mark.parametrize(("given", "value"), [
    ("fr=./fr", {"fr": "./fr"}), ("fr = ./le  dossier , sql=owner/name,", {"fr": "./le  dossier", "sql": "owner/name"}),
    ({"fr": "./a,b"}, {"fr": "./a,b"}), ("a=b=c", {"a": "b=c"}), ("", {}), (None, None),
])  # fmt: skip
def test_texts_by_name_are_an_object_or_have_commas_between(given: object, value: object) -> None:
    assert bind("fake", options_of(Named), {"adapters": given}) == {"adapters": value}
    assert options_of(Named)[0] == Option("adapters", dict, None, "by name", optional=True)


@pytest.mark.parametrize("given", ["fr", "=./fr", "fr=", "fr=a,fr=b", {"fr": 1}, {"": "a"}, ["fr=a"], 3])
def test_what_is_no_list_of_names_is_refused(given: object) -> None:
    with pytest.raises(ConfigurationError, match="adapters of fake is a list of NAME=VALUE"):
        bind("fake", options_of(Named), {"adapters": given})


def test_what_is_not_given_is_left_to_the_class() -> None:
    assert bound() == {"model": "m"}


@pytest.mark.parametrize("given", [
    {"timeout": "soon"}, {"timeout": True}, {"timeout": None}, {"timeout": "nan"}, {"timeout": "inf"},
    {"threads": "1.5"}, {"threads": 1.5}, {"threads": True},
    {"offline": "perhaps"}, {"offline": 1}, {"model": 3}, {"model": None}, {"timeout": [1]}, {"offline": None},
])  # fmt: skip
def test_a_value_of_another_type_is_refused_by_name(given: dict[str, object]) -> None:
    (name,) = given
    with pytest.raises(ConfigurationError, match=f"option {name} of fake"):
        bound(**given)


@pytest.mark.parametrize("value", ["float23", 3, None, []])
def test_a_choice_is_one_of_its_choices(value: object) -> None:
    with pytest.raises(UnknownNameError) as refused:
        bound(dtype=value)
    assert refused.value.nearest == (("float32",) if value == "float23" else ())


def test_an_unknown_option_names_the_nearest_and_where_to_look() -> None:
    with pytest.raises(UnknownNameError, match=r"'tiemout'.*Did you mean timeout") as refused:
        bound(tiemout=3)
    assert refused.value.nearest == ("timeout",)
    assert refused.value.hint == "See them: uic providers fake"


def test_a_required_option_that_is_missing_says_how_to_give_it() -> None:
    with pytest.raises(ConfigurationError, match="fake needs model") as refused:
        bind("fake", options_of(Adapter), {"timeout": 1})
    assert refused.value.hint == "Give --model ...: a folder or a Hub id."


def test_a_class_without_a_constructor_has_no_options() -> None:
    class Bare: ...

    assert options_of(Bare) == ()
    with pytest.raises(UnknownNameError, match="Known: none"):
        bind("bare", options_of(Bare), {"a": 1})
