"""What a Space is to be: the model of `space.yaml`. Reading the file, and saying what is wrong in it, is `spec_file`'s.

A secret is named by where it is, env:NAME or file:PATH; its value has no place here.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.space import (
    FREE_HARDWARE,
    NEVER_SLEEPS,
    SpaceVolume,
    Visibility,
    VolumeKind,
    is_zero_gpu,
)

VERSION = 1
_CANDIDATE_SLEEP = 300
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)\s*([smhd]?)", re.ASCII)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)", re.ASCII)


def _seconds(value: object) -> object:
    if isinstance(value, str) and (read := _DURATION.fullmatch(value.strip())):
        return int(read[1]) * _UNITS[read[2] or "s"]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("is a time such as 90, 90s, 30m or 1h")
    return value


def _sleep(value: object) -> object:
    return NEVER_SLEEPS if value in {"never", NEVER_SLEEPS} else _seconds(value)


def _text(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError(f"is a text: write it in quotes, '{str(value).lower()}'")
    return str(value) if isinstance(value, int) else value


def _name(value: str) -> str:
    if not _ENVIRONMENT_NAME.fullmatch(value):
        raise ValueError("is the name of an environment variable: letters, digits and _")
    return value


def _reference(value: object) -> object:
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise ValueError("says where the secret is, env:NAME or file:PATH; the secret itself may not stand here")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return value


def _settings(value: dict[str, Any]) -> dict[str, Any]:
    known = {own.name for own in fields(GenerationConfig)}
    unknown = sorted(value.keys() - known)
    if unknown:
        raise ValueError(f"has no {unknown[0]!r}; it knows {', '.join(sorted(known))}")
    return value


def _relative(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not value:
        raise ValueError("is a path inside the Space")
    return value


_TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "number"]}
_DURATION_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\d+\s*[smhd]?$"}]
}
_SLEEP_SCHEMA: dict[str, Any] = {"anyOf": [{"const": "never"}, *_DURATION_SCHEMA["anyOf"]]}
Duration = Annotated[int, BeforeValidator(_seconds), Field(ge=1), WithJsonSchema(_DURATION_SCHEMA)]
Sleep = Annotated[int, BeforeValidator(_sleep), WithJsonSchema(_SLEEP_SCHEMA)]
Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(_TEXT_SCHEMA)]
Name = Annotated[str, AfterValidator(_name)]
Reference = Annotated[str, BeforeValidator(_reference), Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
Pattern = Annotated[str, AfterValidator(_pattern)]
Relative = Annotated[str, AfterValidator(_relative)]


class Part(BaseModel):
    """An unknown key is refused; what is read is not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Part):
    """Which files of the spec's folder are the Space's. Patterns are those of gitignore: `*.py`, `data/`, `**/x`."""

    include: tuple[str, ...] = Field(default=("**",), description="patterns of files that belong to the Space")
    exclude: tuple[str, ...] = Field(default=(), description="patterns of files that do not, though they are included")
    package: str | None = Field(
        default=None,
        description="a folder with a pyproject.toml, relative to the spec: built as a wheel that lies beside",
    )


class Template(Part):
    """`{{ NAME }}` in the files that are named here is replaced. SPACE, OWNER and HOST need not be given."""

    files: tuple[Relative, ...] = Field(default=(), description="files in which names are replaced")
    values: dict[Name, Text] = Field(default_factory=dict, description="what they are replaced with")


class Volume(Part):
    """Something of the Hub that the Space sees as a folder."""

    kind: VolumeKind = Field(default="model", description="what it is of the Hub")
    source: str = Field(description="OWNER/NAME of it")
    mount_path: str = Field(pattern="^/", description="where the Space sees it")
    revision: str | None = Field(default=None, description="a commit, a branch or a tag; the newest otherwise")
    read_only: bool | None = Field(default=None, description="repositories always are")
    path: str | None = Field(default=None, description="a folder in it; all of it otherwise")

    def as_entity(self) -> SpaceVolume:
        return SpaceVolume(self.kind, self.source, self.mount_path, self.revision, self.read_only, self.path)


class GradioContract(Part):
    """What a Gradio Space offers: endpoints by name, each with the parameters that it must have."""

    kind: Literal["gradio"]
    endpoints: dict[str, tuple[str, ...]] = Field(description="the names of endpoints, and of their parameters")
    version: str = Field(default="version", description="the endpoint that tells which files run")
    provider: str = Field(default="qwen3_zerogpu", description="the provider that sends the smoke requests")


class OpenAiContract(Part):
    """What a server with OpenAI's API offers."""

    kind: Literal["openai"]
    models: tuple[str, ...] = Field(min_length=1, description="names that /v1/models must list")
    endpoints: tuple[str, ...] = Field(
        default=("/v1/chat/completions",), description="paths that /openapi.json must have"
    )
    version: str = Field(default="/version", description="the path that tells which files run")
    provider: str = Field(default="open_finance_space", description="the provider that sends the smoke requests")
    key: Reference | None = Field(default=None, description="the key that callers send")


Contract = Annotated[GradioContract | OpenAiContract, Field(discriminator="kind")]


