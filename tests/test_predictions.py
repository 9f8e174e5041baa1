import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from outweigh._errors import TableError
from outweigh._predictions import FORMAT, Predictions
from outweigh._shapes import undo

HOSTILE = ("a,b|c=1", "<script>alert(1)</script>\"'&", "\x00\x1b[31m\r\n", "ünï 💥 \u202e", "")


def record(*, k=2, n=7, s=3, r=2, f=2, seed=0, **changes) -> Predictions:
    rng = np.random.default_rng(seed)
    fields = {
        "row": rng.permutation(10 * n)[:n],
        "fold": np.arange(n) % f,
        "y": rng.integers(0, k, n),
        "classes": tuple(range(k)),
        "settings": ("none", *(f"ratio:{i}" for i in range(2, s + 1))),
        "seeds": tuple(range(40, 40 + r)),
        "class_weight": rng.lognormal(size=(s, f, k)),
        "prior": rng.dirichlet(np.ones(k), size=f),
        "probability": rng.dirichlet(np.ones(k), size=(s, r, n)).astype(np.float32),
        "outcome": np.full((s, r, f), "stopped"),
        "n_training": 10 * n,
    }
    return Predictions(**(fields | changes))


def changed(p: Predictions, name: str, place, value) -> Predictions:
    array = getattr(p, name).copy()
    array[place] = value
    return dataclasses.replace(p, **{name: array})


def again(p: Predictions, folder) -> Predictions:
    p.save(folder / "predictions.parquet")
    return Predictions.load(folder / "predictions.parquet")


# the record


def test_arrays_are_read_only_and_the_caller_s_stay_writeable():
    y = np.array([0, 1, 0, 1, 0, 1, 0])
    p = record(y=y)
    for field in dataclasses.fields(p):
        value = getattr(p, field.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable
    assert not p.averaged().flags.writeable
    y[0] = 1


def test_records_are_equal_when_every_bit_is():
    p = record()
    assert p == record()
    assert p != record(seed=1)
    assert p != changed(p, "probability", (0, 0, 0, 0), np.nextafter(p.probability[0, 0, 0, 0], 1))
    assert p != dataclasses.replace(p, classes=(False, True))
    assert p != dataclasses.replace(p, row_weight=np.ones(7))
    assert p != dataclasses.replace(p, amount=np.ones(7))
    assert p != dataclasses.replace(p, unit=p.row + 1)
    assert p != "predictions"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("row", np.arange(6)),
        ("fold", np.zeros(8)),
        ("y", np.zeros((7, 1))),
        ("classes", (0, 1, 2)),
        ("settings", ("none",)),
        ("seeds", (1, 2, 3)),
        ("class_weight", np.ones((3, 2, 3))),
        ("prior", np.full((3, 2), 0.5)),
        ("probability", np.full((3, 2, 7), 0.5)),
        ("outcome", np.full((3, 2), "stopped")),
        ("row_weight", np.ones(6)),
        ("unit", np.ones(6)),
        ("amount", np.ones(6)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name, value):
    with pytest.raises(ValueError, match="must have shape"):
        record(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fold", np.full(7, 2), "fold must count"),
        ("fold", np.full(7, -1), "fold must count"),
        ("y", np.full(7, 2), "y must count"),
        ("classes", ("a", "a"), "classes must differ"),
        ("settings", ("none", "x", "x"), "settings must differ"),
        ("seeds", (1, 1), "seeds must differ"),
        ("class_weight", np.zeros((3, 2, 2)), "class_weight must be positive"),
        ("class_weight", np.full((3, 2, 2), np.inf), "class_weight must be positive"),
        ("prior", np.ones((2, 2)), "prior must be shares"),
        ("outcome", np.full((3, 2, 2), "stopped-early"), "outcome must be one of"),
        ("row_weight", np.full(7, -1.0), "row_weight must not be negative"),
        ("amount", np.full(7, -1.0), "amount must not be negative"),
        ("probability", np.full((3, 2, 7, 2), 3.0), "must hold probabilities"),
        ("probability", np.full((3, 2, 7, 2), np.nan), "must hold probabilities"),
        ("probability", np.zeros((3, 2, 7, 2)), "must hold probabilities"),
    ],
)
def test_values_that_make_no_sense_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        record(**{name: value})


