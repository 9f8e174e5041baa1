"""Cost files: labels in any order and spelling, hostile ones too, and one line for each mistake."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh._cost_file import read_costs
from outweigh._errors import UsageError

COSTS = [[0, 1], [5, 0]]
PLAIN = "true,good,bad\ngood,0,1\nbad,5,0\n"


@pytest.fixture
def of_text(tmp_path):
    """Read the costs that a text, or bytes, would hold as a file."""

    def read(text, classes=("good", "bad")):
        path = tmp_path / "costs.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_costs(path, classes)

    return read


def table(classes, costs):
    """Write a cost file as any writer of CSV does."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["true", *classes])
    writer.writerows([label, *row] for label, row in zip(classes, costs, strict=True))
    return out.getvalue()


def refused(made):
    """Give the message of a mistake, which is one line."""
    with pytest.raises(UsageError) as caught:
        made()
    message = str(caught.value)
    assert message.isprintable()
    assert ": " in message.split("; ", 1)[1]  # what must hold; what came: what to do
    assert len(message) < 600
    assert caught.value.exit_code == 2
    return message


# what is read


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        "\n" + PLAIN.replace("\n", "\n\n"),
        "\ufeff" + PLAIN,
        "true , good, bad \n good,0 ,1\nbad, 5,0\n",
        '"true","good","bad"\n"good","0","1"\n"bad","5","0"\n',
        ",bad,good\nbad,0,5\ngood,1,0\n",  # another order, and no name for the corner
        "true,bad,good\ngood,1,0\nbad,0,5\n",  # rows in an order of their own
        "true,good,bad\ngood,0.0,1e0\nbad,+5.00,-0\n",
    ],
    ids=range(11),
)
def test_the_same_costs_however_they_are_written(of_text, text):
    costs = of_text(text)
    assert costs.matrix.tolist() == COSTS
    assert costs.classes == ("good", "bad")


def test_the_true_classes_are_the_rows(of_text):
    costs = of_text(PLAIN)
    assert costs.row_loss(np.array([1, 0]), np.array([0, 1])).tolist() == [5, 1]


def test_a_benefit_is_a_negative_cost(of_text):
    assert of_text("true,good,bad\ngood,0,1\nbad,5,-2\n").matrix.tolist() == [[0, 1], [5, -2]]


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(3)), st.permutations(range(3)))
def test_rows_and_columns_come_in_any_order(tmp_path_factory, lines, columns):
    costs = np.array([[0, 1, 4], [1.5, 0, 1], [4, 0.25, 0]])
    path = tmp_path_factory.mktemp("costs") / "costs.csv"
    path.write_text(
        "\n".join(
            [
                ",".join(["", *("abc"[d] for d in columns)]),
                *(",".join(["abc"[t], *(str(costs[t, d]) for d in columns)]) for t in lines),
            ]
        )
    )
    assert read_costs(path, ("a", "b", "c")).matrix.tolist() == costs.tolist()


# labels

HOSTILE = [
    ("a,b", "a;b"),
    ('say "no"', 'say "yes"'),
    ("two\nlines", "two\r\nlines"),
    ("a", "a "),
    (" ", "\t"),
    ("NaN", "inf"),
    ("true", "True"),
    ("1", "1.0"),
    ("\u2028", "\x0b"),
    ("\x1b[31mred", "\x00"),
    ("=1+1", "#"),
    ("é", "e\u0301"),
    ("🙂", "ﷺ"),
    ("x" * 5000, "x" * 4999),
]


@pytest.mark.parametrize("classes", HOSTILE, ids=range(len(HOSTILE)))
def test_a_label_may_be_any_text(of_text, classes):
    assert of_text(table(classes, COSTS), classes).matrix.tolist() == COSTS
    other = table(classes[::-1], [[0, 5], [1, 0]])
    assert of_text(other, classes).matrix.tolist() == COSTS


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True))
def test_what_a_writer_of_csv_writes_is_read(tmp_path_factory, labels):
    try:
        text = table(labels, costs := (1 - np.eye(len(labels))).tolist()).encode()
    except UnicodeEncodeError:  # half of a character is no text that a file can hold
        return
    path = tmp_path_factory.mktemp("costs") / "costs.csv"
    path.write_bytes(text)
    assert read_costs(path, labels).matrix.tolist() == costs


