"""Ends a conversation with a server when its time is up.

Knows nothing of what is said in it.
"""

from __future__ import annotations

import socket
import threading
import time


class Deadline:
    """The seconds that one answer may take, with all its retries.

    A timeout counts the seconds between two bytes, so a server that drips never meets it:
    when the time is up, the connection is broken.
    """

    def __init__(self, seconds: float, *, spent: float = 0.0) -> None:
        """Give `seconds`, of which some were `spent` before."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds - spent
        self._timer: threading.Timer | None = None

    def left(self) -> float:
        """Return the seconds that are left, not below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Say whether no time is left."""
        return self.left() == 0

    def watch(self, connection: object) -> None:
        """Break this connection, and no earlier one, when the time is up."""
        self.cancel()
        if isinstance(connection, socket.socket):
            self._timer = threading.Timer(self.left(), _break, [connection])
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """Break nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _break(connection: socket.socket) -> None:
    # Closing would not wake the thread that reads. An SSL socket's own shutdown would take
    # the encryption away under it; the plain one ends the connection.
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        pass  # closed already
