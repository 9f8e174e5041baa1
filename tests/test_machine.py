"""The machine, and the container around us, as we are told of them."""

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
