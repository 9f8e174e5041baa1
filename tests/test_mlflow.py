"""MLflow: what is logged comes back as a function of frames, without the rooms that train."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import outweigh as ow
from outweigh._columns import columns_of
from outweigh._frames import as_arrow
from outweigh._mlflow import NETWORKS, _load_pyfunc, log_model
from outweigh._operating import LeastCost, LeastRowCost
from tests.models import by_hand
from tests.test_export import made, odd
from tests.trainers import linear

N = 120


@pytest.fixture(scope="module")
def frame():
    """Columns of every kind, with gaps, and one that says what it costs to miss a row."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N)),
            "rooms": rng.integers(0, 5, N),
            "sold": rng.random(N) < 0.5,
            "site": rng.choice(np.array(["north", "south", None], dtype=object), N),
            "note": [f"{''.join(rng.choice(list('abcdé'), 9))} {i}" for i in range(N)],
            "day": pd.date_range("2020-01-01", periods=N, freq="31h"),
            "amount": rng.integers(0, 100, N),
        }
    )


def model_of(frame, **changes):
    features = frame.drop(columns="amount")
    columns = columns_of({name: as_arrow(features[name], name) for name in features})
    return replace(by_hand(columns), **changes), columns


LOADER = """
import sys
import mlflow, pandas as pd

model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pd.read_pickle(sys.argv[2])
found = model.predict(frame)

def same(one, two):  # Keras rounds differently where there are fewer rows
    apart = (one.iloc[:, :2] - two.iloc[:, :2]).abs().to_numpy().max()
    return len(one) == len(two) and apart < 1e-6 and one["decision"].equals(two["decision"])

again = frame.assign(site=frame["site"].astype("category"), rooms=frame["rooms"].astype("int8"))
assert same(found, model.predict(again[again.columns[::-1]]))
assert same(found[:1], model.predict(frame[:1]))
assert list(model.predict(frame[:0])) == list(found)
found.to_pickle(sys.argv[3])
print(*sorted(name for name in sys.modules if name.startswith("outweigh.")))
"""
TRAIN = {"_study", "_training", "_weigh", "_plan", "_references", "_samplers", "_record", "report"}


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow, with its files in a folder of their own, and silent."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    return pytest.importorskip("mlflow", reason="is not installed: make check-all brings it")


# other libraries' warnings are no errors here
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("network", ["default", "user's own"])
def test_a_logged_model_predicts_from_frames_without_what_trains(mlflow, tmp_path, frame, network):
    model, columns = model_of(frame)
    if network != "default":
        model = replace(model, build=linear, network="mine.py:linear")
        shapes = (len(model.features.names), 1), (1,)
        numbers = tuple(np.ones((2, *shape), "float32") for shape in shapes)
        model = replace(model, parameters=numbers, n_trainable=2)
    info = log_model(model, "houses", input_example=frame.drop(columns="amount").head(3))
    frame.to_pickle(tmp_path / "frame")
    files = [info.model_uri, str(tmp_path / "frame"), str(tmp_path / "said")]
    done = subprocess.run([sys.executable, "-c", LOADER, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rooms = {name.split(".")[1] for name in done.stdout.splitlines()[-1].split()}
    assert rooms & TRAIN == set()
    said, expected = pd.read_pickle(tmp_path / "said"), model.predict_proba(columns)
    assert list(said) == ["probability class 0", "probability class 1", "decision"]
    assert said.iloc[:, :2].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert said["decision"].tolist() == [model.classes[k] for k in model.decide(expected)]
    assert info.signature.inputs.input_names() == [name for name, _ in model.features.schema]


# without MLflow


def served(model, tmp_path):
    from outweigh._bundle import save

    save(model, tmp_path / "bundle")
    return _load_pyfunc(str(tmp_path / "bundle"))


def test_a_model_that_ranks_decides_nothing(tmp_path, frame):
    model, columns = model_of(frame, rule=None)
    said = served(model, tmp_path).predict(frame)
    assert list(said) == ["probability class 0", "probability class 1"]
    assert said.to_numpy() == pytest.approx(model.predict_proba(columns))


def test_a_case_may_be_referred_to_a_person(tmp_path, frame):
    rule = LeastCost(np.array([[0.0, 1.0, 0.001], [1.0, 0.0, 0.001]]))
    said = served(model_of(frame, rule=rule)[0], tmp_path).predict(frame)
    assert set(said["decision"]) == {"refer to a person"}


def test_costs_of_rows_come_with_the_frame_even_where_all_are_zero(tmp_path, frame):
    rule = LeastRowCost(fp=3.0)
    model, columns = model_of(frame, rule=rule, amount_column="amount")
    expected = rule.decide(model.predict_proba(columns), frame["amount"].to_numpy(float))
    found = served(model, tmp_path)
    assert found.predict(frame)["decision"].tolist() == [model.classes[k] for k in expected]
    assert set(found.predict(frame.assign(amount=0))["decision"]) == {"class 0"}
    with pytest.raises(ow.TableError, match="must be finite and none negative"):
        found.predict(frame.assign(amount=-1))
    with pytest.raises(ow.TableError, match="'amount'"):
        found.predict(frame.drop(columns="amount"))


def test_without_mlflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", None)
    with pytest.raises(ow.UsageError, match=r"pip install 'outweigh\[mlflow\]'"):
        log_model(made())


def test_a_network_that_keras_cannot_load_again_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", sys)
    with pytest.raises(ow.UsageError, match="made of what Keras can load again"):
        log_model(replace(made(build=odd), network="mine"))


def test_a_users_network_lies_beside_the_bundle(tmp_path):
    from outweigh._bundle import save
    from outweigh._export import export_keras

    model = replace(made(3), network="mine")
    save(model, tmp_path)
    export_keras(model, tmp_path / NETWORKS, inputs="features")
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 6)), columns=list("abcdef"))
    said = _load_pyfunc(str(tmp_path)).predict(x)
    columns = columns_of({name: as_arrow(x[name], name) for name in x})
    assert said.iloc[:, :3].to_numpy() == pytest.approx(model.predict_proba(columns), abs=1e-5)
