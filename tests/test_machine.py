"""The machine, and the container around us, as we are told of them."""

import os
from pathlib import Path

import pytest

from outweigh import _machine


def test_there_is_at_least_one_core_and_some_memory():
    assert _machine.cores() >= 1
    assert _machine.free_memory() > 0


@pytest.mark.parametrize(
    ("most", "used", "free"),
    [("1000000", "400000", 600_000), ("1000000", "2000000", 0), ("max", "400000", None)],
)
def test_a_containers_limit_counts(monkeypatch, tmp_path, most, used, free):
    (tmp_path / "memory.max").write_text(f"{most}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    monkeypatch.setattr(_machine, "CGROUP", tmp_path)
    system = _machine._of_system()
    found = _machine.free_memory()
    if free is None:
        assert found == pytest.approx(system or _machine.ASSUMED, rel=0.2)
    else:
        assert found == free


def test_a_system_that_tells_nothing_is_taken_for_a_small_one(monkeypatch, tmp_path):
    monkeypatch.setattr(_machine, "CGROUP", tmp_path / "gone")
    monkeypatch.setattr(_machine, "_of_system", lambda: None)
    assert _machine.free_memory() == _machine.ASSUMED


# compiled programs


CACHE = "JAX_COMPILATION_CACHE_DIR"


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home without compiled programs; what is set there is gone after the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(CACHE, "before")
    monkeypatch.delenv(CACHE)
    return tmp_path


def test_compiled_programs_are_kept_where_only_their_user_writes(home):
    _machine.keep_compiled()
    folder = Path(os.environ[CACHE])
    assert folder.parent == home / "outweigh"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_programs_that_others_could_have_put_there_are_not_run(home, monkeypatch):
    _machine.keep_compiled()
    Path(os.environ[CACHE]).chmod(0o777)
    monkeypatch.delenv(CACHE)
    _machine.keep_compiled()
    assert CACHE not in os.environ


def test_a_users_own_choice_is_left_alone(home, monkeypatch):
    monkeypatch.setenv(CACHE, "mine")
    _machine.keep_compiled()
    assert os.environ[CACHE] == "mine"
    assert [*home.iterdir()] == []


def test_a_home_that_takes_no_folder_is_no_error(home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "file"))
    _machine.keep_compiled()
    assert CACHE not in os.environ


def test_the_oldest_programs_go_where_there_are_too_many(home, monkeypatch):
    _machine.keep_compiled()
    folder = Path(os.environ[CACHE])
    for age, name in enumerate("abcd"):
        (folder / name).write_bytes(bytes(10))
        os.utime(folder / name, (100 - age, 100 - age))
    monkeypatch.delenv(CACHE)
    monkeypatch.setattr(_machine, "MOST_KEPT", 25)
    _machine.keep_compiled()
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


def test_another_kind_of_processor_has_another_folder(monkeypatch, tmp_path):
    names = set()
    for flags in ("avx2", "avx2 avx512f"):
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\nbogomips : 1\n")
        monkeypatch.setattr(_machine, "CPU", tmp_path / "cpuinfo")
        names.add(_machine._processor())
    assert len(names) == 2
