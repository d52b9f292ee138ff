"""Splitting tagged text while it is still being written: what is said, what is only thought, what is called.

A model writes `<think>…</think>` and `<tool_call>…</tool_call>` into one text that arrives in pieces, and a tag may be
cut anywhere. What may be the beginning of a tag is held back until it is decided; everything else goes out at once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Channel = Literal["text", "reasoning", "tool_call"]
Tags = Mapping[Channel, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of a channel. `closed` marks the last piece before a closing tag; its text may be empty.

    `start` is where it stood in the tagged text, in characters.
    """

    channel: Channel
    text: str
    closed: bool = False
    start: int = field(default=0, compare=False)


class TagSplitter:
    """Splits one answer. `start` is "reasoning" where the prompt has already opened the tag.

    Inside a tag only its own closing tag means anything; outside, only an opening one: any other tag is text. Newlines
    right after a tag belong to the tag.
    """

    def __init__(self, tags: Tags, start: Channel = "text") -> None:
        self._tags = tags
        self._openings: dict[str, Channel] = {opening: channel for channel, (opening, _) in tags.items()}
        self._held = ""
        self._decided = 0  # characters of the text before what is held
        self._after_tag = start != "text"
        self._enter(start)

    @property
    def channel(self) -> Channel:
        """Of the next character."""
        return self._channel

    def feed(self, chunk: str) -> list[Piece]:
        """The pieces that are decided now."""
        pieces: list[Piece] = []
        buffer, position = self._held + chunk, 0
        while True:
            if self._after_tag:
                position = _skip_newlines(buffer, position)
                self._after_tag = position == len(buffer)
            found = self._pattern.search(buffer, position) if self._sought else None
            if found is None:
                break
            self._put(pieces, buffer[position : found.start()], position, closed=self._channel != "text")
            self._enter(self._openings[found.group()] if self._channel == "text" else "text")
            self._after_tag = True
            position = found.end()
        end = len(buffer) - beginning_at_end(buffer[position:], self._sought)
        self._put(pieces, buffer[position:end], position)
        self._held = buffer[end:]
        self._decided += end
        return pieces

    def flush(self) -> list[Piece]:
        """What was held back, when nothing more comes. A tag that never closed ends here."""
        pieces: list[Piece] = []
        self._put(pieces, self._held, 0)
        self._held = ""
        return pieces

    def _enter(self, channel: Channel) -> None:
        self._channel: Channel = channel
        self._sought = tuple(self._openings) if channel == "text" else (self._tags[channel][1],)
        self._pattern = re.compile("|".join(map(re.escape, self._sought)))

    def _put(self, pieces: list[Piece], text: str, position: int, *, closed: bool = False) -> None:
        if text or closed:
            pieces.append(Piece(self._channel, text, closed, self._decided + position))


def beginning_at_end(text: str, sought: Iterable[str]) -> int:
    """How many of the last characters may be the beginning of one of the strings sought."""
    return max((_overlap(text, string) for string in sought), default=0)


def _overlap(text: str, string: str) -> int:
    longest = min(len(text), len(string) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(string[:size])), 0)


def _skip_newlines(text: str, position: int) -> int:
    while position < len(text) and text[position] == "\n":
        position += 1
    return position
