"""The command line: what a user types, and one clear line where it cannot be served."""

import json
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from outweigh import Predictions, _cli

FAST = ["--settings", "balanced,ratio:20", "--folds", "2", "--seeds", "2", "--epochs", "2"]


def outweigh(*arguments, capsys, monkeypatch):
    """Run the command line in this process: exit status, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["outweigh", *map(str, arguments)])
    try:
        status = _cli.main() or 0
    except SystemExit as ended:
        status = ended.code or 0
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: outweigh(*arguments, capsys=capsys, monkeypatch=monkeypatch)


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    y = (x[:, 0] + rng.normal(size=300) > 1.8).astype(int)
    lines = [
        ",".join(f"{v:.6f}" for v in row) + f",{label}" for row, label in zip(x, y, strict=True)
    ]
    path = tmp_path / "sick.csv"
    path.write_text("a,b,c,sick\n" + "\n".join(lines) + "\n")
    return path


def test_a_run_writes_its_folder_and_says_the_verdict(command, table, tmp_path):
    status, out, err = command("run", table, "--target", "sick", "--out", "r", *FAST)
    assert status == 0, err
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    assert " ".join(results["verdict"]["text"].split()) in " ".join(out.split())
    assert [s["name"] for s in results["settings"]] == ["none", "balanced", "ratio:20"]
    assert results["data"]["rows"] == 300
    predictions = Predictions.load(tmp_path / "r" / "predictions.parquet")
    assert sorted(predictions.row) == list(range(300))
    assert (tmp_path / "r" / "report.html").read_text().startswith("<!")
    assert tomllib.loads((tmp_path / "r" / "run.toml").read_text())["folds"] == 2


def test_a_run_is_repeated_from_its_configuration(command, table, tmp_path):
    assert command("run", table, "--target", "sick", "--out", "r", *FAST)[0] == 0
    assert command("run", table, "--config", "r/run.toml", "--out", "again")[0] == 0
    first, second = (
        Predictions.load(tmp_path / name / "predictions.parquet") for name in ("r", "again")
    )
    assert first == second


def test_a_test_share_is_judged_at_the_end(command, table, tmp_path):
    status, out, _ = command(
        "run", table, "--target", "sick", "--out", "r", "--test-size", "0.3",
        "--cost-fn", "10", "--cost-fp", "1", *FAST,
    )  # fmt: skip
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    assert status == 0
    assert results["data"]["test"]["rows"] == 90
    assert results["test"]["twin"]["expected_cost"]["basis"] == "held-out"
    assert results["objective"]["threshold"] == pytest.approx(1 / 11)
    assert "On the test rows" in out


def test_the_users_own_network_is_trained(command, table, tmp_path):
    (tmp_path / "net.py").write_text(
        "import keras\n\n\ndef build(d, k):\n"
        "    return keras.Sequential([keras.Input((d,)), keras.layers.Dense(k, 'sigmoid')])\n"
    )
    status, _, err = command(
        "run", table, "--target", "sick", "--out", "r", "--network", "net.py:build", *FAST
    )
    assert status == 0, err
    design = json.loads((tmp_path / "r" / "results.json").read_text())["design"]
    assert design["parameters"] == "4"


def test_a_report_is_written_anew(command, table, tmp_path):
    command("run", table, "--target", "sick", "--out", "r", *FAST)
    first = (tmp_path / "r" / "report.html").read_text()
    (tmp_path / "r" / "report.html").unlink()
    assert command("report", "r")[0] == 0
    assert (tmp_path / "r" / "report.html").read_text() == first


def test_weights_are_scikit_learns(command, table):
    from sklearn.utils.class_weight import compute_class_weight

    y = np.array([int(line[-1]) for line in table.read_text().split()[1:]])
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
    status, out, _ = command("weights", table, "--target", "sick", "--json")
    assert (status, json.loads(out)) == (0, dict(zip("01", expected, strict=True)))


def test_weights_are_of_rules_that_weigh(command, table):
    for rule in ("focal:2", "path:3", "foo", "balanced,sqrt"):
        status, out, err = command("weights", table, "--target", "sick", "--rule", rule)
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert "--rule must weigh classes" in err
        assert "smote" not in err


def test_every_remedy_stands_beside_none_and_the_one_asked_for_is_the_model(
    command, table, tmp_path
):
    remedies = "balanced,focal:2,logit-adjusted:1,smoothed:0.1,deferred:0.5,oversample,smote"
    status, out, err = command(
        "run", table, "--target", "sick", "--out", "r", *FAST, "--settings", remedies,
        "--reference", "logistic,logistic+balanced", "--use", "oversample",
    )  # fmt: skip
    assert status == 0, err
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    kinds = {setting["name"]: setting["kind"] for setting in results["settings"]}
    assert list(kinds) == ["none", *remedies.split(","), "logistic", "logistic+balanced"]
    assert [*kinds.values()] == [
        *["weights"] * 2, *["loss"] * 4, *["sampling"] * 2, *["reference"] * 2
    ]  # fmt: skip
    for setting in results["settings"][1:]:
        gains = setting["versus_none"]
        assert list(gains) == ["cost", "ranking", "calibration"]
        assert {gain["basis"] for gain in gains.values()} == {"cross-fitted"}
    assert results["chosen"]["setting"] == "oversample"
    assert "oversample" in out
    assert json.loads((tmp_path / "r/bundle/manifest.json").read_text())["model"]["setting"] == (
        "oversample"
    )
    status, out, err = command("predict", "r", table)
    assert (status, len(out.splitlines())) == (0, 301), err


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


ROWS = "".join(f"{i}.5,{i % 7},{int(i % 10 == 0)}\n" for i in range(100))
GROUPED = "".join(f"{i}.5,{i // 50},{int(i % 10 == 0)}\n" for i in range(100))
BAD = {
    "file missing": (None, [], 65, "gone.csv"),
    "empty": ("", [], 65, "empty"),
    "only a header": ("a,b,y\n", [], 65, "rows"),
    "not a table": (b"\x00\x01\x02PK\x03\x04" * 50, [], 65, "t.csv"),
    "target missing": ("a,b,z\n" + ROWS, [], 65, "'y'"),
    "target constant": ("a,b,y\n" + "1,2,0\n" * 50, [], 65, "two classes"),
    "target with missing values": ("a,b,y\n" + ROWS + "1,2,\n", [], 65, "missing"),
    "fewer positives than folds": ("a,b,y\n" + "1,2,0\n" * 50 + "3,4,1\n" * 3, [], 65, "(3)"),
    "ragged rows": ("a,b,y\n" + ROWS + "1,2\n", [], 65, "102"),
    "duplicated column names": ("a,a,y\n" + ROWS, [], 65, "'a'"),
    "infinite values": ("a,b,y\n" + ROWS + "inf,2,0\n", [], 65, "infinite"),
    "only the target": ("y\n" + "0\n1\n0\n" * 20, [], 65, "no column beside the target"),
    "unclosed quote": ("a,b,y\n" + ROWS + '1,2,"0\n', [], 65, "quote"),
    "semicolons": ("a;b;y\n" + ROWS.replace(",", ";"), [], 65, "comma"),
    "no utf-8": (b"a,b,y\n" + ROWS.encode() + b"\xff\xfe,2,0\n", [], 65, "UTF-8"),
    "a name that is no file of ours": (ROWS, ["--target", "y"], 65, "'y'"),
    "target left out": ("a,b,y\n" + ROWS, ["--exclude", "y"], 2, "--exclude"),
    "no such column left out": ("a,b,y\n" + ROWS, ["--exclude", "c"], 65, "'c'"),
    "no such group": ("a,b,y\n" + ROWS, ["--group", "c"], 65, "'c'"),
    "no such time": ("a,b,y\n" + ROWS, ["--time", "c"], 65, "'c'"),
    "no such id": ("a,b,y\n" + ROWS, ["--id", "c"], 65, "'c'"),
    "no such segment": ("a,b,y\n" + ROWS, ["--segment", "b", "--segment", "c"], 65, "'c'"),
    "the target as segment": ("a,b,y\n" + ROWS, ["--segment", "y"], 2, "--segment names 'y'"),
    "a segment without end": ("a,b,y\n" + ROWS + "3,inf,0\n", ["--segment", "b"], 65, "infinite"),
    "a column in two roles": ("a,b,y\n" + ROWS, ["--group", "b", "--time", "b"], 2, "one role"),
    "negative row weights": ("a,b,y\n" + ROWS + "1,-2,0\n", ["--row-weight", "b"], 65, "negative"),
    "too few groups": ("a,b,y\n" + GROUPED, ["--group", "b"], 65, "group"),
    "time and repeats": ("a,b,y\n" + ROWS, ["--time", "b", "--repeats", "2"], 2, "--repeats"),
    "no repeats": ("a,b,y\n" + ROWS, ["--repeats", "0"], 2, "--repeats"),
    "no time": ("a,b,y\n" + ROWS, ["--time-limit", "0"], 2, "--time-limit"),
    "everything to test": ("a,b,y\n" + ROWS, ["--test-size", "1"], 2, "--test-size"),
    "no test file": ("a,b,y\n" + ROWS, ["--test", "gone.csv"], 65, "gone.csv"),
    "two kinds of test": (
        "a,b,y\n" + ROWS,
        ["--test", "t.csv", "--test-size", "0.2"],
        2,
        "--test",
    ),
    "a setting for another table": ("a,b,y\n" + ROWS, ["--settings", "weights:no=1"], 2, "no"),
    "a power that is none": ("a,b,y\n" + ROWS, ["--settings", "power:x"], 2, "number"),
    "a batch larger than the table": ("a,b,y\n" + ROWS, ["--batch-size", "0"], 2, "--batch-size"),
    "a measurement as target": (
        "a,b,y\n" + "".join(f"{i},{i % 7},{i / 8}\n" for i in range(99)),
        [],
        65,
        "the target has 99 different values in 99 rows",
    ),
    "tied classes": ("a,b,y\n" + "1,2,0\n3,4,1\n" * 20, [], 65, "positive"),
    "unknown setting": ("a,b,y\n" + ROWS, ["--settings", "smoat"], 2, "smoat"),
    "an unknown reference": ("a,b,y\n" + ROWS, ["--reference", "forest"], 2, "forest"),
    "a remedy for a reference": ("a,b,y\n" + ROWS, ["--reference", "logistic+smote"], 2, "at most"),
    "two losses at once": ("a,b,y\n" + ROWS, ["--settings", "focal:1+focal:2"], 2, "one loss"),
    "a focus that is none": ("a,b,y\n" + ROWS, ["--settings", "focal:-1"], 2, "from 0 to 10"),
    "use of what is not tried": ("a,b,y\n" + ROWS, ["--use", "smote"], 2, "--use"),
    "use of a reference": (
        "a,b,y\n" + ROWS,
        ["--reference", "logistic", "--use", "logistic"],
        2,
        "no reference",
    ),
    "half of the costs": ("a,b,y\n" + ROWS, ["--cost-fn", "5"], 2, "--cost-fp"),
    "a cost of nothing": ("a,b,y\n" + ROWS, ["--cost-fn", "0", "--cost-fp", "1"], 2, "fn=0"),
    "one fold": ("a,b,y\n" + ROWS, ["--folds", "1"], 2, "--folds"),
    "no seeds": ("a,b,y\n" + ROWS, ["--seeds", "0"], 2, "--seeds"),
    "wrong label": ("a,b,y\n" + ROWS, ["--positive", "yes"], 65, "'yes'"),
    "no such option": ("a,b,y\n" + ROWS, ["--fold", "3"], 2, "--fold"),
    "no network file": ("a,b,y\n" + ROWS, ["--network", "gone.py:build"], 65, "gone.py"),
    "a network that raises": ("a,b,y\n" + ROWS, ["--network", "net.py:raises"], 65, "ValueError"),
    "a network that does not fit": ("a,b,y\n" + ROWS, ["--network", "net.py:two"], 65, "(rows, 1)"),
    "no configuration": ("a,b,y\n" + ROWS, ["--config", "gone.toml"], 2, "--config"),
}
NETWORKS = """
import keras

