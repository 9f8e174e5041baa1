"""The terminal: a summary that fits, says all, and steers nothing."""

import copy

import pytest

from outweigh._terminal import MOST_REMEDIES, summary
from tests.test_record import recorded
from tests.trainers import world


@pytest.fixture(scope="module")
def remedies():
    return recorded(world(600), settings="path:4,focal:2,smote", references="logistic")[1]


def printed(results, capsys, monkeypatch, width=100):
    monkeypatch.setenv("COLUMNS", str(width))
    summary(results)
    return capsys.readouterr().out


def row_of(text, name, *, part):
    """The words of a setting's row in the first table or the second."""
    tables = text.split("against none")
    [row] = [line.split() for line in tables[part].splitlines() if line.split()[:1] == [name]]
    return row


def test_remedies_have_a_table_of_their_own(remedies, capsys, monkeypatch):
    changed = copy.deepcopy(remedies)
    changed["verdict"]["best"] = "balanced"
    [smote] = [s for s in changed["settings"] if s["name"] == "smote"]
    smote["versus_none"]["cost"] |= {"value": 8.26, "interval": [2.1, 14.4], "says": "better"}
    smote["versus_none"]["ranking"] |= {"value": -0.04, "says": "worse"}
    smote["versus_none"]["calibration"] |= {"value": None, "says": "no detectable difference"}
    text = printed(changed, capsys, monkeypatch)
    row = ["smote†", "better", "+8.3", "+2.1", "to", "+14.4", "worse", "+0.0", "–"]
    assert row_of(text, "smote†", part=1) == row
    names = [
        line.split()[0] for line in text.split("against none")[1].splitlines() if " to " in line
    ]
    assert names[:4] == ["balanced", "focal:2", "smote†", "logistic"]
    assert "† What it does to probabilities has no exact inverse" in " ".join(text.split())
    for name in ("none", "power:1.4", "focal:2", "smote", "logistic"):
        assert row_of(text, name, part=0)


def test_where_all_is_undone_no_mark_is_told_of(remedies, capsys, monkeypatch):
    changed = copy.deepcopy(remedies)
    changed["settings"] = [s for s in changed["settings"] if s["name"] != "smote"]
    assert "†" not in printed(changed, capsys, monkeypatch)


def test_class_weights_alone_have_no_second_table(remedies, capsys, monkeypatch):
    changed = copy.deepcopy(remedies)
    changed["settings"] = [s for s in changed["settings"] if s["kind"] == "weights"]
    assert "against none" not in printed(changed, capsys, monkeypatch)


def test_without_class_weights_the_remedies_stand_alone(remedies, capsys, monkeypatch):
    changed = copy.deepcopy(remedies)
    of_weights = lambda s: s["kind"] == "weights" and s["name"] != "none"
    changed["settings"] = [s for s in changed["settings"] if not of_weights(s)]
    changed["verdict"]["best"] = "none"
    text = printed(changed, capsys, monkeypatch)
    assert row_of(text, "focal:2", part=1)
    assert not [line for line in text.split("against none")[1].splitlines() if line[:4] == "none"]


@pytest.mark.parametrize("n", [MOST_REMEDIES, MOST_REMEDIES + 3])
def test_of_very_many_the_first_are_shown_and_the_rest_counted(remedies, capsys, monkeypatch, n):
    changed = copy.deepcopy(remedies)
    [smote] = [s for s in changed["settings"] if s["name"] == "smote"]
    weights = [s for s in changed["settings"] if s["kind"] == "weights"]
    changed["settings"] = weights + [smote | {"name": f"smote-{i}"} for i in range(n)]
    text = printed(changed, capsys, monkeypatch)
    assert row_of(text, f"smote-{MOST_REMEDIES - 1}†", part=1)
    assert (f"smote-{MOST_REMEDIES}" in text.split("against none")[1]) is False
    assert ("3 more stand in the report" in " ".join(text.split())) == (n > MOST_REMEDIES)


def test_a_long_name_is_shown_whole(remedies, capsys, monkeypatch):
    changed = copy.deepcopy(remedies)
    name = "hist-gradient-boosting+balanced"
    changed["settings"][-1]["name"] = name
    text = printed(changed, capsys, monkeypatch, width=70).split("against none")[1]
    assert name in "".join(line.split()[0] for line in text.splitlines() if line.split())


def test_a_name_steers_no_terminal(remedies, capsys, monkeypatch):
    changed = copy.deepcopy(remedies)
    changed["settings"][-1]["name"] = "[red]a\x1b[2J"
    text = printed(changed, capsys, monkeypatch)
    assert "\x1b" not in text
    assert row_of(text, "[red]a[2J", part=1)
