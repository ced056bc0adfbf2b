"""The errors, and the tree of them in the module's docstring."""

from __future__ import annotations

import re

import rag.errors
from rag.errors import FootnoteError


def test_the_docstring_is_the_tree():
    """Each line of the docstring names a class and stands below its base."""
    documented: dict[str, str] = {}
    above: list[str] = []
    for indent, name in re.findall(r"^( *)\* (\w+)", rag.errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 2
        above[depth:] = [name]
        documented[name] = above[depth - 1] if depth else "Exception"
    classes = {
        name: thing.__bases__[0].__name__
        for name, thing in vars(rag.errors).items()
        if isinstance(thing, type)
    }
    assert documented == classes
    assert classes["FootnoteError"] == "Exception"


def test_every_error_shows_its_message():
    """`str()` of an error is what was said, and one base catches all."""
    for thing in vars(rag.errors).values():
        if isinstance(thing, type):
            assert issubclass(thing, FootnoteError)
            assert str(thing("What is wrong. What to do.")) == "What is wrong. What to do."
