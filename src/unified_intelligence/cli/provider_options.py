"""The provider that the settings and the flags of a command name, and what was typed for it."""

from __future__ import annotations

from collections.abc import Mapping

from unified_intelligence.cli.flags import Given
from unified_intelligence.cli.output import Output
from unified_intelligence.config.resolve import Resolved, Settings
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError
from unified_intelligence.factories.configured import (
    FLAGS,
    Chosen,
    factory_of,
    origins_of_names,
    origins_of_options,
    values_of,
    without_keys,
)
from unified_intelligence.factories.options import Option


def choose(settings: Settings, given: Given, output: Output) -> Chosen:
    """The provider of the settings.

    Raises ConfigurationError with who gave the value that is wrong, InvalidRequestError for one that is given twice.
    """
    name = settings.get("provider", str)
    with origins_of_names(settings):
        factory = factory_of(settings, output.environment)
        known = {option.name: option for option in factory.options(name)}
    options = _options(settings, name, known, given, output)
    values = values_of(settings, name, options, known, output.environment)
    shown = without_keys(options)
    with origins_of_options(shown):
        return Chosen(name, factory.build(name, values), shown)


def _options(
    settings: Settings, name: str, known: Mapping[str, Option], given: Given, output: Output
) -> dict[str, Resolved]:
    """The options from files, environment and flags. A general `model` counts where there is one to choose."""
    options = settings.provider_options(name)
    model = settings.values["model"]
    shortcuts, pairs = given.shortcuts, dict(given.pairs)
    typed = {**shortcuts, **({"model": ""} if model.layer == "flag" else {})}
    for option in typed:
        flag = FLAGS.get(option, f"--{option}")
        if option in pairs:
            raise InvalidRequestError(
                f"The {option} was given twice: with {flag} and with -o {option}.", hint="Leave one out."
            )
        if option not in known:
            what = f"choice of models, so --model {model.value}" if option == "model" else f"option {option}, so {flag}"
            raise ConfigurationError(
                f"The provider {name} has no {what} cannot be used.",
                hint=f"Leave {flag} out, or choose another provider: uic providers",
                provider=name,
            )
    if options.get("model") == model and model.value is not None and "model" not in known:
        output.warn(f"The model {model.value} ({model.origin}) is not used: {name} has no choice of models.")
        del options["model"]
    options.update({option: Resolved(value, f"flag {FLAGS[option]}", "flag") for option, value in shortcuts.items()})
    options.update({option: Resolved(value, f"flag -o {option}", "flag") for option, value in pairs.items()})
    return options
