"""Settings: where they come from, their bounds, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from rag.errors import ConfigError
from rag.settings import Settings


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Return the path of the `.env` that is read."""
    return tmp_path / ".env"


def test_keywords_win_over_the_environment_and_that_over_the_file(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
):
    """Each source is asked only where the one before says nothing."""
    env_file.write_text("FOOTNOTE_PASSAGES=7\nFOOTNOTE_EVIDENCE=7\nFOOTNOTE_THREADS=7\n")
    monkeypatch.setenv("FOOTNOTE_PASSAGES", "8")
    monkeypatch.setenv("FOOTNOTE_EVIDENCE", "8")
    settings = Settings(passages=9)
    assert (settings.passages, settings.evidence, settings.threads) == (9, 8, 7)


def test_every_setting_has_a_default():
    """Nothing must be set."""
    settings = Settings()
    assert (settings.llm, settings.embedding, settings.passages) == ("embedded", "embedded", 5)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch):
    """An emptied line of an .env does not set an empty model."""
    monkeypatch.setenv("FOOTNOTE_LLM", "")
    assert Settings().llm == "embedded"


def test_an_unknown_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch):
    """A misspelt setting must not be ignored."""
    monkeypatch.setenv("FOOTNOTE_PASSAGE", "3")
    with pytest.raises(ConfigError, match=r"FOOTNOTE_PASSAGE in the environment.*FOOTNOTE_HOME"):
        Settings()


def test_an_unknown_line_of_the_file_is_refused_by_name(env_file: Path):
    """Nor in the file."""
    env_file.write_text("FOOTNOTE_LMM=none\n")
    with pytest.raises(ConfigError, match=r"FOOTNOTE_LMM in \.env"):
        Settings()


def test_an_unknown_keyword_is_refused_by_name():
    """Nor as an argument."""
    with pytest.raises(ConfigError, match=r"Unknown setting 'pasages'.*passages"):
        Settings(pasages=3)


def test_lines_of_other_programs_are_ignored(env_file: Path):
    """The file may be shared."""
    env_file.write_text("DATABASE_URL=postgres://x\nDEBUG=1\nHOME=/elsewhere\nFOOTNOTE_LLM=none\n")
    settings = Settings()
    assert settings.llm == "none"
    assert settings.home.name == ".footnote"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("passages", 0),
        ("passages", 51),
        ("passages", "many"),
        ("passage_characters", 99),
        ("strictness", 1.1),
        ("strictness", -0.1),
        ("answer_tokens", 15),
        ("file_megabytes", 0),
        ("parse_seconds", 4),
        ("threads", -1),
        ("llm", ""),
        ("llm_url", "localhost:8000"),
        ("embedding_url", "ftp://host"),
        ("chroma_url", "chroma"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(name: str, value: object):
    """The message names the setting as one sets it, and says what to do."""
    with pytest.raises(ConfigError, match=rf"FOOTNOTE_{name.upper()}: .*Correct it"):
        Settings(**{name: value})


def test_a_wrong_variable_is_refused_like_a_wrong_keyword(monkeypatch: pytest.MonkeyPatch):
    """The environment has the same bounds."""
    monkeypatch.setenv("FOOTNOTE_PASSAGES", "1000")
    with pytest.raises(ConfigError, match="FOOTNOTE_PASSAGES"):
        Settings()


def test_several_mistakes_are_all_told():
    """One start shows them all."""
    with pytest.raises(ConfigError) as caught:
        Settings(passages=0, threads=-1)
    assert "FOOTNOTE_PASSAGES" in str(caught.value)
    assert "FOOTNOTE_THREADS" in str(caught.value)


SECRET = "sk-made-up-for-this-test"


def test_keys_are_never_shown(monkeypatch: pytest.MonkeyPatch):
    """Neither in the repr, nor in a dump, nor in a message about another mistake."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    settings = Settings(llm_key=SECRET, embedding_key=SECRET)
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == SECRET
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    with pytest.raises(ConfigError) as caught:
        Settings(llm_key=SECRET, passages=0)
    assert SECRET not in str(caught.value)


def test_folders_are_absolute(tmp_path: Path):
    """Whatever the working folder is later."""
    settings = Settings(home="library", models="~/models")
    assert settings.home == tmp_path / "library"
    assert settings.models == Path(os.path.expanduser("~/models"))
    assert Settings(home="a/../library").home == settings.home


def test_models_are_below_the_home_unless_set(monkeypatch: pytest.MonkeyPatch):
    """One folder to delete."""
    monkeypatch.delenv("FOOTNOTE_MODELS")
    assert Settings(home="library").models_folder == Settings(home="library").home / "models"
    assert Settings(models="elsewhere").models_folder.name == "elsewhere"


def test_settings_do_not_change():
    """They are read once."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.passages = 9


def test_there_is_always_a_core():
    """All those we may use, unless a number is set."""
    assert Settings().cores >= 1
    assert Settings(threads=3).cores == 3


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    """A `.env` that is not UTF-8 ends in an error of ours that says what to do."""
    (tmp_path / ".env").write_bytes(b"FOO=caf\xe9\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        Settings()
