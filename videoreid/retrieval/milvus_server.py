"""A connection to Milvus that reconnects when it breaks."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from videoreid.errors import ConfigError, MissingExtraError, ServerError
from videoreid.utils import get_logger

__all__ = ["MilvusConnection", "MilvusServer"]

_Answer = TypeVar("_Answer")
_LONGEST_PAUSE = 10.0
_AWAY = (
    "unavailable", "fail connecting", "connection", "deadline", "timeout", "timed out", "closed channel",
    "rate limit", "not ready",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class MilvusServer:
    """Address and retry settings of a Milvus server.

    Args:
        uri: ``http://host:19530`` of a server or cluster, or the path of a file that ends in ``.db``, which the package
            milvus-lite keeps in this process.
        token: ``user:password`` or an API key; no message shows it.
        timeout: seconds that one call may take.
        attempts: number of attempts of a call while the server does not answer.
        pause: seconds before the second attempt; doubled before each further one.

    Raises:
        ConfigError: the address is empty or invalid, or a number is out of range.
    """

    uri: str
    token: str = ""
    timeout: float = 30.0
    attempts: int = 5
    pause: float = 0.5

    def __post_init__(self) -> None:
        if not self.uri or self.timeout <= 0 or self.attempts < 1 or self.pause < 0:
            raise ConfigError(f"{self!r}: expected an address, a time above 0 and one attempt or more")
        if "://" not in self.uri and not self.uri.endswith(".db"):
            raise ConfigError(f"{self.uri!r} is neither an address like http://host:19530 nor a file *.db")

    def __repr__(self) -> str:
        return f"MilvusServer({self.uri!r}, timeout={self.timeout}, attempts={self.attempts}, pause={self.pause})"


class MilvusConnection:
    """Calls of a Milvus server, repeated over a new connection if it does not answer.

    Args:
        server: address and retry settings.

    Raises:
        MissingExtraError: pymilvus is not installed.
        ServerError: the server does not answer.
    """

    def __init__(self, server: MilvusServer) -> None:
        self.server = server
        self._client: Any = None
        self._lock = threading.Lock()

    def call(self, what: str, ask: Callable[..., _Answer], *values: Any) -> _Answer:
        """Return ``ask(client, *values)``, which must be safe to repeat.

        The server may carry out a call whose answer is then lost.

        Args:
            what: the request, for messages.
            ask: takes a ``pymilvus.MilvusClient`` and the values.
            values: further arguments of ``ask``.

        Raises:
            ServerError: the server does not answer in all attempts, or refuses the call.
        """
        pause, last = self.server.pause, ""
        for attempt in range(self.server.attempts):
            try:
                return ask(self._connected(), *values)
            except MissingExtraError:
                raise
            except Exception as error:  # of pymilvus and of gRPC, of many classes
                last = " ".join(str(error).split())[:300]
                if not _is_away(error):
                    raise ServerError(f"Milvus at {self.server.uri} refuses to {what}: {last}") from error
                self.close()
                if attempt + 1 < self.server.attempts:
                    get_logger("milvus").warning("Milvus does not answer (%s); again in %.1f s", last, pause)
                    time.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        raise ServerError(
            f"Milvus at {self.server.uri} does not answer: tried to {what} {self.server.attempts} times, last {last}; "
            "check that the server runs and can be reached, and call again: finished writes are kept"
        )

    def close(self) -> None:
        """Close the connection; the next call makes a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # the connection is broken, or closed already
                client.close()

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = connect(self.server)
            return self._client


def connect(server: MilvusServer) -> Any:
    """Return a new client."""
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise MissingExtraError("pymilvus", "scale", "MilvusIndex") from error
    return MilvusClient(server.uri, token=server.token, timeout=server.timeout)


def _is_away(error: Exception) -> bool:
    text = f"{type(error).__name__} {error}".lower()
    return isinstance(error, OSError) or any(sign in text for sign in _AWAY)
