"""Carries a plan out, in its order. Every action can be cut off and done again: what is done is not in the next plan.

The files are one commit, on top of the commit that the plan was made for and of no other. Afterwards the tree is read
again and must be the wanted one: a .gitignore on the Hub drops files and tells nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from unified_intelligence.entities.errors import (
    ConnectionFailedError,
    DeploymentError,
    ProviderError,
    ServerBusyError,
    ServerFailedError,
    StalePlanError,
    TimedOutError,
)
from unified_intelligence.entities.space import AddFile, Change, DeleteFile, NewCommit, NewSpace
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.actions import (
    Action,
    CommitFiles,
    CreateSpace,
    Plan,
    RemoveSecret,
    RemoveVariable,
    SetHardware,
    SetSecret,
    SetSleepTime,
    SetVariable,
    SetVisibility,
    SetVolumes,
)
from unified_intelligence.spaces.differences import FileChange, changes
from unified_intelligence.spaces.patience import Patience
from unified_intelligence.spaces.render import RenderedSpace
from unified_intelligence.spaces.secret_values import SecretValues

AFTER_CREATING = Patience().created
_LISTED = 10
_RESTARTING = (SetVariable, RemoveVariable, SetSecret, RemoveSecret, SetVolumes, SetHardware)
_MAY_HAVE_HAPPENED = (ConnectionFailedError, TimedOutError, ServerBusyError, ServerFailedError)


@dataclass(frozen=True, slots=True)
class Applied:
    """`sha` is the commit that has the wanted files; `committed` says whether it was made now.

    `restarts`: nothing was committed, but what runs is started again, with another secret for example.
    """

    space: str
    sha: str
    digest: str
    committed: bool
    actions: tuple[Action, ...]

    @property
    def restarts(self) -> bool:
        return not self.committed and any(isinstance(action, _RESTARTING) for action in self.actions)

    def as_json(self) -> dict[str, object]:
        return {
            "schema": 1,
            "space": self.space,
            "sha": self.sha,
            "content_digest": self.digest,
            "committed": self.committed,
            "actions": [action.as_json() for action in self.actions],
        }


def apply(
    host: ISpaceHost,
    plan: Plan,
    rendered: RenderedSpace,
    secrets: SecretValues | None = None,
    *,
    done: Callable[[Action], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    after_creating: float = AFTER_CREATING,
) -> Applied:
    """`done` is told of each action once it is; `after_creating` are seconds until the first commit.

    Raises ConfigurationError for a secret that cannot be read, before anything is changed; StalePlanError where
    somebody else was faster; DeploymentError if the Hub then has other files than were sent; ProviderError.
    """
    secrets = secrets or SecretValues()
    _check_secrets(plan, secrets)
    creates = bool(plan.actions) and isinstance(plan.actions[0], CreateSpace)
    if plan.actions and not creates:
        _check_parent(host, plan)
    sha, committed = plan.parent, False
    for action in plan.actions:
        if isinstance(action, CommitFiles):
            parent = host.info(plan.space).sha if creates else plan.parent
            sha, committed = _commit(host, plan.space, action, rendered, parent), True
        else:
            _carry_out(host, plan.space, action, secrets)
            if isinstance(action, CreateSpace):
                sleep(after_creating)
        done(action)
    if committed:
        _check_tree(host, plan.space, sha, rendered)
    return Applied(plan.space, sha, rendered.digest, committed, plan.actions)


def _check_secrets(plan: Plan, secrets: SecretValues) -> None:
    for action in plan.actions:
        names = action.secrets if isinstance(action, CreateSpace) else ()
        for name in (action.name,) if isinstance(action, SetSecret) else names:
            secrets.new(name)


def _check_parent(host: ISpaceHost, plan: Plan) -> None:
    now = host.info(plan.space).sha
    if now != plan.parent:
        raise StalePlanError(
            f"{plan.space} is at commit {now[:12] or 'none'}, and the plan was made for {plan.parent[:12] or 'none'}.",
            hint="Somebody else deployed meanwhile. Nothing was changed; make a new plan: uic space plan",
        )


def _carry_out(host: ISpaceHost, space: str, action: Action, secrets: SecretValues) -> None:
    match action:
        case CreateSpace():
            host.create(
                NewSpace(
                    action.space, action.sdk, action.visibility, action.hardware, action.sleep_time, action.variables,
                    tuple(secrets.new(name) for name in action.secrets), action.volumes,
                )
            )  # fmt: skip
        case SetVisibility():
            host.set_visibility(space, action.after)
        case SetVariable():
            host.set_variable(space, action.name, action.after)
        case RemoveVariable():
            host.delete_variable(space, action.name)
        case SetSecret():
            host.set_secret(space, secrets.new(action.name))
        case RemoveSecret():
            host.delete_secret(space, action.name)
        case SetVolumes():
            host.set_volumes(space, action.after)
        case SetHardware():
            host.set_hardware(space, action.after, action.sleep_time)
        case SetSleepTime():
            host.set_sleep_time(space, action.after)
        case _:
            raise TypeError(f"no way to do {action.kind}")


def _commit(host: ISpaceHost, space: str, action: CommitFiles, rendered: RenderedSpace, parent: str) -> str:
    """The commit that has the files. One whose answer was lost is looked for before it is taken to have failed."""
    summary = f"Deploy {rendered.digest[:12]}"
    described = f"Content {rendered.digest}" + (
        f", from {rendered.deployment.source}" if rendered.deployment.source else ""
    )
    operations = tuple(_operation(change, rendered) for change in action.files)
    try:
        return host.commit(space, NewCommit(summary, operations, parent, described))
    except _MAY_HAVE_HAPPENED as error:
        found = _arrived(host, space, parent, rendered)
        if found is None:
            error.hint = (
                f"Run the same command again: what was done is kept, the rest is done then. {error.hint}".strip()
            )
            raise
        return found


def _operation(change: FileChange, rendered: RenderedSpace) -> Change:
    if change.kind == "removed":
        return DeleteFile(change.path)
    return AddFile(change.path, rendered.files[change.path])


def _arrived(host: ISpaceHost, space: str, parent: str, rendered: RenderedSpace) -> str | None:
    try:
        now = host.info(space).sha
        return now if now != parent and not changes(host.tree(space, now), rendered.files) else None
    except ProviderError:
        return None


def _check_tree(host: ISpaceHost, space: str, sha: str, rendered: RenderedSpace) -> None:
    """What the Hub has at our commit, against what it was sent."""
    wrong = changes(host.tree(space, sha), rendered.files)
    if not wrong:
        return
    missing = [change.path for change in wrong if change.kind == "added"]
    listed = ", ".join(change.path for change in wrong[:_LISTED]) + (" and more" if len(wrong) > _LISTED else "")
    raise DeploymentError(
        f"{space} does not have the files that it was sent: {listed} {'is' if len(wrong) == 1 else 'are'} "
        f"{'missing' if len(missing) == len(wrong) else 'different'} at {sha[:12]}.",
        hint="A .gitignore in the Space makes the Hub drop files silently: take them out of it, then apply again.",
    )
