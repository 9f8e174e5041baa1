"""The terminal: a summary that fits, says all, and steers nothing."""

import copy
import sys
import unicodedata

import pytest

from outweigh._errors import TableError, UsageError
from outweigh._reading import one_line, printable, quoted, shown
from outweigh._roles import require_known
from outweigh._terminal import (
    MOST_MARKS,
    MOST_REMEDIES,
    OF_THE_TEST,
    answer,
    clean,
    demo_summary,
    say,
    summary,
)
from tests.hostile_texts import LONE_SURROGATES, hostile_texts
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


def test_a_star_is_told_of_where_a_title_has_one(remedies, capsys, monkeypatch):
    assert "* per 1,000 cases. AP: average precision" in printed(remedies, capsys, monkeypatch)
    changed = copy.deepcopy(remedies)
    for setting in changed["settings"]:
        setting["expected_cost"]["value"], setting["score"]["value"] = None, 0.5
    assert "*" not in printed(changed, capsys, monkeypatch)


def test_who_is_referred_has_a_column_where_anybody_can_be(remedies, capsys, monkeypatch):
    assert "referred" not in printed(remedies, capsys, monkeypatch)
    changed = copy.deepcopy(remedies)
    for setting in changed["settings"]:
        setting["referred_share"]["value"] = 0.123
    text = printed(changed, capsys, monkeypatch)
    assert "referred" in text.split("none")[0]
    assert "12.3 %" in " ".join(row_of(text, "smote", part=0))


NOTHING = {"value": None}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {"expected_cost": 12.345, "recall": 0.5, "flagged_share": 0.25, "referred_share": 0.1},
            "cost 12.35 per 1,000, recall 50.0 %, flagged 25.0 %, referred 10.0 % (held-out)",
        ),
        (
            {"score": 0.23881, "recall": 0.5, "flagged_share": 0.25},
            "f1 0.239, recall 50.0 %, flagged 25.0 % (held-out)",
        ),
        ({"score": 0.23881}, "f1 0.239 (held-out)"),
    ],
)
def test_the_test_rows_are_summed_up_in_what_there_is(remedies, capsys, monkeypatch, found, said):
    changed = copy.deepcopy(remedies)
    changed["objective"] |= {"name": "f1"}
    scores = dict.fromkeys(OF_THE_TEST, NOTHING) | {k: {"value": v} for k, v in found.items()}
    changed["test"] = {role: {"setting": "none", **scores} for role in ("chosen", "twin")}
    text = " ".join(printed(changed, capsys, monkeypatch).split())
    assert f"On the test rows, chosen (none): {said}" in text
    assert "twin (" not in text


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


# text from elsewhere


INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe0f\U000e0100"


