"""Cases: rows with their decisions, the most worth acting on first, in files that do no harm."""

import csv
import io
import itertools
import math
import os
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh import Cost, UsageError
from outweigh._cases import QUOTES, SIGNS, acts, cases, check_out, for_terminal, to_csv, write
from outweigh._columns import number_columns
from outweigh._model import Model
from outweigh._operating import REFER, Cutoff, LeastCost, LeastRowCost
from tests.hostile_texts import hostile_texts
from tests.models import NAMES, by_hand

P = np.array([0.2, 0.9, 0.2, 0.5, 0.05])
THREE = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]])


@pytest.fixture
def told(monkeypatch):
    """Cases of given probabilities."""

    def of(probability, *, classes=None, ids=None, rule=None, **options):
        p = np.asarray(probability, dtype=float)
        p = np.stack([1 - p, p], axis=1) if p.ndim == 1 else p
        columns = number_columns(np.zeros((len(p), 1)), ["a"])
        model = by_hand(number_columns(np.eye(2), "ab"), k=p.shape[1])
        monkeypatch.setattr(Model, "predict_proba", lambda model, columns: p)
        object.__setattr__(model, "classes", classes or model.classes)
        object.__setattr__(model, "rule", rule or model.rule)
        return cases(model, columns, ids, **options)

    return of


NINE = LeastCost(Cost(fn=9, fp=1).matrix)


# cases


def test_the_largest_saving_comes_first_and_ties_keep_their_order(told):
    table = told(P, rule=NINE, classes=("no", "yes"))
    assert table.column_names == ["row", "probability", "decision", "expected cost saved"]
    assert table["row"].to_pylist() == [1, 3, 0, 2, 4]
    assert table["probability"].to_pylist() == [0.9, 0.5, 0.2, 0.2, 0.05]
    assert table["decision"].to_pylist() == ["yes", "yes", "yes", "yes", "no"]
    assert table["expected cost saved"].to_pylist() == pytest.approx([8, 4, 1, 1, -0.5])


def test_costs_change_decision_and_ranking(told):
    even = told([0.4, 0.6, 0.7], rule=LeastCost(Cost(fn=1, fp=1).matrix), classes=(False, True))
    assert even["row"].to_pylist() == [2, 1, 0]
    assert even["decision"].to_pylist() == ["True", "True", "False"]
    assert even["expected cost saved"].to_pylist() == pytest.approx([0.4, 0.2, -0.2])
    hardly = LeastCost(np.array([[0.0, 1], [2, 1.5]]))  # flagging helps little
    little = told([0.4, 0.6, 0.7], rule=hardly)
    assert little["row"].to_pylist() == [2, 1, 0]
    assert little["decision"].to_pylist() == ["class 1", "class 0", "class 0"]
    assert little["expected cost saved"].to_pylist() == pytest.approx([0.05, -0.1, -0.4])


def test_three_classes_have_a_probability_each(told):
    table = told(THREE, rule=LeastCost(1 - np.eye(3)), classes=("a", "b", "c"))
    names = ["probability a", "probability b", "probability c"]
    assert table.column_names == ["row", *names, "decision", "expected cost saved"]
    rows = table["row"].to_pylist()
    assert rows == [1, 2, 0]  # "a" is what is decided for everybody
    for name, p in zip(names, THREE.T, strict=True):
        assert table[name].to_pylist() == p[rows].tolist()
    assert table["decision"].to_pylist() == ["b", "c", "a"]
    assert table["expected cost saved"].to_pylist() == pytest.approx([0.7, 0.6, 0])


@pytest.mark.parametrize(
    "labels", [(0, 1), (-1.5, 1e300), (False, True), ("=1+1", "it's"), ("\u202eא", "two\nlines")]
)
def test_labels_of_any_kind_are_told_as_text(told, labels):
    table = told([0.1, 0.9], rule=LeastCost(Cost(fn=1, fp=1).matrix), classes=labels)
    assert table["decision"].to_pylist() == [str(labels[1]), str(labels[0])]


