"""Settings changed while an assistant runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Assistant, ConfigError, Settings, UsageError

from .fakes import ScriptedModel


def opened(tmp_path: Path, **parts: ScriptedModel) -> Assistant:
    (tmp_path / "bridge.txt").write_text(
        "The Harwick Bridge was opened in 1932. It is green. It is long.", encoding="utf-8"
    )
    assistant = Assistant(Settings(home=tmp_path / "home", llm="none"), **parts)  # type: ignore[arg-type]
    assistant.add(tmp_path / "bridge.txt")
    return assistant


def test_strictness_holds_from_the_next_question_on(tmp_path: Path) -> None:
    """The strictest refuses what the mildest answers."""
    with opened(tmp_path) as assistant:
        question = "When was the Harwick Bridge opened?"
        assert assistant.ask(question).answered
        assistant.change(strictness=1.0)
        assert not assistant.ask(question).answered
        assert assistant.settings.strictness == 1.0


def test_another_model_is_stopped_and_not_asked(tmp_path: Path) -> None:
    """It answers until then; nothing else about the settings changes."""
    model = ScriptedModel("The Harwick Bridge was opened in 1932.")
    with opened(tmp_path, model=model) as assistant:
        assert assistant.model_name == model.name
        before = assistant.settings
        assistant.change(llm="embedded")
        assistant.change(llm="none", passages=7)
        assert assistant.model_name == "quotes only"
        assert assistant.settings == before.changed(passages=7)
    assert model.closed


@pytest.mark.parametrize("wrong", [{"strictness": 2}, {"passages": 0}, {"llm": ""}])
def test_a_wrong_value_changes_nothing(tmp_path: Path, wrong: dict[str, object]) -> None:
    """It is told as on start."""
    with opened(tmp_path) as assistant:
        before = assistant.settings
        with pytest.raises(ConfigError, match="Setting"):
            assistant.change(**wrong)
        assert assistant.settings == before


def test_the_home_stays(tmp_path: Path) -> None:
    """What cannot change while running is named."""
    with opened(tmp_path) as assistant, pytest.raises(UsageError, match="home cannot be changed"):
        assistant.change(home=tmp_path)
