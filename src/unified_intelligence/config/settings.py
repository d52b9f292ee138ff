"""The table of settings: what can be set, of which type, by which names, and what it is when nobody sets it.

The flags' help, config.json, its documentation, `uic config show` and the validation all read this table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple, cast

from unified_intelligence.entities.errors import UnknownNameError

Value = str | int | float | bool | list[str] | None


class Setting(NamedTuple):
    """A row. `kind` is bool, int, float, str or list (of texts); `none` says in words what an unset value means."""

    name: str
    kind: type
    default: Value
    description: str
    none: str = ""
    choices: tuple[str, ...] = ()
    minimum: float = -inf
    maximum: float = inf

    @property
    def environment(self) -> str:
        return f"UIC_{self.name.upper()}"

    @property
    def type_name(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        least = f" from {self.minimum:g}" if self.minimum > -inf else ""
        most = f" to {self.maximum:g}" if self.maximum < inf else ""
        return TYPE_NAMES[self.kind] + least + most


TYPE_NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list of texts",
}


class Shortcut(NamedTuple):
    """A flag for an option that several providers have: `--base-url URL` is `-o base_url URL`."""

    option: str
    metavar: str
    description: str

    @property
    def flag(self) -> str:
        return f"--{self.option.replace('_', '-')}"


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("base_url", "URL", "where the server is, for a provider that calls one"),
    Shortcut("key", "REFERENCE", "where its key is: env:NAME, file:PATH or keyring:SERVICE/USER"),
    Shortcut("timeout", "SECONDS", "the most it may take"),
    Shortcut("retries", "N", "how often to try again while nothing has come"),
    Shortcut("wait", "SECONDS", "the most to wait for a server that sleeps or starts"),
)

_PROVIDERS_OWN = "the provider's own"
_THINK = ("show", "hide", "only")
_FORMATS = ("auto", "text", "markdown", "json", "jsonl")

SETTINGS: tuple[Setting, ...] = (
    Setting("provider", str, "embedded", "who answers"),
    Setting("model", str, None, "the model, for a provider with a choice of models", none=_PROVIDERS_OWN),
    Setting("system", str, None, "the system message: how to answer", none="no system message"),
    Setting("max_tokens", int, None, "longest answer in tokens, reasoning included", none=_PROVIDERS_OWN, minimum=1),
    Setting("temperature", float, None, "0 is greedy, higher is more varied", none=_PROVIDERS_OWN, minimum=0),
    Setting(
        "top_p", float, None, "sample from the likeliest, up to this probability", none=_PROVIDERS_OWN,
        minimum=0, maximum=1,
    ),
    Setting("seed", int, None, "makes sampling repeatable", none="another one each time"),
    Setting("thinking", bool, None, "ask a model that can reason aloud to do so, or not to", none=_PROVIDERS_OWN),
    Setting("think", str, "show", "reasoning: on stderr, left out, or in place of the answer", choices=_THINK),
    Setting("tools", list, [], "groups of tools the model may call, such as finance"),
    Setting("stream", bool, True, "print the answer as it is made"),
    Setting("format", str, "auto", "auto is markdown on a terminal, text in a pipe", choices=_FORMATS),
    Setting("strict", bool, False, "exit with 8 when the answer is cut at its limit"),
)  # fmt: skip

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}

PROVIDERS_KEY = "providers"
TYPE_KEY = "type"
PROVIDERS_DESCRIPTION = "options of each provider, by its name; rows of your own, with their `type`"
OTHER_ENVIRONMENT: Mapping[str, str] = {
    "UIC_CONFIG": "a configuration file, as `--config` names one",
    "UIC_DEBUG": "1 shows the traceback of an unexpected error",
    "UIC_DEPLOY_KEY": "`uic space`: a word that fingerprints of secrets on the Hub are keyed with",
    "HF_TOKEN": "`uic space`, and providers that are Spaces: a token of the Hub",
    "HF_ENDPOINT": "`uic space`: another address of the Hub, such as that of `uic space simulate`",
    "HF_OIDC_RESOURCE": "`uic space`: spaces/OWNER/NAME, for a job that is a trusted publisher of it",
    "NO_COLOR": "any value: no colours",
    "FORCE_COLOR": "any value but 0: colours also in a pipe",
    "TERM": "dumb: no colours and no rendering",
    "COLUMNS": "the width to render markdown in when stdout is no terminal",
    "XDG_CONFIG_HOME": "where the user's configuration is, otherwise ~/.config",
}


def known(name: str) -> Setting:
    """The row of a key. Raises UnknownNameError with the nearest names."""
    if name not in BY_NAME:
        raise UnknownNameError("setting", name, [*BY_NAME, PROVIDERS_KEY], hint="Mend the file at that place.")
    return BY_NAME[name]


def read_text(setting: Setting, text: str) -> Value:
    """A value from a flag or the environment. Raises ValueError: what it should have been."""
    if setting.kind is list:
        return [word for word in text.replace(",", " ").split() if word]
    if setting.kind is bool:
        return check(setting, _WORDS.get(text.strip().lower(), text))
    if setting.kind in {int, float}:
        try:
            return check(setting, setting.kind(text))
        except (ValueError, OverflowError):
            raise _wrong(setting, text) from None
    return check(setting, text)


def check(setting: Setting, value: object) -> Value:
    """A value as a JSON file has it, if it is of the setting's type. Raises ValueError: what it should have been."""
    if setting.kind is float and type(value) is int:
        value = float(value)
    if type(value) is not setting.kind:
        raise _wrong(setting, value)
    if setting.choices and value not in setting.choices:
        raise _wrong(setting, value)
    if isinstance(value, list) and not all(isinstance(item, str) for item in cast("Sequence[object]", value)):
        raise _wrong(setting, cast("object", value))
    if isinstance(value, int | float) and not (setting.minimum <= value <= setting.maximum and abs(value) < inf):
        raise _wrong(setting, value)
    return cast("Value", value)


_WORDS: Mapping[str, bool] = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


def _wrong(setting: Setting, value: object) -> ValueError:
    import json

    shown = json.dumps(value, ensure_ascii=False)
    return ValueError(f"{setting.type_name}, not {shown if len(shown) < 60 else shown[:56] + '...'}")