class Expectation(Part):
    """What an answer must be like. Everything that is given must hold."""

    nonempty: bool = Field(default=True, description="there is a visible text")
    regex: Pattern | None = Field(default=None, description="is found in the text")
    json_schema: dict[str, Any] | None = Field(default=None, description="the text is JSON, and of this form")
    max_latency: float | None = Field(default=None, gt=0, description="seconds to the end of the answer")
    min_tokens: int | None = Field(default=None, ge=1, description="tokens that were generated")
    finish_reason: Literal["stop", "length", "tool_calls"] | None = Field(default="stop", description="why it ended")


class Smoke(Part):
    """A request that is sent to what was deployed, and what must come back."""

    name: str = Field(description="its name in the report")
    prompt: str = Field(min_length=1, description="the question")
    system: str | None = Field(default=None, description="the system's message before it")
    config: Annotated[dict[str, Any], AfterValidator(_settings)] = Field(
        default_factory=dict, description="how to answer: max_tokens, temperature, thinking and so on"
    )
    expect: Expectation = Expectation()
    gpu_seconds: float | None = Field(default=None, gt=0, description="of ZeroGPU that it is thought to need")


class Budget(Part):
    """What a deployment may cost. A plan above it is refused."""

    usd_per_hour_max: float | None = Field(default=None, ge=0, description="dollars an hour while it runs")
    zerogpu_seconds_max: float | None = Field(
        default=None, ge=0, description="GPU seconds of all smoke requests together"
    )


class Rollout(Part):
    """How a new version takes the place of the old one."""

    strategy: Literal["in_place", "candidate"] = Field(
        default="in_place", description="candidate: to ID-candidate first, and from there once it is verified"
    )
    auto_rollback: bool = Field(default=True, description="back to the last good version when the new one fails")
    watch: Duration = Field(default=60, description="how long it is watched after it was verified")
    suite: str | None = Field(
        default=None,
        description="what a candidate must pass: a suite, or a figure of it: finance/smoke.accuracy>=0.8",
    )


class SpaceSpec(Part):
    """A Space, all of it."""

    version: Literal[1] = Field(description="of this format")
    id: str = Field(
        pattern=r"^([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*$",
        description="OWNER/NAME; a NAME alone is the Space of the token's owner, or of --owner",
    )
    sdk: Literal["gradio", "docker", "static"] = Field(description="what the Hub builds it with")
    source: Source = Source()
    template: Template = Template()
    hardware: str = Field(default=FREE_HARDWARE, pattern=r"^[a-z0-9][a-z0-9-]*$", description="zero-a10g is ZeroGPU")
    sleep_time: Sleep | None = Field(
        default=None, description="idle time until it sleeps, or never; the Hub's own otherwise"
    )
    visibility: Visibility = Field(default="private", description="who may see it")
    variables: dict[Name, Text] = Field(default_factory=dict, description="anybody who sees the Space can read them")
    secrets: dict[Name, Reference] = Field(default_factory=dict, description="where each is: env:NAME or file:PATH")
    volumes: tuple[Volume, ...] = ()
    readme: dict[str, Any] = Field(
        default_factory=dict, description="front matter of README.md, over what the file has itself"
    )
    contract: Contract | None = Field(default=None, description="what it must offer once it runs")
    smoke: tuple[Smoke, ...] = ()
    budget: Budget = Budget()
    rollout: Rollout = Rollout()
    startup_timeout: Duration = Field(default=1800, description="how long it may take to build and to start")

    @model_validator(mode="after")
    def _agrees(self) -> SpaceSpec:
        both = sorted(self.variables.keys() & self.secrets.keys())
        if both:
            raise ValueError(f"{both[0]} is among the variables and among the secrets")
        if self.sdk != "gradio" and self.is_zero_gpu:
            raise ValueError("ZeroGPU runs Gradio Spaces only: choose another hardware, or the sdk gradio")
        if self.smoke and self.contract is None:
            raise ValueError("smoke requests need a contract, which says how they are sent")
        seconds, most = sum(each.gpu_seconds or 0 for each in self.smoke), self.budget.zerogpu_seconds_max
        if most is not None and seconds > most:
            raise ValueError(f"the smoke requests need {seconds:g} GPU seconds, more than the budget's {most:g}")
        names = [each.name for each in self.smoke]
        if len(set(names)) < len(names):
            raise ValueError("two smoke requests have the same name")
        return self

    @property
    def name(self) -> str:
        """Its id without the owner."""
        return self.id.rpartition("/")[2]

    @property
    def is_zero_gpu(self) -> bool:
        return is_zero_gpu(self.hardware)

    def owned_by(self, owner: str) -> SpaceSpec:
        """The same with this owner."""
        return self.model_copy(update={"id": f"{owner}/{self.name}"})

    def candidate(self) -> SpaceSpec:
        """The Space that a new version is tried in: private, and asleep soon."""
        sleep = _CANDIDATE_SLEEP if (self.sleep_time or -1) < 0 else min(_CANDIDATE_SLEEP, self.sleep_time or 0)
        changed: dict[str, object] = {"id": f"{self.id}-candidate", "visibility": "private"}
        return self.model_copy(update=changed if self.is_zero_gpu else {**changed, "sleep_time": sleep})


def json_schema() -> dict[str, Any]:
    """The published schema of space.yaml, for editors."""
    schema = SpaceSpec.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "space.yaml"}
