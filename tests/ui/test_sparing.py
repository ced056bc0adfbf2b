"""Parts of a page that an event leaves as they are cost nothing, and stay."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.homes import run_python
from ui.sparing import LEAVE, Sparing, changes

# In a process of its own: Gradio leaves an event loop behind.
COMPARED = """
import asyncio
import gradio as gr
from ui.sparing import LEAVE, Sparing

class Blocks(Sparing, gr.Blocks):
    pass

with Blocks() as page:
    state, box, words = gr.State(0), gr.Textbox(), gr.HTML("")
    box.submit(lambda: None, None, [state, box, words])
(event,) = page.fns.values()
assert gr.skip() == LEAVE
for values in (1, LEAVE, "words"), (LEAVE, gr.update(visible=False), "words"), (1, "a", "b"):
    plain = asyncio.run(gr.Blocks.postprocess_data(page, event, list(values), None))
    assert asyncio.run(page.postprocess_data(event, values, None)) == plain, plain
print("alike")
"""


@dataclass(frozen=True)
class Part:
    """A part of a page; what is stateful is kept on the server."""

    name: str
    stateful: bool = False


@dataclass
class Event:
    """An event with outputs, as far as it matters here."""

    outputs: list[Part]


class Framework:
    """Sends with each value the part that it is for."""

    async def postprocess_data(self, block_fn: Event, predictions: Any, state: Any) -> list[Any]:
        """Return what is sent; the value of a single output is given by itself."""
        values = predictions if len(block_fn.outputs) > 1 else [predictions]
        parts = [part.name for part in block_fn.outputs]
        return list(zip(parts, values, strict=True))


class Page(Sparing, Framework):
    """A page of that framework."""


def sent(*values: Any) -> list[Any]:
    """Return what a page with parts a, b, c sends for these values; c is stateful."""
    parts = [Part("a"), Part("b"), Part("c", stateful=True)][: len(values)]
    given = values if len(values) > 1 else values[0]
    return asyncio.run(Page().postprocess_data(Event(parts), given, None))


def test_what_stays_is_sent_as_what_stays():
    """Each value comes to its own part, whichever of the others stay."""
    assert sent(LEAVE, LEAVE, 3) == [LEAVE, LEAVE, ("c", 3)]
    assert sent(LEAVE, 2, 3) == [LEAVE, ("b", 2), ("c", 3)]
    assert sent(LEAVE, LEAVE, LEAVE) == [LEAVE, LEAVE, None]
    assert sent(1) == [("a", 1)]


def test_it_is_what_the_framework_sends():
    """Values, updates of settings, and what stays, as a page of Gradio's own sends them."""
    assert run_python(COMPARED).stdout.strip() == "alike"


def test_a_step_sends_only_what_the_one_before_did_not():
    """A part that goes back to what it was is sent again."""
    steps = [("a", 1), ("a", 2), ("b", 2), ("a", 2)]
    assert list(changes(steps)) == [("a", 1), (LEAVE, 2), ("b", LEAVE), ("a", LEAVE)]