def raises(d, k):
    raise ValueError("no")

def two(d, k):
    return keras.Sequential([keras.Input((d,)), keras.layers.Dense(2)])
"""


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(command, tmp_path, name):
    text, options, status, says = BAD[name]
    path = tmp_path / ("gone.csv" if text is None else "t.csv")
    if text is not None:
        write(path, text)
    write(tmp_path / "net.py", NETWORKS)
    found, out, err = command("run", path, "--target", "y", *options)
    lines = [line for line in err.splitlines() if line.strip()]
    message = "\n".join(lines)
    assert found == status, message
    assert says in message
    assert "Traceback" not in message
    assert out == ""
    if name != "no such option":  # there Typer adds how to get help
        assert len([line for line in lines if line.startswith("outweigh: ")]) == 1
    assert not list(tmp_path.glob("outweigh-*"))


def test_a_run_is_never_written_over_another(command, table, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "precious").write_text("mine")
    status, _, err = command("run", table, "--target", "sick", "--out", "r", *FAST)
    assert (status, (tmp_path / "r" / "precious").read_text()) == (2, "mine")
    assert "new or empty" in err


def test_a_file_name_steers_no_terminal(command, table, tmp_path):
    name = "sick\x1b[31m\u202e\u2028[red]"
    table.rename(tmp_path / f"{name}.csv")
    status, out, err = command("run", f"{name}.csv", "--target", "sick", *FAST)
    assert status == 0, err
    said = [
        out + err,
        *command("run", f"{name}.csv", "--target", "sick", "--out", "r", "--fold" + name)[1:],
        *command("report", "r", name)[1:],
        *command("report", name)[1:],
        *command("predict", name, f"{name}.csv")[1:],
        *command("run", f"{name}.csv", "--target", name)[1:],
        *command("run", f"{name}.txt", "--target", "sick")[1:],
        *command(name)[1:],
    ]
    for text in said:
        assert not {*text} & {*"\x1b\u202e\u2028"}
    assert "Report: outweigh-sick[31m [red]/report.html" in out
    assert (tmp_path / f"outweigh-{name}" / "report.html").is_file()


def test_an_error_that_nobody_foresaw_steers_no_terminal(command, table, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("of \x1b[2Jours\u202e")

    monkeypatch.setattr("outweigh._table.read_file", fails)
    status, out, err = command("run", table, "--target", "sick", "--out", "r", *FAST)
    assert (status, out) == (1, "")
    assert err.splitlines()[0] == "Traceback (most recent call last):"
    assert err.splitlines()[-1] == "RuntimeError: of [2Jours"


def test_control_characters_never_reach_the_terminal(command, tmp_path):
    label = "\x1b[31mred\x1b[0m"
    rows = "".join(f"{i},{label if i % 9 == 0 else 'plain'}\n" for i in range(90))
    (tmp_path / "t.csv").write_text("a,y\n" + rows)
    status, out, err = command("run", tmp_path / "t.csv", "--target", "y", "--out", "r", *FAST)
    assert status == 0, err
    assert "\x1b" not in out + err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_loads_no_heavy_library(arguments):
    code = (
        "import sys; sys.argv = ['outweigh', *sys.argv[1:]]\n"
        "import atexit; from outweigh._cli import main\n"
        "atexit.register(lambda: print('loaded', *{'jax', 'keras', 'sklearn'} & {*sys.modules}))\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].strip() == "loaded"


# what a column may be


@pytest.fixture
def visits(tmp_path):
    """Visits of customers: text, dates, gaps, marks for missing, weights, numbers."""
    rng = np.random.default_rng(1)
    lines = ["visit,who,day,site,age,counts,sick"]
    for i in range(300):
        age, site = rng.normal(50, 9), "?" if i % 13 == 0 else "NS"[i % 2]
        sick = int(age + rng.normal(0, 9) > 62)
        day = f"2024-{1 + i // 28:02}-{1 + i % 28:02}"
        lines.append(f"v{i},c{i % 60},{day},{site},{age:.3f},{1 + i % 3},{sick}")
    path = tmp_path / "visits.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def results_of(tmp_path, name="r"):
    return json.loads((tmp_path / name / "results.json").read_text())


@pytest.mark.parametrize(
    ("options", "judged"),
    [
        ([], "2 folds, each by"),
        (["--group", "who"], "2 folds of whole groups"),
        (["--time", "day"], "2 blocks of time, each by networks of earlier rows"),
        (["--repeats", "2"], "4 folds of several splits"),
        (["--duplicates-together"], "2 folds of whole groups"),
    ],
)
def test_rows_are_divided_as_asked(command, visits, tmp_path, options, judged):
    status, out, err = command(
        "run", visits, "--target", "sick", "--id", "visit", "--row-weight", "counts",
        "--missing", "?", "--out", "r", *FAST, *options,
    )  # fmt: skip
    assert status == 0, err
    found = results_of(tmp_path)
    assert found["design"]["judged"].startswith(judged)
    assert judged in " ".join(out.split())
    assert found["data"]["features"] == 5 - 2 - bool({"--group", "--time"} & {*options}) + 1


def test_marks_for_missing_are_shown_where_they_are_not_named(command, visits, tmp_path):
    status, out, _ = command("run", visits, "--target", "sick", "--out", "r", *FAST)
    assert status == 0
    assert "missing-in-disguise" in [f["code"] for f in results_of(tmp_path)["findings"]]
    assert "--missing '?'" in " ".join(out.split())


def test_a_test_file_is_judged_at_the_end(command, visits, tmp_path):
    lines = visits.read_text().splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join(lines[:201]))
    (tmp_path / "test.csv").write_text("".join([lines[0], *lines[201:]]))
    status, _, err = command(
        "run", "train.csv", "--target", "sick", "--test", "test.csv", "--out", "r", *FAST
    )
    assert status == 0, err
    data = results_of(tmp_path)["data"]
    assert (data["training"]["rows"], data["test"]["rows"]) == (200, 100)


def test_a_study_out_of_time_says_what_is_missing(command, table, tmp_path, monkeypatch):
    from outweigh import _lanes

    seen = iter(range(10**6))  # the fourth look at the clock, and all that follow, are too late
    monkeypatch.setattr(
        _lanes._Crew, "must_stop", property(lambda crew: crew.until < 9e9 and next(seen) > 12)
    )
    status, out, err = command(
        "run", table, "--target", "sick", "--out", "r", "--time-limit", "5", "--workers", "1", *FAST
    )
    assert status == 0, err
    [finding] = [f for f in results_of(tmp_path)["findings"] if f["code"] == "time-limit"]
    assert "of 2 seeds" in finding["title"]
    assert "Time was up" in " ".join(out.split())


def test_a_full_disk_is_one_clear_line(command, table, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    status, out, err = command("run", table, "--target", "sick", "--out", "r", *FAST)
    assert (status, out) == (1, "")
    assert "No space left on device" in err.splitlines()[-1]
    assert "make room" in err.splitlines()[-1]
    assert "Traceback" not in err


# errors told apart


@pytest.fixture
def wards(tmp_path):
    """Patients with a sex, a ward with gaps, a day and an age."""
    rng = np.random.default_rng(3)
    lines = ["sex,ward,day,age,size,sick"]
    for i in range(300):
        sex, ward, age = "mf"[i % 3 == 0], ["north", "south", ""][i % 5 % 3], rng.normal(50, 9)
        sick = int(age + 5 * (sex == "f") + rng.normal(0, 9) > 64)
        day = f"2024-{1 + i // 28:02}-{1 + i % 28:02}"
        lines.append(f"{sex},{ward},{day},{age:.3f},{rng.normal():.3f},{sick}")
    path = tmp_path / "wards.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


SEGMENTS = [arg for name in ("sex", "ward", "day", "age") for arg in ("--segment", name)]


def test_errors_are_told_apart_by_columns_that_the_model_sees_or_not(command, wards, tmp_path):
    status, _, err = command(
        "run", wards, "--target", "sick", "--out", "r", *FAST, *SEGMENTS, "--exclude", "sex"
    )
    assert status == 0, err
    found = results_of(tmp_path)
    assert [s["column"] for s in found["segments"]] == ["sex", "ward", "day", "age"]
    assert found["data"]["features"] == 4
    names = [[g["name"] for g in s["groups"]] for s in found["segments"]]
    assert names[:2] == [["m", "f"], ["north", "south", "missing"]]
    assert names[2][0].startswith("up to 2024-")
    assert len(names[3]) == 4
    for segment in found["segments"]:
        assert sum(g["rows"] for g in segment["groups"]) == 300
    status, out, err = command("predict", "r", wards)
    assert (status, len(out.splitlines())) == (0, 301), err
    assert "'sex'" in err
    again = command("run", wards, "--config", "r/run.toml", "--out", "again")
    assert again[0] == 0, again[2]
    repeated = results_of(tmp_path, "again")
    assert repeated["segments"] == found["segments"]
    assert repeated["data"]["sha256"] == found["data"]["sha256"]