@pytest.mark.parametrize(
    ("classes", "written"),
    [
        ((0, 1), ("0", "1")),
        ((0, 1), ("0.0", "1.0")),
        ((0.0, 1.0), ("0.0", "1.0")),
        ((0.0, 1.0), ("0", "1")),
        ((0.5, 1.0), ("0.5", "1")),
        ((False, True), ("False", "True")),
        ((False, True), ("false", "true")),
        (("0", "1"), ("0", "1")),
        ((" good", "bad "), ("good", "bad")),
        ((-1, 10**20), ("-1", str(10**20))),
        ((-1.0, 1e20), ("-1", str(10**20))),
    ],
    ids=str,
)
def test_a_label_is_told_by_its_text(of_text, classes, written):
    assert of_text(table(written, COSTS), classes).matrix.tolist() == COSTS


@pytest.mark.parametrize("written", [("0", "true"), ("0", "True"), ("no", "1")], ids=str)
@pytest.mark.parametrize("classes", [(0, 1), (0.0, 1.0), ("0", "1")], ids=str)
def test_no_number_is_a_truth_value(of_text, classes, written):
    assert "has" in refused(lambda: of_text(table(written, COSTS), classes))


def test_no_truth_value_is_a_number(of_text):
    message = refused(lambda: of_text(table(("0", "1"), COSTS), (False, True)))
    assert "as its columns, False, True; 'costs.csv' has '0', '1'" in message


# mistakes