def steers(text):
    """The characters that a terminal would obey, or its reader not see, line breaks aside."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    seen = {c for c in text if c != "\n" and unicodedata.category(c) in kinds}
    return seen | ({*text} & {*INVISIBLE})


def test_no_character_steers_hides_or_breaks_a_line():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert steers(every) > {"\x1b", "\x9b", "\r", "\u202e", "\u2028", "\ud800", "\u200b", "\xad"}
    kept = clean(every)
    assert not steers(kept)
    assert "\n" not in kept
    for text in ("plain", "ünï 漢字 🙂", "שלום", "[red]a[/red] :smile:", "a = b\\n", "é̂"):
        assert clean(text) == text


def test_line_breaks_and_tabs_become_spaces():
    for c in "\t\n\v\f\r\x85\u2028\u2029":
        assert clean(f"a{c}b") == "a b"
    assert clean("a\r\nb") == "a  b"


def test_marks_pile_up_only_so_high():
    assert clean("e" + "\u0301" * 500 + "f") == "e" + "\u0301" * MOST_MARKS + "f"
    assert clean("e" + "\u0301\u200b" * 500) == "e" + "\u0301" * MOST_MARKS


def squeezed(text):
    return "".join(text.split())


def hostile_record(results, texts):
    """The record with texts wherever text from elsewhere may stand."""
    changed = copy.deepcopy(results)
    of = lambda i: "; ".join(texts[i::40])  # forty places, and every text in one of them
    data = changed["data"]
    data |= {"source": of(0), "notes": [of(1), of(2)], "classes": {of(3): 1, of(4): 2}}
    changed["objective"] |= {"text": of(5), "world": of(6)}
    changed["verdict"] |= {"text": of(7)}
    changed["design"] |= {"judged": of(8)}
    name = of(9)
    changed["chosen"] |= {"setting": name, "reason": of(10), "text": of(11)}
    remedies = [s for s in changed["settings"] if s["kind"] != "weights"]
    for i, setting in enumerate(remedies):
        setting["name"] = name if i == 0 else of(12 + i)
    last = 12 + len(remedies)
    numbers = {key: {"value": 0.5} for key in OF_THE_TEST}
    changed["test"] = {
        role: {"setting": of(last + i), **numbers} for i, role in enumerate(("chosen", "twin"))
    }
    changed["findings"] = [{"title": of(i), "remedy": of(i + 1)} for i in range(last + 2, 40, 2)]
    return changed, {i: of(i) for i in range(40)}


def test_ten_thousand_hostile_texts_steer_no_terminal(remedies, capsys, monkeypatch):
    texts = [*hostile_texts(), *LONE_SURROGATES]
    assert len(texts) > 10_000
    changed, placed = hostile_record(remedies, texts)
    text = printed(changed, capsys, monkeypatch, width=200)
    assert not steers(text)
    whole = squeezed(text)
    for i in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 39):
        assert squeezed(clean(placed[i])) in whole  # markup, too, is shown and not obeyed


def demo_record(run="a", network="b", verdict="c", *, flagged=0.5, precision=0.5):
    """What the summary of the demo reads, of one network."""
    part = {"rows": 10, "classes": {"0": 9, "1": 1}}
    positive = {"recall": 0.5, "precision": precision}
    areas = {"roc_auc": 0.9, "average_precision": 0.5}
    said = {"name": run, "report": {"1": positive}, "claimed_recall": 0.5, "flagged_share": flagged}
    return {
        "data": {"training": part, "test": part},
        "tutorial": [said],
        "bayes_limit": {**areas, "exact": areas},
        "demo": {
            "networks": [
                {"name": network, "collapsed": [0], "seeds": 1, "verdict": {"text": verdict}}
            ]
        },
        "timing": {"seconds": {"total": 1.0}},
    }


def test_where_the_demo_flags_nobody_there_is_no_precision(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    demo_summary(demo_record("basic", flagged=0.0, precision=0.0))
    assert "basic 0.50 0.50 – 0.0 %" in " ".join(capsys.readouterr().out.split())
    demo_summary(demo_record("basic", flagged=0.1, precision=0.0))
    assert "basic 0.50 0.50 0.000 10.0 %" in " ".join(capsys.readouterr().out.split())


def test_ten_thousand_hostile_texts_steer_no_summary_of_the_demo(capsys, monkeypatch):
    texts = [*hostile_texts(), *LONE_SURROGATES]
    monkeypatch.setenv("COLUMNS", "200")
    first, second, third = ("; ".join(texts[i::3]) for i in range(3))
    demo_summary(demo_record(first, second, third))
    text = capsys.readouterr().out
    assert not steers(text)
    for placed in (second, third):
        assert squeezed(clean(placed)) in squeezed(text)


def test_hostile_texts_in_errors_are_one_plain_line(capsys):
    for text in [*hostile_texts(), *LONE_SURROGATES]:
        with pytest.raises(TableError) as caught:
            require_known("--group", text, [f"{text}x", "a"], text)
        for message in (
            str(caught.value),
            shown(text),
            quoted([text, text]),
            printable(text),
            one_line(ValueError(text)),
        ):
            assert message.isprintable()
        say(f"outweigh: {UsageError(text)}")
        answer(text)
    captured = capsys.readouterr()
    for stream in (captured.out, captured.err):
        assert not steers(stream)
        assert len(stream.splitlines()) == len(hostile_texts()) + len(LONE_SURROGATES)