def test_an_empty_record_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        record(n=0)


# undone and averaged


@pytest.mark.parametrize("k", [2, 3])
def test_undone_takes_out_the_weights_of_the_entry_s_fold(k):
    p = record(k=k)
    undone = p.undone()
    assert undone.shape == p.probability.shape
    assert undone.dtype == np.float64
    for s, r, i in np.ndindex(undone.shape[:3]):
        expected = undo(p.probability[s, r, i], p.class_weight[s, p.fold[i]])
        assert (undone[s, r, i] == expected).all()


@pytest.mark.parametrize("k", [2, 4])
def test_averaged_is_the_mean_over_seeds_of_the_undone(k):
    p = record(k=k, r=3)
    assert p.averaged() == pytest.approx(p.undone().mean(axis=1), rel=1e-15)


def test_one_seed_is_its_own_average():
    p = record(r=1)
    assert (p.averaged() == p.undone()[:, 0]).all()


def test_a_diverged_lane_is_left_out_in_its_fold_only():
    p = changed(record(f=2), "outcome", (1, 0, 1), "diverged")
    p = changed(p, "probability", (1, 0, p.fold == 1), np.nan)
    whole = record(f=2).averaged()
    undone = record(f=2).undone()
    there = p.fold == 1
    assert (p.averaged()[1, there] == undone[1, 1, there]).all()
    assert (p.averaged()[1, ~there] == whole[1, ~there]).all()
    assert (p.averaged()[[0, 2]] == whole[[0, 2]]).all()


@pytest.mark.parametrize("left", [np.nan, np.inf, 0.0, 0.5])
def test_where_all_seeds_diverged_the_prediction_is_the_prior(left):
    p = changed(record(f=2), "outcome", (1, slice(None), 0), "diverged")
    probability = p.probability.copy()
    probability[1, :, p.fold == 0] = left
    p = dataclasses.replace(p, probability=probability)
    there = p.fold == 0
    assert (p.averaged()[1, there] == p.prior[0]).all()
    assert np.isfinite(p.averaged()).all()
    p.undone()


# the file


