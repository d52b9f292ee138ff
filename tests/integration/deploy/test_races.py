"""Two applies at the same moment: the files on the Hub are those of one of them, never of both."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

from tests.integration.deploy.conftest import SPACE, TOKEN, LocalHub, Page
from unified_intelligence.adapters.spaces.hugging_face_space_host import HuggingFaceSpaceHost
from unified_intelligence.entities.errors import StalePlanError
from unified_intelligence.spaces.apply import Applied, apply
from unified_intelligence.spaces.plan import make_plan
from unified_intelligence.spaces.render import RenderedSpace

ROUNDS = 10


def at_once(*works: Callable[[], Applied]) -> list[Applied | StalePlanError]:
    """What each comes to, all begun together."""
    barrier, ends = Barrier(len(works)), list[Applied | StalePlanError]()

    def run(work: Callable[[], Applied]) -> None:
        barrier.wait()
        try:
            ends.append(work())
        except StalePlanError as error:
            ends.append(error)

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def test_one_wins_and_the_other_is_told_to_plan_again(local: LocalHub, page: Page) -> None:
    for number in range(ROUNDS):
        wanted = [page({"index.html": f"{who} {number}".encode(), f"{who}.txt": b"x"}) for who in ("one", "other")]

        def prepared(rendered: RenderedSpace) -> Callable[[], Applied]:
            host = HuggingFaceSpaceHost(token=TOKEN, endpoint=local.url, sleep=lambda _: None)
            plan = make_plan(host, rendered)
            return lambda: apply(host, plan, rendered, sleep=lambda _: None)

        before = len(local.commits()) if number else 1
        ends = at_once(*[prepared(each) for each in wanted])
        (won,) = [end for end in ends if isinstance(end, Applied)]
        (told,) = [end for end in ends if isinstance(end, StalePlanError)]
        assert "uic space plan" in told.hint and told.exit_code == 12
        (winner,) = [each for each in wanted if each.digest == won.digest]
        content = local.content()
        content.pop(".gitattributes")
        assert content == dict(winner.files)
        assert local.commits()[0] == won.sha and len(local.commits()) == before + 1
        assert make_plan(local.host, winner).is_empty
    assert local.host.info(SPACE).sha == local.commits()[0]