MISTAKES = {
    "empty": ("", "'costs.csv' is empty: write true,good,bad / good,0,1 / bad,5,0"),
    "blank lines": ("\n\n", "is empty"),
    "a byte order mark": ("\ufeff", "is empty"),
    "a head alone": ("true,good,bad\n", "as its rows; 'costs.csv' lacks 'good', 'bad'"),
    "numbers alone": ("0,1\n5,0\n", "with labels, 3 × 3 for 2 classes; 'costs.csv' is 2 × 2"),
    "semicolons": (PLAIN.replace(",", ";"), "3 × 3 for 2 classes; 'costs.csv' is 3 × 1"),
    "labels of columns alone": (
        "good,bad\n0,1\n5,0\n",
        "3 × 3 for 2 classes; 'costs.csv' is 3 × 2",
    ),
    "labels of rows alone": ("good,0,1\nbad,5,0\n", "as its columns, 'good', 'bad'; "),
    "a row too short": ("true,good,bad\ngood,0,1\nbad,5\n", "has rows of 2 and 3 cells"),
    "a row too long": ("true,good,bad\ngood,0,1\nbad,5,0,0\n", "has rows of 3 and 4 cells"),
    "spaces for a blank line": (PLAIN + "  \n", "has rows of 1 and 3 cells"),
    "ten cells and two": ("true,good\n" + ",".join("0" * 10), "has rows of 2 and 10 cells"),
    "a row too few": ("true,good,bad\ngood,0,1\n", "as its rows; 'costs.csv' lacks 'bad'"),
    "a column too few": ("true,good\ngood,0\nbad,5\n", "as its columns; 'costs.csv' lacks 'bad'"),
    "a strange column": (PLAIN.replace(",bad", ",ugly"), "as its columns, 'good', 'bad'"),
    "a strange row": (PLAIN.replace("\nbad", "\nugly"), "'costs.csv' has 'ugly': write"),
    "another case": (PLAIN.replace("good", "Good"), "has 'Good'"),
    "a class more": (
        "true,good,bad,ugly\ngood,0,1,1\nbad,1,0,1\nugly,1,1,0\n",
        "has 'ugly'",
    ),
    "a column twice": (
        "true,good,good\ngood,0,1\nbad,5,0\n",
        "as its columns, each once; in 'costs.csv' 'good' comes more than once",
    ),
    "a row twice": (PLAIN + "bad,5,0\n", "as its rows, each once; in 'costs.csv' 'bad' comes"),
    "no cost": (PLAIN.replace("5", ""), "has '' for the true class 'bad'"),
    "a word": (PLAIN.replace("5", "five"), "has 'five' for the true class 'bad'"),
    "a decimal comma": (PLAIN.replace("5", '"0,5"'), "has '0,5' for the true class 'bad'"),
    "no number": (PLAIN.replace("5", "nan"), "has 'nan'"),
    "infinity": (PLAIN.replace("5", "inf"), "has 'inf'"),
    "minus infinity": (PLAIN.replace("5", "-Infinity"), "has '-Infinity'"),
    "too large": (PLAIN.replace("5", "1e999"), "has '1e999'"),
    "a mistake for nothing": (PLAIN.replace("5", "0"), "for the true class 'bad' came 0.0, 0.0"),
    "a quote left open": (PLAIN + '"bad', "must name a CSV file that can be read"),
    "a quote in the middle": (PLAIN.replace("good", '"go"od'), "must name a CSV file"),
    "no UTF-8": (PLAIN.encode("utf-16"), "must name a CSV file that can be read"),
    "Latin-1": (PLAIN.replace("good", "gööd").encode("latin-1"), "must name a CSV file"),
    "a cell too long": (f"true,{'x' * 200_000},bad\n", "must name a CSV file"),
    "a control character": (PLAIN.replace("5", "\x1b[31m\u2028"), "has '\\x1b[31m\\u2028'"),
    "a long label": (PLAIN.replace("good", "g" * 5000), "has 'ggg"),
    "zeros": (b"\0" * 100, "'costs.csv' is 1 × 1"),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_file_is_told_in_one_line(of_text, text, said):
    assert said in refused(lambda: of_text(text))


def test_a_label_in_two_spellings_comes_twice(of_text):
    text = "true,0,1,1.0\n0,0,1,1\n1,1,0,1\n"
    assert "1 comes more than once" in refused(lambda: of_text(text, (0, 1)))


def test_what_is_lacking_is_said_as_the_label_is(of_text):
    message = refused(lambda: of_text("true,0\n0,0\n1,1\n", (0, 1)))
    assert "as its columns; 'costs.csv' lacks 1: add" in message


def test_numbers_alone_are_not_taken_for_labels(of_text):
    message = refused(lambda: of_text("0,1\n5,0\n", (0, 1)))
    assert "with labels, 3 × 3 for 2 classes; 'costs.csv' is 2 × 2" in message


def test_of_very_many_classes_some_are_named(of_text):
    message = refused(lambda: of_text(PLAIN, [f"class {k}" for k in range(1000)]))
    assert "'class 7' and 992 more" in message


@pytest.mark.parametrize(
    ("classes", "example"),
    [
        ((0, 1), "true,0,1 / 0,0,1 / 1,5,0"),
        ((False, True), "true,False,True / False,0,1 / True,5,0"),
        (("a,b", 'say "no"'), 'true,"a,b","say ""no""" / "a,b",0,1 / "say ""no""",5,0'),
        ((1.5, "x" * 30), f"true,1.5,'{'x' * 30}' / 1.5,0,1 / '{'x' * 30}',5,0"),
        (("a\n", "\u202e"), r"true,'a\n','\u202e' / 'a\n',0,1 / '\u202e',5,0"),
        ("abc", "true,a,b,c / a,0,1,1 / b,1,0,1 / c,5,5,0"),
        (range(10), "true,0,1,2,… / 0,0,1,1,… / 1,1,0,1,… / 2,5,5,0,… / …"),
    ],
)
def test_an_example_has_the_labels_of_the_table(of_text, classes, example):
    for text in ("", "true,ugly\nugly,0\n", "x,y\n1\n"):
        assert refused(lambda text=text: of_text(text, classes)).endswith(f": write {example}")


@pytest.mark.parametrize("classes", [(0, 1), ("a,b", 'say "no"'), "abc"])
def test_an_example_can_be_copied(of_text, classes):
    example = refused(lambda: of_text("", classes)).partition(": write ")[2]
    assert of_text(example.replace(" / ", "\n"), classes).matrix[-1, 0] == 5


@pytest.mark.parametrize("name", ["missing.csv", "folder", "line\nbreak\x1b.csv", "x" * 300])
def test_a_file_that_cannot_be_opened_is_told_in_one_line(tmp_path, name):
    (tmp_path / "folder").mkdir()
    message = refused(lambda: read_costs(tmp_path / name, ("good", "bad")))
    assert "must name a CSV file that can be read" in message


def test_a_hostile_name_of_a_file_is_shown_on_one_line(tmp_path):
    path = tmp_path / "line\nbreak\x1b.csv"
    path.write_text("")
    assert r"line\nbreak\x1b.csv" in refused(lambda: read_costs(path, ("good", "bad")))
