"""What a command of our own works with. Knows nothing of any command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from rag import Assistant, Settings
from ui.terminal import Terminal

FAILED = 1


@dataclass(frozen=True)
class Session:
    """The settings, where to print, and `open`, which makes an Assistant."""

    settings: Settings
    terminal: Terminal
    open: Callable[..., Assistant]


Runner = Callable[[argparse.Namespace, Session], int]
