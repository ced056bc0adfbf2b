"""Settings changed while an assistant runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Assistant, ConfigError, ModelUnavailable, Settings, UsageError

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


def test_a_server_is_for_the_model_it_was_named_with(tmp_path: Path) -> None:
    """Another model is not sent there, and back again it is; its key goes with it."""
    settings = Settings(
        home=tmp_path / "home", llm="own", llm_url="http://127.0.0.1:9/v1", llm_key="sk-canary"
    )
    with Assistant(settings) as assistant:
        hosts = [assistant.model_host]
        for llm in ("none", "embedded", "own"):
            assistant.change(llm=llm)
            hosts.append(assistant.model_host)
            is_own = llm == "own"
            assert (assistant.settings.llm_url, assistant.settings.llm_key) == (
                (settings.llm_url, settings.llm_key) if is_own else (None, None)
            )
        assert hosts == ["127.0.0.1", None, None, "127.0.0.1"]
        assert assistant.settings == settings


def test_a_model_that_cannot_be_built_changes_nothing(tmp_path: Path) -> None:
    """The one there is goes on answering."""
    with opened(tmp_path) as assistant:
        before = assistant.settings
        with pytest.raises(ConfigError):
            assistant.change(llm="a-name-without-a-server")
        assert assistant.settings == before
        assert assistant.ask("When was the Harwick Bridge opened?").answered


def test_a_model_that_was_changed_is_not_started_again(tmp_path: Path) -> None:
    """Whoever still has it from before is told to ask again."""
    with opened(tmp_path) as assistant:
        assistant.change(llm="embedded")
        model = assistant._parts.chat_model
        assert model is not None
        assistant.change(llm="none")
        with pytest.raises(ModelUnavailable, match="was changed"):
            model.warm([])


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
