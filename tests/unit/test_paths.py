"""Where a profile's files lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.app.errors import UsageError
from workbench.app.paths import DATA_DIR_VARIABLE, assets_dir, default_data_dir, guide_model, paths_for


def test_a_given_folder_holds_the_whole_profile(tmp_path: Path) -> None:
    paths = paths_for(tmp_path / "p", {DATA_DIR_VARIABLE: "/elsewhere"})
    assert paths.data_dir == tmp_path / "p"
    for place in (paths.config_file, paths.settings_file, paths.database, paths.lock_file):
        assert place.parent == tmp_path / "p"
    for folder in (paths.backups, paths.logs, paths.models):
        assert folder.parent == tmp_path / "p"


def test_naming_a_profile_creates_nothing(tmp_path: Path) -> None:
    paths_for(tmp_path / "p", {})
    assert list(tmp_path.iterdir()) == []


def test_the_variable_names_the_profile_when_no_folder_is_given(tmp_path: Path) -> None:
    assert paths_for(None, {DATA_DIR_VARIABLE: str(tmp_path)}).data_dir == tmp_path


def test_an_empty_variable_counts_as_unset() -> None:
    paths = paths_for(None, {DATA_DIR_VARIABLE: ""})
    assert paths.data_dir == default_data_dir()
    assert paths.config_file.name == "config.toml"
    assert paths.data_dir.is_absolute() and paths.config_file.is_absolute()


def test_a_relative_folder_needs_a_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths_for(Path("p"), {}).data_dir == tmp_path / "p"
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="cannot be told"):
        paths_for(Path("p"), {})


def test_the_process_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    assert paths_for().data_dir == tmp_path


def test_a_relative_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths_for(Path("here"), {}).database == tmp_path / "here" / "workbench.db"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths_for(Path("~/p"), {}).data_dir == tmp_path / "p"


def test_a_home_that_does_not_exist_is_a_clear_error() -> None:
    with pytest.raises(UsageError) as caught:
        paths_for(Path("~no-such-user-here/p"), {})
    assert "~no-such-user-here" in caught.value.message


def test_the_guide_comes_with_the_program() -> None:
    assert guide_model().is_file()
    assert guide_model().is_relative_to(assets_dir())
