"""What tasks are handed besides their parameters: made here, of what the user set, when a run needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from unified_intelligence.cli.output import Output
from unified_intelligence.interfaces.provider_factory import IProviderFactory

if TYPE_CHECKING:
    from unified_intelligence.dsl.binding import Progress
    from unified_intelligence.dsl.flow import Flow
    from unified_intelligence.dsl.tasks.qwen3_deployment_tasks import OpenedDeployment

_OPENER = "SpaceOpener"


def services_of(output: Output, flow: Flow) -> Mapping[type, Callable[[], object]]:
    """By type. Nothing is made before a run asks for it, nor imported that the flow does not name."""
    found: dict[type, Callable[[], object]] = {IProviderFactory: partial(_providers, output)}
    named = {getattr(one.type, "__name__", "") for task in flow.tasks.values() for one in task.inputs.values()}
    if _OPENER in named:
        from unified_intelligence.dsl.tasks.qwen3_deployment_tasks import SpaceOpener

        found[SpaceOpener] = lambda: SpaceOpener(partial(_opened, output))
    return found


def _providers(output: Output) -> object:
    from unified_intelligence.factories.configured import factory_of, read_settings

    return factory_of(read_settings({}, output.environment, ""), output.environment)


def _opened(output: Output, name: str, owner: str, progress: Progress) -> OpenedDeployment:
    from unified_intelligence.cli.space.opening import opened
    from unified_intelligence.cli.space.operating import deployer_of, reports_folder
    from unified_intelligence.dsl.tasks.qwen3_deployment_tasks import OpenedDeployment

    space = opened(name, owner or None, output)
    deployer = deployer_of(space.spec, space.host, output, f"task-{progress.task}", progress.say)
    return OpenedDeployment(space.rendered, deployer, lambda: deployer.report.write(reports_folder(output)))
