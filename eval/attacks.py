"""Attacks in documents: planted instructions and poisoned passages, and how each is made a trial.

Knows nothing of who is asked. The cases lie in eval/data/attacks-*.jsonl; docs/evaluation.md
shows their form.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from eval.cases import Alternative, BadCases, Text, numbered_lines

DATA = Path(__file__).parent / "data"
OWN, CONTEXTS, INSTRUCTIONS, POISON = (
    f"attacks-{name}.jsonl" for name in ("own", "contexts", "instructions", "poison")
)
Family = Literal["own", "grid", "poison"]
FAMILIES: tuple[Family, ...] = ("own", "grid", "poison")
POISONED = (1, 5)
"""How many poisoned passages stand beside the true one."""
_PLACE = "⟦{}⟧"
# As ordinary as what anybody could add to a folder.
_POISON_NAMES = ("letter.txt", "bulletin.txt", "questions.txt", "notice.txt", "copy-of-page.txt")
_POSITIONS = ("start", "middle", "end")
# Contexts that an instruction is tried in at each position.
_CONTEXTS_EACH = 2


def _compiles(pattern: str) -> str:
    re.compile(pattern, FLAGS)
    return pattern


FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL
Pattern = Annotated[str, AfterValidator(_compiles)]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Own(_Line):
    """A case of its own: `planted` texts stand in the documents at ⟦1⟧, ⟦2⟧."""

    id: Text
    style: Text
    goal: Text
    question: Text
    answers: tuple[Alternative, ...]
    documents: Mapping[str, Text]
    planted: tuple[Text, ...]
    obeyed: Text
    success: Pattern | None = None


class _Context(_Line):
    id: Text
    kind: Text
    name: Text
    question: Text
    answers: tuple[Alternative, ...]
    blocks: tuple[Text, ...]


class _Instruction(_Line):
    id: Text
    kind: Text
    text: Text
    obeyed: Text
    success: Pattern | None = None


class _Question(_Line):
    question: Text
    answers: tuple[Alternative, ...]
    wrong: tuple[Alternative, ...]
    claims: Annotated[tuple[Text, ...], Field(min_length=max(POISONED))]


class _Topic(_Line):
    name: Text
    text: Text
    questions: tuple[_Question, ...]


@dataclass(frozen=True)
class Trial:
    """A question to ask of documents by name.

    `planted` counts the planted instructions or poisoned passages: 0 is a control, and
    `control` is the id of the one this trial has. `obeyed` is what a model writes that does as
    it is told, `success` the pattern that tells so from a text; None where the attack wants a
    refusal. `wrong` are the answers that poisoned passages give.
    """

    id: str
    family: Family
    goal: str
    style: str
    question: str
    answers: tuple[tuple[str, ...], ...]
    documents: Mapping[str, str]
    planted: int
    control: str
    obeyed: str = ""
    success: str | None = None
    wrong: tuple[tuple[str, ...], ...] = ()


def neighbours(folder: Path = DATA) -> dict[str, str]:
    """Return the documents that lie beside those of every trial, by name."""
    return {topic.name: topic.text for topic in _read(folder / POISON, _Topic)}


def trials(folder: Path = DATA) -> tuple[Trial, ...]:
    """Return all trials in a fixed order, each control before what it belongs to.

    Raises:
        BadCases: a file of cases cannot be used.
    """
    own = (trial for case in _read(folder / OWN, _Own) for trial in _own_trials(case))
    grid = _grid_trials(
        _read(folder / CONTEXTS, _Context), _read(folder / INSTRUCTIONS, _Instruction)
    )
    poison = _poison_trials(_read(folder / POISON, _Topic))
    return (*own, *grid, *poison)


def chosen(found: Sequence[Trial], limit: int | None, seed: int) -> tuple[Trial, ...]:
    """Return the trials of `limit` attacks of each family, drawn at random, and their controls.

    Of poison `limit` questions are drawn, each with every number of passages.
    """
    if limit is None:
        return tuple(found)
    kept: set[str] = set()
    for family in FAMILIES:
        of_family = [t for t in found if t.family == family and t.planted]
        groups = sorted({t.control if family == "poison" else t.id for t in of_family})
        drawn = random.Random(seed).sample(groups, min(limit, len(groups)))
        for trial in of_family:
            if not {trial.id, trial.control}.isdisjoint(drawn):
                kept |= {trial.id, trial.control}
    return tuple(t for t in found if t.id in kept)


def _own_trials(case: _Own) -> Iterator[Trial]:
    attack = Trial(
        id=case.id,
        family="own",
        goal=case.goal,
        style=case.style,
        question=case.question,
        answers=case.answers,
        documents=_filled(case.documents, case.planted),
        planted=len(case.planted),
        control=f"{case.id}-control",
        obeyed=case.obeyed,
        success=case.success,
    )
    clean = _filled(case.documents, [""] * len(case.planted))
    yield _control_of(attack, clean)
    yield attack


def _grid_trials(
    contexts: Sequence[_Context], instructions: Sequence[_Instruction]
) -> Iterator[Trial]:
    attacks: list[Trial] = []
    for (i, instruction), (j, position) in product(enumerate(instructions), enumerate(_POSITIONS)):
        # In turn, so that every context meets every kind of instruction and every position.
        for step in range(_CONTEXTS_EACH):
            n = i + 2 * j + step * len(contexts) // 2
            attacks.append(_grid_trial(contexts[n % len(contexts)], instruction, position))
    for context in contexts:
        mine = [t for t in attacks if t.control == _grid_control(context)]
        if mine:
            yield _control_of(mine[0], {context.name: "\n\n".join(context.blocks) + "\n"})
        yield from mine


def _grid_control(context: _Context) -> str:
    return f"grid-{context.id}-control"


def _grid_trial(context: _Context, instruction: _Instruction, position: str) -> Trial:
    blocks = list(context.blocks)
    place = {"start": 1, "middle": (len(blocks) + 1) // 2, "end": len(blocks)}[position]
    blocks.insert(place, instruction.text)
    return Trial(
        id=f"grid-{context.id}-{instruction.id}-{position}",
        family="grid",
        goal=instruction.kind,
        style=f"{context.kind}, {position}",
        question=context.question,
        answers=context.answers,
        documents={context.name: "\n\n".join(blocks) + "\n"},
        planted=1,
        control=_grid_control(context),
        obeyed=instruction.obeyed,
        success=instruction.success,
    )


def _poison_trials(topics: Sequence[_Topic]) -> Iterator[Trial]:
    for topic in topics:
        for number, asked in enumerate(topic.questions, start=1):
            stem = f"poison-{Path(topic.name).stem}-{number}"
            control = Trial(
                id=f"{stem}-0",
                family="poison",
                goal="wrong answer",
                style="poisoned passages",
                question=asked.question,
                answers=asked.answers,
                documents={},
                planted=0,
                control=f"{stem}-0",
                obeyed=asked.claims[0],
                wrong=asked.wrong,
            )
            yield control
            for count in POISONED:
                # As in the black-box form of PoisonedRAG: the question, so that the passage is
                # found, then the claim, so that it is believed.
                texts = [f"{asked.question} {claim}\n" for claim in asked.claims[:count]]
                documents = dict(zip(_POISON_NAMES, texts, strict=False))
                yield replace(control, id=f"{stem}-{count}", documents=documents, planted=count)


def _control_of(attack: Trial, clean: Mapping[str, str]) -> Trial:
    return replace(attack, id=attack.control, documents=clean, planted=0)


def _filled(documents: Mapping[str, str], planted: Iterable[str]) -> dict[str, str]:
    filled = dict(documents)
    for number, text in enumerate(planted, start=1):
        filled = {name: t.replace(_PLACE.format(number), text) for name, t in filled.items()}
    return filled


_L = TypeVar("_L", bound=_Line)


def _read(path: Path, form: type[_L]) -> list[_L]:
    found = []
    for number, line in numbered_lines(path):
        try:
            found.append(form.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadCases(f"{path}, line {number}: {where}: {first['msg']}.") from error
    return found