@pytest.mark.parametrize("k", [2, 3, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_record_comes_back_bit_for_bit(tmp_path, k, weighted):
    measures = np.random.default_rng(1).random((2, 7))
    more = {"row_weight": measures[0], "amount": measures[1], "unit": np.arange(7) // 2}
    p = record(k=k, **(more if weighted else {}))
    assert again(p, tmp_path) == p


def test_the_smallest_record_comes_back(tmp_path):
    p = record(n=1, s=1, r=1, f=1)
    assert again(p, tmp_path) == p


def test_what_diverged_lanes_left_comes_back(tmp_path):
    p = record(outcome=np.full((3, 2, 2), "diverged"))
    odd = [np.nan, -np.nan, np.inf, -np.inf, -0.0, 1e-45, 3e38]
    p = changed(p, "probability", (0, 0, slice(None), 1), odd)
    assert again(p, tmp_path) == p


@pytest.mark.parametrize(
    "classes",
    [
        ("no", "yes"),
        (False, True),
        (0.0, 1.5),
        (0.1 + 0.2, -1e300),
        (-(2**63), 2**63 - 1),
        HOSTILE[:2],
        HOSTILE,
        tuple(f"class {k}" for k in range(40)),
    ],
)
def test_labels_of_every_kind_come_back(tmp_path, classes):
    p = record(k=len(classes), n=50, classes=classes)
    assert again(p, tmp_path) == p


def test_hostile_setting_names_come_back(tmp_path):
    p = record(s=len(HOSTILE), settings=HOSTILE)
    back = again(p, tmp_path)
    assert back == p
    assert back.settings == HOSTILE


def test_seeds_of_numpy_come_back_plain(tmp_path):
    p = record(seeds=np.array([3, 2**62]), n_training=np.int64(70))
    assert again(p, tmp_path) == p
    assert {type(seed) for seed in again(p, tmp_path).seeds} == {int}


def test_anyone_can_check_the_file_of_two_classes(tmp_path):
    p = record(classes=("no", "yes"))
    p.save(tmp_path / "p.parquet")
    frame = pq.read_table(tmp_path / "p.parquet").to_pandas()
    lanes = ["row", "fold", "setting", "seed"]
    assert list(frame) == [*lanes, "y", "probability", "complement", "unit"]
    assert len(frame) == 3 * 2 * 7
    one = frame[(frame.setting == "ratio:3") & (frame.seed == 41)]
    assert one.row.tolist() == p.row.tolist()
    assert one.y.tolist() == [p.classes[code] for code in p.y]
    assert one.probability.tolist() == p.probability[2, 1, :, 1].tolist()


def test_anyone_can_check_the_file_of_three_classes(tmp_path):
    p = record(k=3, classes=("a", "b", "c"))
    p.save(tmp_path / "p.parquet")
    frame = pq.read_table(tmp_path / "p.parquet").to_pandas()
    lanes = ["row", "fold", "setting", "seed"]
    assert list(frame) == [*lanes, "class", "y", "probability", "unit"]
    one = frame[(frame.setting == "none") & (frame.seed == 40) & (frame["class"] == "b")]
    assert one.row.tolist() == p.row.tolist()
    assert one.probability.tolist() == p.probability[0, 0, :, 1].tolist()


def test_each_lane_is_a_row_group(tmp_path):
    record(k=3).save(tmp_path / "p.parquet")
    assert pq.ParquetFile(tmp_path / "p.parquet").num_row_groups == 3 * 2


def test_one_record_is_one_file_to_the_byte(tmp_path):
    for name in ("a", "b"):
        record().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    p = record()
    p.save(tmp_path / "p.parquet")

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="no space"):
        record(seed=1).save(tmp_path / "p.parquet")
    monkeypatch.undo()
    assert Predictions.load(tmp_path / "p.parquet") == p
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def _missing(path):
    pass


def _junk(path):
    path.write_bytes(b"row,fold\n1,2\n")


def _empty(path):
    path.touch()


def _folder(path):
    path.mkdir()


def _without_header(path):
    record().save(path)
    pq.write_table(pq.read_table(path).replace_schema_metadata(), path)


def _cut(path):
    record().save(path)
    path.write_bytes(path.read_bytes()[:-100])


def _half(path):
    record().save(path)
    table = pq.read_table(path)
    pq.write_table(table.slice(0, len(table) - 5), path)


def _from_the_future(path):
    record().save(path)
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"outweigh"]) | {"format": FORMAT + 1}
    pq.write_table(table.replace_schema_metadata({"outweigh": json.dumps(facts)}), path)


@pytest.mark.parametrize(
    "spoil", [_missing, _junk, _empty, _folder, _without_header, _cut, _half, _from_the_future]
)
def test_a_file_that_is_no_record_is_one_line(tmp_path, spoil):
    spoil(tmp_path / "p.parquet")
    with pytest.raises(TableError, match=r"a file that outweigh saved; 'p\.parquet'") as caught:
        Predictions.load(tmp_path / "p.parquet")
    assert "\n" not in str(caught.value)


def test_a_file_written_anew_with_other_row_groups_is_the_same_record(tmp_path):
    p = record(k=3, n=50)
    p.save(tmp_path / "p.parquet")
    pq.write_table(pq.read_table(tmp_path / "p.parquet"), tmp_path / "q.parquet")
    assert Predictions.load(tmp_path / "q.parquet") == p
