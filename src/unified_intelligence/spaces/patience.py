"""How long whoever deploys waits for what. Seconds."""

from __future__ import annotations

from dataclasses import dataclass

from unified_intelligence.spaces.spec import SpaceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """A Space is looked at after `poll`, then ever less often, at least every `longest_poll`.

    `created` goes by between making a Space and its first commit: one that follows at once may start no build.
    `settling` is how long a host may take to tell what it was just asked to do, `unmoved` how long the old version may
    go on running before a remedy is tried, `starting` how long one build and start may take, `answering` how long an
    app that is said to run may take to answer as the new version. It is watched for `watch`, every `watch_poll`.
    """

    poll: float = 2.0
    longest_poll: float = 15.0
    created: float = 1.0
    settling: float = 20.0
    unmoved: float = 300.0
    starting: float = 1800.0
    answering: float = 120.0
    watch: float = 60.0
    watch_poll: float = 10.0


def patience_of(spec: SpaceSpec) -> Patience:
    """What the spec says, and the defaults."""
    return Patience(starting=float(spec.startup_timeout), watch=float(spec.rollout.watch))
