"""The example of a .env names every setting there is, and no other."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from rag.settings import PREFIX, Settings

EXAMPLE = (Path(__file__).parent.parent / ".env.example").read_text(encoding="utf-8")
LINE = re.compile(r"^#([A-Z_]+)=(.*)$", re.MULTILINE)


def variables() -> dict[str, str]:
    """Return the variable of each field."""
    return {
        name: str(field.validation_alias or PREFIX + name.upper())
        for name, field in Settings.model_fields.items()
    }


def test_every_setting_is_in_the_example_once() -> None:
    """A setting nobody can find is none, and one that is gone must not be offered."""
    assert sorted(name for name, _ in LINE.findall(EXAMPLE)) == sorted(variables().values())


def test_every_default_is_the_real_one() -> None:
    """The value in the example is what holds without it; none is empty."""
    shown = dict(LINE.findall(EXAMPLE))
    for name, variable in variables().items():
        default = Settings.model_fields[name].default
        assert shown[variable] == ("" if default is None else str(default)), variable


def test_every_setting_is_explained() -> None:
    """Above each line stand the words that Settings has for it."""
    words = " ".join(re.sub(r"^#", "", EXAMPLE, flags=re.MULTILINE).split())
    for name, field in Settings.model_fields.items():
        assert f" {field.description} " in words, name


def test_example_changes_nothing_as_it_stands(tmp_path: Path) -> None:
    """All lines are comments: a copy of the file is a start with the defaults."""
    assert dotenv_values(stream=io.StringIO(EXAMPLE)) == {}
    (tmp_path / ".env").write_text(EXAMPLE, encoding="utf-8")
    assert Settings().passages == Settings.model_fields["passages"].default


def test_lines_without_their_mark_are_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking the # away gives a file that Settings reads, and means the same."""
    monkeypatch.delenv("FOOTNOTE_MODELS", raising=False)
    before = Settings()
    (tmp_path / ".env").write_text(LINE.sub(r"\1=\2", EXAMPLE), encoding="utf-8")
    assert Settings() == before
