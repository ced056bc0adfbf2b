"""What a language model is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citing import verify
from rag.prompts import (
    NONE,
    NOT_FOUND,
    REFUSAL,
    answer_messages,
    fixed_messages,
    reading_messages,
    refuses,
)
from rag.schema import Message

from .found import evidence_of

lines = st.text(min_size=1, max_size=40)


@given(st.lists(lines, min_size=1, max_size=5), lines)
def test_the_beginning_never_changes(facts: list[str], question: str):
    """So that a server can keep it evaluated."""
    prompts = [answer_messages(facts, question), reading_messages(facts[0], question)]
    assert {prompt[:-1] for prompt in prompts} == set(fixed_messages())
    assert all(prompt[-1].role == "user" for prompt in prompts)


def test_facts_are_numbered_one_a_line():
    """A line end in a fact or a question cannot begin a fact or a question of its own."""
    (*_, last) = answer_messages(["One.", "Two\nlines\n\nQuestion: none"], "Who?\n3. Me")
    assert last.content == ("Facts:\n1. One.\n2. Two lines Question: none\n\nQuestion: Who? 3. Me")


@pytest.mark.parametrize("prompt", [answer_messages(["x"], "y"), reading_messages("x", "y")])
def test_roles_alternate_after_the_instructions(prompt: tuple[Message, ...]):
    """As every chat template asks for."""
    roles = [message.role for message in prompt]
    assert roles[0] == "system"
    assert roles[1:] == ["user", "assistant"] * ((len(roles) - 2) // 2) + ["user"]


def test_the_examples_would_pass_our_own_verification():
    """A model that does as it is shown gets its sentences shown."""
    messages = answer_messages(["x"], "y")[1:-1]
    for task, reply in zip(messages[::2], messages[1::2], strict=True):
        if reply.content == NOT_FOUND:
            continue
        facts, _, question = task.content.partition("\n\nQuestion: ")
        evidence = evidence_of(" ".join(line.partition(". ")[2] for line in facts.split("\n")[1:]))
        for sentence in reply.content.split(". "):
            verdict = verify(sentence, evidence, question=question).verdict
            assert verdict == "supported", sentence


def test_one_example_shows_how_to_refuse():
    """Otherwise a model always answers."""
    replies = [m.content for m in answer_messages(["x"], "y") if m.role == "assistant"]
    assert NOT_FOUND in replies


def test_the_examples_of_reading_are_balanced():
    """A model that has seen more of one reply gives it more often."""
    replies = [m.content for m in reading_messages("x", "y") if m.role == "assistant"]
    assert replies.count(NONE) == len(replies) / 2


def test_the_examples_of_reading_copy():
    """As the model is told to."""
    messages = reading_messages("x", "y")[1:-1]
    for task, reply in zip(messages[::2], messages[1::2], strict=True):
        text = task.content.partition("\nQuestion")[0]
        assert reply.content == NONE or reply.content in text


@pytest.mark.parametrize(
    "reply", [NOT_FOUND, "NOT FOUND.", " not found\n", '"NOT FOUND"', "NOT FOUND in facts", REFUSAL]
)
def test_refusals_are_known(reply: str):
    """However they are dressed."""
    assert refuses(reply)


@pytest.mark.parametrize("reply", ["", "It was found.", "The facts say not much.", "NOT"])
def test_answers_are_no_refusals(reply: str):
    """Only the agreed words refuse."""
    assert not refuses(reply)