def test_what_a_row_costs_decides_about_it_and_ranks_it(told):
    table = told([0.1, 0.1, 0.9], rule=LeastRowCost(fp=1), amount=np.array([1.0, 100, 2]))
    assert table["row"].to_pylist() == [1, 2, 0]
    assert table["decision"].to_pylist() == ["class 1", "class 1", "class 0"]
    assert table["expected cost saved"].to_pylist() == pytest.approx([9.1, 1.7, -0.8])


def test_a_case_may_be_referred(told):
    table = told([0.01, 0.1, 0.9], rule=LeastCost(np.array([[0.0, 1, 0.3], [9, 0, 0.3]])))
    assert dict(zip(table["row"].to_pylist(), table["decision"].to_pylist(), strict=True)) == {
        0: "class 0",
        1: REFER,
        2: "class 1",
    }


def test_without_costs_the_likeliest_come_first(told):
    table = told([0.2, 0.9, 0.4], rule=Cutoff(0.3))
    assert table.column_names == ["row", "probability", "decision"]
    assert table["row"].to_pylist() == [1, 2, 0]
    assert table["decision"].to_pylist() == ["class 1", "class 1", "class 0"]


IDS = {
    "text": pa.array(["b", "a", "", None, "b"]),
    "long text": pa.array([f"{name}" for name in NAMES[:5]], pa.large_string()),
    "numbers": pa.array([7, -7, 7, None, 2**62]),
    "fractions": pa.array([0.5, -0.5, None, 1e300, 5e-324]),
    "truth": pa.array([True, False, None, True, True]),
    "days": pa.array([date(2020, 1, 1)] * 5),
    "moments": pa.array([datetime(2020, 1, 1, 2, 3, 4, 5)] * 5, pa.timestamp("us", "UTC")),
    "durations": pa.array([timedelta(1)] * 5),
    "times": pa.array([time(12)] * 5),
    "decimals": pa.array([Decimal("1.10")] * 5),
    "nothing": pa.nulls(5),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_of_any_kind_are_carried(told, kind, tmp_path):
    ids = IDS[kind]
    table = told(P, ids=ids, name="who", rule=NINE)
    order = [1, 3, 0, 2, 4]
    assert table["who"].type == ids.type
    assert table["who"].to_pylist() == ids.take(pa.array(order)).to_pylist()
    write(table, tmp_path / "c.csv")
    write(table, tmp_path / "c.parquet")
    assert pq.read_table(tmp_path / "c.parquet")["who"].to_pylist() == table["who"].to_pylist()
    assert pv.read_csv(tmp_path / "c.csv").num_rows >= 5


@pytest.mark.parametrize("name", ["decision", "probability", "expected cost saved"])
def test_an_id_with_the_name_of_a_column_gives_way(told, name, tmp_path):
    table = told(P, ids=pa.array(list("abcde")), name=name)
    assert table.column_names[0] == f"{name} (id)"
    assert len({*table.column_names}) == len(table.column_names)
    write(table, tmp_path / "c.parquet")
    for back in (pq.read_table, pd.read_parquet, pl.read_parquet):
        assert back(tmp_path / "c.parquet")[f"{name} (id)"][0] is not None


def test_an_id_gives_way_to_a_label_too(told):
    labels = ("a", "a (id)", "c")
    table = told(THREE, classes=labels, name="probability a", ids=pa.array([1, 2, 3]))
    assert table.column_names[0] == "probability a (id) (id)"


def test_no_rows_are_a_table_of_no_rows(told, tmp_path):
    for p, ids in ((P[:0], None), (THREE[:0], pa.array([], pa.large_string()))):
        table = told(p, ids=ids)
        assert table.num_rows == 0
        header = table.column_names
        assert to_csv(table) == ",".join(f'"{name}"' for name in header) + "\n"
        write(table, tmp_path / f"{len(header)}.parquet")
        assert pq.read_table(tmp_path / f"{len(header)}.parquet").schema == table.schema


# files


def rows_of(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def computes(cell):
    """The rule of a careful spreadsheet: what it would compute, or could be led to compute."""
    hidden = lambda c: c.isspace() or c in QUOTES or unicodedata.category(c) in ("Cc", "Cf")
    start = "".join(itertools.takewhile(hidden, cell))
    if {*start} & {*"\t\r\n\0"} or start == cell:
        return bool({*start} & {*"\t\r\n\0"})
    kind, _, code = unicodedata.decomposition(cell[len(start)]).partition(" ")
    first = chr(int(code, 16)) if kind in ("<wide>", "<small>") else cell[len(start)]
    return first in "=+-@"


UNSEEN = ["", " ", "  ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u202e", "\x1b", "\x01"]
BEFORE = [*UNSEEN, *QUOTES, ' "', "\"'", "'" * 3, "\u200b ' "]
SIGNED = [f"{before}{sign}1+1" for before in BEFORE for sign in SIGNS]
SIGNED += [f"{opener}{text}" for opener in "\t\r\n\0" for text in ("", "x", "=1")]


def cells_of(table, **options):
    """The rows of a table written as CSV; this reader knows no NUL."""
    marked = rows_of(to_csv(table, **options).replace("\0", "␀"))
    return [[cell.replace("␀", "\0") for cell in row] for row in marked]


def test_no_text_is_active_in_a_spreadsheet():
    for text in SIGNED:
        assert computes(text)
        table = pa.table([[text, None, "x"], ["x", f"x{text}", ""]], [text, "id"])
        header, *rows = cells_of(table)
        assert header == [f"'{text}", "id"]
        assert rows == [[f"'{text}", "x"], ["", f"x{text}"], ["x", ""]]


def test_what_a_spreadsheet_would_not_compute_is_left_alone():
    texts = [
        "a=1",
        "x",
        "1-1",
        "(=1)",
        "é+",
        "☃@",
        "'",
        '"',
        " ",
        "",
        "'a=",
        "1\n=1",
        "⁺",
        "_=",
        "−1",
    ]
    assert not any(map(computes, texts))
    assert cells_of(pa.table({"id": texts}))[1:] == [[text] for text in texts]


def test_a_line_break_or_a_comma_in_a_text_begins_no_cell():
    texts = ["a\n=1+1", "a\r\n@x", "a,=1", 'a"\n"=1', "a;=1", 'a","=1']
    table = pa.table({"id": texts, "n": range(len(texts))})
    assert cells_of(table)[1:] == [[text, str(i)] for i, text in enumerate(texts)]
    assert pd.read_csv(io.StringIO(to_csv(table)))["id"].tolist() == texts


def test_an_apostrophe_that_was_put_can_be_told_from_one_that_came():
    came = [*SIGNED, *(f"'{text}" for text in SIGNED), "'", "''", "'a", "a", "'a=", ""]
    for text, [cell] in zip(came, cells_of(pa.table({"id": came}))[1:], strict=True):
        put = cell.startswith("'") and acts(cell[1:])
        assert (cell[1:] if put else cell) == text


def test_raw_text_is_as_it_came(tmp_path):
    table = pa.table({"=id": SIGNED, "n": range(len(SIGNED))})
    header, *rows = cells_of(table, raw_text=True)
    assert header == ["=id", "n"]
    assert [row[0] for row in rows] == SIGNED
    write(table, tmp_path / "raw.csv", raw_text=True)
    assert (tmp_path / "raw.csv").read_bytes().decode() == to_csv(table, raw_text=True)
    for raw in (False, True):
        write(table, tmp_path / f"{raw}.parquet", raw_text=raw)
        assert pq.read_table(tmp_path / f"{raw}.parquet").equals(table)


def test_ten_thousand_hostile_texts_are_inert_and_come_back():
    texts = hostile_texts()
    assert len(texts) >= 10_000
    tame = [f"'{text}" if computes(text) else text for text in texts]
    table = pa.table({"id": texts, "label": texts[::-1], "p": np.linspace(-1, 1, len(texts))})
    _, *rows = cells_of(table)
    assert [row[0] for row in rows] == tame
    assert [row[1] for row in rows] == tame[::-1]
    assert [float(row[2]) for row in rows] == table["p"].to_pylist()
    assert cells_of(pa.table([[1]] * len(texts), texts))[0] == tame


def test_numbers_are_left_alone():
    table = pa.table({"n": [-1, 2], "x": [-0.5, 1e300], "d": pa.array([Decimal("-1.5"), None])})
    assert to_csv(table) == '"n","x","d"\n-1,-0.5,-1.5\n2,1e+300,\n'


def test_a_number_in_a_text_is_a_text():
    assert to_csv(pa.table({"id": ["-5", "007"]})) == '"id"\n"\'-5"\n"007"\n'


def test_parquet_holds_texts_as_they_came(tmp_path):
    table = pa.table({"=id": ["=1+1", "-5", "\x1b[31m", "@x"], "p": [0.1, 0.2, 0.3, 0.4]})
    write(table, tmp_path / "c.parquet")
    assert pq.read_table(tmp_path / "c.parquet").equals(table)


HOSTILE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(max_examples=200, deadline=None)
@given(cells=st.lists(HOSTILE, min_size=1), name=HOSTILE)
def test_texts_come_back_from_every_reader(cells, name):
    table = pa.table([pa.array(cells), pa.array(range(len(cells)))], [name, "n"])
    tame = lambda text: f"'{text}" if computes(text) else text
    data = to_csv(table).encode()
    options = {"parse_options": pv.ParseOptions(newlines_in_values=True)}
    strings = pv.ConvertOptions(column_types={tame(name): pa.string()})
    by_arrow = pv.read_csv(io.BytesIO(data), convert_options=strings, **options)
    assert by_arrow.column(0).to_pylist() == [tame(cell) for cell in cells]
    by_pandas = pd.read_csv(
        io.BytesIO(data), dtype={0: str}, keep_default_na=False, header=None, skiprows=0
    )
    expected = [tame(name), *(tame(cell) for cell in cells)]
    assert by_pandas[0].tolist() == expected
    assert [row[0] for row in rows_of(data.decode())] == expected


def test_probabilities_keep_every_digit(told):
    p = np.random.default_rng(0).random(50)
    table = told(p)
    back = pv.read_csv(io.BytesIO(to_csv(table).encode()))
    for name in ("probability", "expected cost saved"):
        assert back[name].to_pylist() == table[name].to_pylist()


def test_what_could_steer_a_terminal_is_left_out_and_counted():
    turning = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
    codes = (*range(32), 127, *range(128, 160), *turning)
    steering = [chr(c) for c in codes if chr(c) not in "\t\n"]
    table = pa.table({"i\x1bd": [f"a{c}b" for c in steering], "n": range(len(steering))})
    shown, n_changed = for_terminal(table)
    assert shown.column_names == ["id", "n"]
    assert {*shown["id"].to_pylist()} == {"ab"}
    assert n_changed == len(steering) + 1
    plain = pa.table({"id": ["\t", "two\nlines", "א\u200f", "🙂", "", None], "n": range(6)})
    assert for_terminal(plain) == (plain, 0)


# where to


def test_a_file_is_new_and_has_a_known_ending(tmp_path):
    for name in ("a.csv", "a.PARQUET", "a b.Csv", ".csv.csv"):
        check_out(tmp_path / name)
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere")
    wrong = {
        "there.csv": "must be a new file",
        "folder.csv": "must be a new file",
        "link.csv": "must be a new file",
        "a.xlsx": r"must end in \.csv or \.parquet; came 'a\.xlsx'",
        "a": "must end in",
        ".csv": "must end in",
        "a\x1b[2J\n.txt": r"came 'a\\x1b\[2J\\n\.txt'",
        "nowhere/a.csv": "must lie in a folder that exists",
        "there.csv/a.csv": "must lie in a folder that exists",
    }
    for name, says in wrong.items():
        with pytest.raises(UsageError, match=says) as caught:
            check_out(tmp_path / name)
        assert str(caught.value).isprintable()
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_folder_that_may_not_be_written_to_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match="can be written to"):
        check_out(tmp_path / "a.csv")


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path):
    path = tmp_path / f"{'x' * 252}.csv"
    with pytest.raises(UsageError, match=r"--out must name a file that can be written: \[Errno"):
        write(pa.table({"a": [1]}), path)
    assert list(tmp_path.iterdir()) == []


def test_a_nan_is_no_trouble():
    assert math.isnan(pd.read_csv(io.StringIO(to_csv(pa.table({"id": [math.nan]}))))["id"][0])
