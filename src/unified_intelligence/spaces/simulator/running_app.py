"""An app of a Space as a process of this machine: started, heard, seen to answer, ended.

A minder stands between: it ends the app when this process is gone, however it went.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from unified_intelligence.spaces.simulator.app_command import AppCommand

MINDER = Path(__file__).with_name("minder.py")
_LOOPBACK = "127.0.0.1"
_LONGEST_LINE = 1 << 20
_GRACE = 5.0


class RunningApp:
    """`port` is the one it was told to take."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, say: Callable[[str], None]) -> None:
        self._process, self.port = process, port
        self._heard = asyncio.create_task(self._hear(say))
        self._stopped = False

    @classmethod
    async def start(cls, command: AppCommand, environment: Mapping[str, str], say: Callable[[str], None]) -> RunningApp:
        """`say` gets its lines. Raises OSError where the program cannot be started."""
        with socket.create_server((_LOOPBACK, 0)) as free:
            port = free.getsockname()[1]
        named = {**environment, **command.variables}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(MINDER), *(word.replace("{port}", str(port)) for word in command.words),
            cwd=command.directory, env={name: text.replace("{port}", str(port)) for name, text in named.items()},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            limit=_LONGEST_LINE, start_new_session=True,
        )  # fmt: skip
        return cls(process, port, say)

    async def answers(self) -> bool:
        """Whether something listens at its port and answers a request of HTTP, with whatever status."""
        try:
            reader, writer = await asyncio.open_connection(_LOOPBACK, self.port)
        except OSError:
            return False
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            start = await asyncio.wait_for(reader.read(5), _GRACE)
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()
        return start == b"HTTP/"

    async def ended(self) -> int:
        """Waits for its end, and for its last line. The exit code."""
        code = await self._process.wait()
        await asyncio.wait([self._heard], timeout=1)
        return code

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def stop(self) -> None:
        """Asked to end, and made to where it does not."""
        if self._stopped:
            return
        self._stopped = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _GRACE)  # the minder makes it end before that
        await asyncio.wait([self._heard], timeout=1)

    async def _hear(self, say: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:  # longer than what is kept: what follows is the rest of it
                continue
            if not line:
                return
            say(line.decode("utf-8", "replace"))
