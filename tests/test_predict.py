"""``outweigh predict``: new rows in, decisions out, and one clear line where that cannot be."""

import csv
import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from outweigh import _cli
from outweigh._bundle import load, save
from outweigh._columns import columns_of, number_columns
from outweigh._rows import read_rows
from tests.models import by_hand
from tests.trainers import linear

N = 240
FAST = ["--settings", "balanced", "--folds", "2", "--seeds", "2", "--epochs", "2"]
NETWORKS = """
import keras

def build(d, k):
    layers = [keras.Input((d,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(k, "sigmoid")]
    return keras.Sequential(layers)

def wider(d, k):
    layers = [keras.Input((d,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(k, "sigmoid")]
    return keras.Sequential(layers)

def raises(d, k):
    raise ValueError("no")
"""


def outweigh(*arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["outweigh", *map(str, arguments)])
        try:
            return _cli.main() or 0
        except SystemExit as ended:
            return ended.code or 0


@pytest.fixture
def command(capsys):
    """Run the command line in this process: exit status, stdout, stderr."""

    def run(*arguments):
        capsys.readouterr()
        status = outweigh(*arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def frame(n=N, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    return pd.DataFrame(
        {
            "who": [f"{i:05d}" for i in rng.permutation(n)],
            "size": np.where(rng.random(n) < 0.1, np.nan, size),
            "site": rng.choice(["north", "south", "007"], n),
            "day": pd.Timestamp("2024-01-31") + pd.to_timedelta(rng.integers(0, 999, n), "D"),
            "sick": np.where(size + rng.normal(size=n) > 1.5, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder with tables, networks and two runs: r and, with a network of its own, own."""
    folder = tmp_path_factory.mktemp("runs")
    frame().to_csv(folder / "old.csv", index=False)
    frame(50, seed=1).to_csv(folder / "new.csv", index=False)
    (folder / "nets.py").write_text(NETWORKS)
    options = ["--target", "sick", "--id", "who", *FAST]
    own = ["--network", folder / "nets.py:build", "--exclude", "site", "--exclude", "day"]
    assert outweigh("run", folder / "old.csv", "--out", folder / "r", *options) == 0
    assert outweigh("run", folder / "old.csv", "--out", folder / "own", *options, *own) == 0
    return folder


@pytest.fixture
def new(ran, tmp_path, monkeypatch):
    """A new table that may be changed, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    return frame(50, seed=1)


def written(table, name="t.csv"):
    table.to_csv(name, index=False) if name.endswith(".csv") else table.to_parquet(name)
    return name


def read(text) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype={"who": str})


# what comes out


def test_decisions_come_out_the_most_worth_acting_on_first(command, ran):
    status, out, err = command("predict", ran / "r", ran / "new.csv", "--id", "who")
    assert (status, err) == (0, "")
    found = read(out)
    assert list(found) == ["who", "probability", "decision", "expected cost saved"]
    assert sorted(found["who"]) == sorted(frame(50, seed=1)["who"])
    assert found["expected cost saved"].is_monotonic_decreasing
    assert found["probability"].is_monotonic_decreasing
    assert ((found["expected cost saved"] >= 0) == (found["decision"] == "yes")).all()
    cost = json.loads((ran / "r" / "results.json").read_text())["objective"]["cost_fn"]
    saved = found["probability"] * cost - (1 - found["probability"])
    assert found["expected cost saved"].to_numpy() == pytest.approx(saved.to_numpy())


def test_the_probabilities_are_the_models_to_the_last_digit(command, ran):
    _, out, _ = command("predict", ran / "r", ran / "new.csv")
    model = load(ran / "r" / "bundle")
    rows = read_rows(ran / "new.csv", model.features.schema)
    found = pv.read_csv(io.BytesIO(out.encode())).sort_by("row")
    assert found["row"].to_pylist() == list(range(50))
    assert (
        found["probability"].to_numpy().tolist() == model.predict_proba(rows.columns)[:, 1].tolist()
    )


def test_columns_come_in_any_order_and_rows_too(command, ran, new):
    _, expected, _ = command("predict", ran / "r", ran / "new.csv", "--id", "who")
    for columns in (sorted(new), list(new)[::-1], [*list(new)[2:], *list(new)[:2]]):
        assert command("predict", ran / "r", written(new[columns]), "--id", "who")[1] == expected
    turned = written(new.sample(frac=1, random_state=0))
    _, found, _ = command("predict", ran / "r", turned, "--id", "who")
    both = [read(text).set_index("who").sort_index() for text in (found, expected)]
    assert (both[0]["decision"] == both[1]["decision"]).all()
    assert both[0]["probability"].to_numpy() == pytest.approx(both[1]["probability"], abs=1e-6)


def test_csv_and_parquet_give_the_same(command, ran, new):
    _, expected, _ = command("predict", ran / "r", ran / "new.csv", "--id", "who")
    assert command("predict", ran / "r", written(new, "t.parquet"), "--id", "who")[1] == expected


def test_the_target_need_not_be_there(command, ran, new):
    _, expected, _ = command("predict", ran / "r", ran / "new.csv", "--id", "who")
    status, out, err = command(
        "predict", ran / "r", written(new.drop(columns="sick")), "--id", "who"
    )
    assert (status, out, err) == (0, expected, "")


def test_what_the_model_does_not_use_or_know_is_said(command, ran, new):
    new.loc[:6, "site"] = "west"
    new.loc[7, "site"] = "east"
    new["a \x1b[31mred\x1b[0m"] = new["more"] = 1
    status, out, err = command("predict", ran / "r", written(new))
    assert status == 0
    assert len(read(out)) == 50
    assert err.splitlines() == [
        r"Not looked at, since the model does not use them: 'who', 'a \x1b[31mred\x1b[0m', 'more'.",
        "'site': values that the study never saw, in 8 of 50 rows.",
    ]


def test_costs_change_decisions_and_ranking(command, ran):
    found = {}
    for fn in (0.01, 1, 100):
        costs = ["--cost-fn", fn, "--cost-fp", 1]
        status, out, _ = command("predict", ran / "r", ran / "new.csv", *costs)
        assert status == 0
        found[fn] = read(out)
        p, saved = found[fn]["probability"], found[fn]["expected cost saved"]
        assert saved.to_numpy() == pytest.approx((p * fn - (1 - p)).to_numpy())
        assert ((p >= 1 / (1 + fn)) == (found[fn]["decision"] == "yes")).all()
    flagged = [(table["decision"] == "yes").sum() for table in found.values()]
    assert flagged == sorted(flagged)
    assert (flagged[0], flagged[-1]) == (0, 50)


@pytest.mark.parametrize("name", ["out.csv", "out.PARQUET"])
def test_a_file_holds_what_would_be_printed(command, ran, new, name):
    _, printed, _ = command("predict", ran / "r", ran / "new.csv", "--id", "who")
    status, out, err = command("predict", ran / "r", ran / "new.csv", "--id", "who", "--out", name)
    assert (status, out) == (0, "")
    assert err == f"50 cases, the most worth acting on first: {name}\n"
    found = pd.read_parquet(name) if name.endswith("T") else read(Path(name).read_text())
    expected = read(printed)
    assert found["who"].tolist() == expected["who"].tolist()
    assert found["probability"].tolist() == pytest.approx(expected["probability"].tolist())


def test_text_is_written_as_it_came_where_asked(command, ran, new):
    ids = ["=1+1", " @x", "＝2", "-5", "plain"]
    table = written(new[:5].assign(who=ids))
    asked = ["predict", ran / "r", table, "--id", "who"]
    for out in ([], ["--out", "o.csv"]):
        found = []
        for raw in ([], ["--raw-text"]):
            Path("o.csv").unlink(missing_ok=True)
            status, printed, err = command(*asked, *out, *raw)
            assert status == 0, err
            found.append(sorted(read(Path("o.csv").read_text() if out else printed)["who"]))
        tame, raw = found
        assert raw == sorted(ids)
        assert tame == sorted(["'=1+1", "' @x", "'＝2", "'-5", "plain"])


def test_no_rows_are_no_cases(command, ran, new):
    status, out, _ = command("predict", ran / "r", written(new[:0], "t.parquet"), "--id", "who")
    assert (status, out) == (0, '"who","probability","decision","expected cost saved"\n')


IDS = {
    "padded": ["007", "7", "0007", "7", ""],
    "numbers": ["5", "-3", "12", "5", "0"],
    "numbers with gaps": ["5", "", "-12", "5", "0"],
    "a long number": ["123456789012345678901234567890", "1", "2", "3", "4"],
    "hex": ["0x1F", "1e5", "1_000", "+1", "-0"],
    "texts": ["a,b", 'say "hi"', "two\nlines", "ünï", " "],
    "dates": ["2024-01-31", "2024-1-31", "2024-01-31", "x", "y"],
    "truths": ["True", "true", "FALSE", "no", ""],
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_carried_as_they_were_written(command, ran, new, kind):
    ids = IDS[kind]
    table = written(new[:5].assign(who=ids))
    status, out, err = command("predict", ran / "r", table, "--id", "who")
    assert (status, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    numbers = kind.startswith("numbers")
    tame = [f"'{i}" if i[:1] in ("+", "-") and not numbers else i for i in ids]
    assert sorted(row["who"] for row in rows) == sorted(tame)
    command("predict", ran / "r", table, "--id", "who", "--out", "o.parquet")
    held = pq.read_table("o.parquet")["who"].to_pylist()
    assert sorted("" if i is None else str(i) for i in held) == sorted(ids)
    assert all(isinstance(i, int | None) == numbers for i in held)


@pytest.mark.parametrize("name", ["decision", "probability", "size", "row"])
def test_an_id_may_be_called_anything(command, ran, new, name):
    table = new.rename(columns={"who": name}) if name not in new else new
    status, out, _ = command("predict", ran / "r", written(table), "--id", name)
    header = out.splitlines()[0]
    assert status == 0
    assert header.split(",")[0] == (
        f'"{name} (id)"' if name in ("decision", "probability") else f'"{name}"'
    )


def test_nothing_of_the_data_steers_the_terminal_or_a_spreadsheet(command, ran, new):
    evil = "\x1b[2J\x07\x9b=cmd()\r"
    strange = new[:3].assign(who=[evil, "=1+1", "\u202e"], site=evil, **{evil: 1})
    table = written(strange, "t.parquet")
    status, out, err = command("predict", ran / "r", table, "--id", "who")
    assert status == 0
    assert not any(c in out + err for c in "\x1b\x07\x9b\r")
    assert "Control characters left out of texts: 2. A file, --out, has them." in err
    assert sorted(read(out)["who"].fillna("")) == ["", "'=1+1", "[2J=cmd()"]
    command("predict", ran / "r", table, "--id", "who", "--out", "o.parquet")
    assert evil in pq.read_table("o.parquet")["who"].to_pylist()


def test_labels_and_columns_of_any_text_are_told(command, tmp_path):
    names = ['"quoted"', "=1+1", "two\nlines", "\x1b[31mred", "x" * 999]
    columns = columns_of({name: pa.array([1.0, 2.0, 9.0]) for name in names})
    model = replace(by_hand(columns), classes=("\x1b[31mno", "=yes()"))
    save(model, tmp_path / "r" / "bundle")
    pq.write_table(pa.table([[1.0, 5.0]] * len(names), names), tmp_path / "t.parquet")
    status, out, err = command("predict", tmp_path / "r", tmp_path / "t.parquet")
    assert (status, "\x1b" in out + err) == (0, False)
    assert {*read(out)["decision"]} <= {"[31mno", "'=yes()"}


def test_stdout_is_nothing_but_the_table(ran, new):
    new.loc[0, "site"] = "west"
    run = "from outweigh._cli import main; main()"
    arguments = ["predict", ran / "r", written(new), "--id", "who"]
    done = subprocess.run(
        [sys.executable, "-c", run, *arguments], capture_output=True, check=True, text=True
    )
    assert len(read(done.stdout)) == 50
    assert list(read(done.stdout)) == ["who", "probability", "decision", "expected cost saved"]
    assert "'site': values that the study never saw, in 1 of 50 rows." in done.stderr


# a network of one's own


def test_the_users_network_gives_the_same_numbers(command, ran):
    network = ["--network", ran / "nets.py:build"]
    status, out, err = command("predict", ran / "own", ran / "new.csv", *network)
    assert status == 0, err
    from outweigh._network import load_build

    model = load(ran / "own" / "bundle", build=load_build(f"{ran / 'nets.py'}:build"))
    rows = read_rows(ran / "new.csv", model.features.schema)
    assert rows.columns.names == ("size",)
    found = pv.read_csv(io.BytesIO(out.encode())).sort_by("row")["probability"]
    assert found.to_pylist() == model.predict_proba(rows.columns)[:, 1].tolist()


NETWORK = {
    "left out": ([], 2, "name it with --network FILE.py:FUNCTION"),
    "another": (["--network", "nets.py:wider"], 65, "must build the network that was trained"),
    "none of these": (["--network", "nets.py:nothing"], 65, "must define a function 'nothing'"),
    "a failing one": (["--network", "nets.py:raises"], 65, "raised ValueError"),
    "no file": (["--network", "gone.py:build"], 65, "'gone.py'"),
    "no function": (["--network", "nets.py"], 65, "FILE.py:FUNCTION"),
}


@pytest.mark.parametrize("name", NETWORK)
def test_a_wrong_network_is_one_clear_line(command, ran, new, name):
    options, status, says = NETWORK[name]
    shutil.copy(ran / "nets.py", "nets.py")
    refused(command("predict", ran / "own", written(new[["size"]]), *options), status, says)


# mistakes


def refused(found, status, says):
    """Check that a mistake is told in one line on stderr."""
    ended, out, err = found
    assert (ended, out) == (status, ""), err
    (line,) = [line for line in err.splitlines() if line.startswith("outweigh: ")]
    assert says in line, line
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1, err


def gap(table):
    return written(table.drop(columns=["size", "day"]))


def text_for_numbers(table):
    return written(table.assign(size="large"))


def text_for_dates(table):
    return written(table.assign(day="someday"))


def numbers_for_dates(table):
    return written(table.assign(day=7), "t.parquet")


def infinite(table):
    return written(table.assign(size=np.inf))


def twice(table):
    with open(written(table)) as file:
        text = file.read().replace("who", "size", 1)
    with open("t.csv", "w") as file:
        file.write(text)
    return "t.csv"


MISTAKES = {
    "columns missing": ([gap], 65, "lacks 'size', 'day': add them"),
    "text for numbers": ([text_for_numbers], 65, "'size' must hold numbers"),
    "text for dates": ([text_for_dates], 65, "'day' must hold dates"),
    "numbers for dates": ([numbers_for_dates], 65, "'day' must hold dates"),
    "infinite numbers": ([infinite], 65, "must be finite"),
    "a column twice": ([twice], 65, "repeats 'size'"),
    "no such data": (["gone.csv"], 65, "'gone.csv' does not"),
    "data that is a folder": (["."], 65, "is a directory"),
    "data of another kind": (["nets.py"], 65, "must end in .csv, .csv.gz or .parquet"),
    "an id that is none": ([written, "--id", "whose"], 65, "did you mean 'who'?"),
    "half of the costs": ([written, "--cost-fn", "5"], 2, "--cost-fn must come with --cost-fp"),
    "a cost of nothing": ([written, "--cost-fn", "0", "--cost-fp", "1"], 2, "fn=0"),
    "costs that are no number": ([written, "--cost-fn", "nan", "--cost-fp", "1"], 2, "fn=nan"),
    "an ending that is none": ([written, "--out", "o.xlsx"], 2, "must end in .csv or .parquet"),
    "a folder that is not there": ([written, "--out", "no/o.csv"], 2, "a folder that exists"),
    "a network too many": ([written, "--network", "nets.py:build"], 2, "leave --network out"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_line(command, ran, new, name):
    (data, *options), status, says = MISTAKES[name]
    shutil.copy(ran / "nets.py", "nets.py")
    data = data if isinstance(data, str) else data(new)
    refused(command("predict", ran / "r", data, *options), status, says)


@pytest.mark.parametrize("name", ["there.csv", "there.parquet"])
def test_a_file_is_never_written_over(command, ran, new, tmp_path, name):
    (tmp_path / name).write_text("mine")
    refused(command("predict", ran / "r", ran / "new.csv", "--out", name), 2, "must be a new file")
    assert (tmp_path / name).read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_a_mistake_leaves_no_file(command, ran, new, tmp_path):
    refused(command("predict", ran / "r", gap(new), "--out", "o.csv"), 65, "lacks")
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv"}


def test_what_is_no_run_folder_is_a_wrong_argument(command, ran, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "gone", tmp_path / "empty", tmp_path / "file", ran / "r" / "bundle"):
        refused(command("predict", folder, ran / "new.csv"), 2, "'outweigh run' wrote")


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors", "features.skops"])
def test_a_damaged_model_is_one_clear_line(command, ran, tmp_path, name):
    shutil.copytree(ran / "r", tmp_path / "r")
    path = tmp_path / "r" / "bundle" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refused(command("predict", tmp_path / "r", ran / "new.csv"), 65, "damaged or changed")
    path.unlink()
    refused(command("predict", tmp_path / "r", ran / "new.csv"), 65, f"must hold {name}")


def test_costs_of_a_miss_need_two_classes(command, tmp_path):
    columns = number_columns(np.eye(3), "abc")
    model = replace(by_hand(columns, k=3), target="kind")
    save(model, tmp_path / "r" / "bundle")
    pd.DataFrame(np.eye(3), columns=[*"abc"]).to_csv(tmp_path / "t.csv", index=False)
    run = ["predict", tmp_path / "r", tmp_path / "t.csv"]
    refused(command(*run, "--cost-fn", "1", "--cost-fp", "1"), 2, "needs two classes; there are 3")
    status, out, _ = command(*run)
    assert (status, len(read(out))) == (0, 3)
    assert list(read(out))[1:4] == [f"probability class {i}" for i in range(3)]


def test_a_users_network_of_the_library_must_be_named_too(command, tmp_path):
    model = replace(by_hand(number_columns(np.eye(2), "ab"), build=linear), network="linear")
    save(model, tmp_path / "r" / "bundle")
    pd.DataFrame({"a": [1], "b": [2]}).to_csv(tmp_path / "t.csv", index=False)
    refused(command("predict", tmp_path / "r", tmp_path / "t.csv"), 2, "'linear': name it with")
