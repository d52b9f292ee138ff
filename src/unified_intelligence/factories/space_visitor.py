"""A visitor of Spaces who has a token of the host, and reads the keys that a spec names when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from unified_intelligence.interfaces.space_visitor import ISpaceVisitor

if TYPE_CHECKING:
    from unified_intelligence.factories.provider_factory import ProviderFactory
    from unified_intelligence.interfaces.text_generator import ITextGenerator


class SpaceVisitor(ISpaceVisitor):
    """`read_key` turns a reference into the key; `hub` is the address of the host."""

    def __init__(
        self, factory: ProviderFactory, read_key: Callable[[str], str], *, token: str | None = None, hub: str = ""
    ) -> None:
        from unified_intelligence.adapters.spaces.space_pages import SpacePages

        self._factory, self._read_key, self._token, self._hub = factory, read_key, token, hub
        self._pages = SpacePages(token)

    async def read(self, url: str, body: Mapping[str, object] | None = None, *, key: str | None = None) -> object:
        return await self._pages.read(url, body, self._read_key(key) if key else None)

    def generator(
        self, provider: str, space: str, url: str, *, key: str | None = None, model: str | None = None
    ) -> ITextGenerator:
        """The provider, with nothing remembered of an earlier version of the Space."""
        known = {option.name for option in self._factory.options(provider)}
        wanted = {
            "space": space,
            "base_url": url,
            "hub": self._hub or None,
            "token": self._token,
            "hf_token": self._token,
            "key": self._read_key(key) if key else None,
            "model": model,
            "cache": "",
        }
        options = {name: value for name, value in wanted.items() if name in known and value is not None}
        return self._factory.create(provider, **options)

    def close(self) -> None:
        """Closes its connections."""
        self._pages.close()
