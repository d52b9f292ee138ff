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

    `exact` is for an answer that was held to a grammar, where JSON may quote any tag: reasoning stands before
    everything else or nowhere, and in a call a tag inside of a JSON string is text.
    """

    def __init__(self, tags: Tags, start: Channel = "text", *, exact: bool = False) -> None:
        self._tags, self._exact = tags, exact
        self._openings: dict[str, Channel] = {opening: channel for channel, (opening, _) in tags.items()}
        self._held = ""
        self._decided = 0  # characters of the text before what is held
        self._after_tag, self._has_thought = start != "text", False
        self._enter(start)

    @property
    def channel(self) -> Channel:
        """The channel of the next character."""
        return self._channel

    def feed(self, chunk: str) -> list[Piece]:
        """The pieces that are decided now."""
        pieces: list[Piece] = []
        buffer, position = self._held + chunk, 0
        while True:
            if self._after_tag:
                position = _skip_newlines(buffer, position)
                self._after_tag = position == len(buffer)
            self._decide_beginning(buffer[position:])
            found, end = self._find(buffer, position)
            if found is None:
                break
            self._put(pieces, buffer[position : found.start()], position, closed=self._channel != "text")
            self._enter(self._openings[found.group()] if self._channel == "text" else "text")
            self._after_tag = True
            position = found.end()
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

    def _decide_beginning(self, rest: str) -> None:
        """No think block is opened any more once something else has come."""
        if not (self._exact and rest and self._channel == "text" and "reasoning" in self._openings.values()):
            return
        opening = self._tags["reasoning"][0]
        if self._has_thought or not (rest.startswith(opening) or opening.startswith(rest)):
            del self._openings[opening]
            self._enter("text")

    def _find(self, buffer: str, position: int) -> tuple[re.Match[str] | None, int]:
        """The next tag, and where what is decided without one ends."""
        searched = position
        if self._exact and self._channel == "tool_call":
            for found in self._quoting.finditer(buffer, position):
                if found.group() in self._sought:
                    return found, len(buffer)
                if not found["end"]:
                    return None, found.start()
                searched = found.end()
        else:
            found = self._pattern.search(buffer, position) if self._sought else None
            if found:
                return found, len(buffer)
        return None, len(buffer) - beginning_at_end(buffer[searched:], self._sought)

    def _enter(self, channel: Channel) -> None:
        self._channel: Channel = channel
        self._has_thought = self._has_thought or channel == "reasoning"
        self._sought = tuple(self._openings) if channel == "text" else (self._tags[channel][1],)
        tags = "|".join(map(re.escape, self._sought))
        self._pattern, self._quoting = re.compile(tags), re.compile(rf'"(?:[^"\\]|\\.)*(?P<end>"?)|{tags}', re.DOTALL)

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
