"""Exports: a file says what its model says, and what cannot be exported is told in one line."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import outweigh as ow
from outweigh import _export
from outweigh._columns import columns_of, number_columns
from outweigh._export import ABOUT, about, export_keras, export_onnx, held
from outweigh._features import fit_features
from outweigh._network import default_network, keras_on_jax
from outweigh._operating import LeastCost
from outweigh._repairs import Affine, Steps
from outweigh._shapes import plain
from outweigh._whole import whole
from tests.models import by_hand
from tests.trainers import linear

N = 1000
APART = 1e-5


def drawn(n, *, seed):
    """Columns of very different scales, three of them with gaps, one of them constant."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)) * [1, 10, 1e-3, 1e4, 0, 3] + [0, 100, 0, 1e6, 3, 0]
    x[:, 5] = np.rint(x[:, 5])
    x[rng.random(x.shape) < [0.1, 0.2, 0, 0, 0, 0.1]] = np.nan
    return x.astype("float32").astype(float)


COLUMNS = number_columns(drawn(300, seed=0), list("abcdef"))
ROWS = drawn(N, seed=1)
ROWS[0] = np.nan  # gaps where training had none
ROWS[1, :2] = 1e30, -1e30
ROWS[2:, 4] = np.arange(2, N)  # what was constant


def normalised(n_features, n_outputs):
    """A network with a state, one that draws, and its own loss; it says probabilities."""
    keras = keras_on_jax()
    layers = keras.layers
    given = keras.Input((n_features,))
    hidden = layers.BatchNormalization()(layers.Dense(8, use_bias=False)(given))
    hidden = layers.Dropout(0.3)(layers.Activation("relu")(hidden))
    said = layers.Dense(n_outputs, activation="sigmoid" if n_outputs == 1 else "softmax")(hidden)
    model = keras.Model(given, said)
    model.compile("adam", "binary_crossentropy" if n_outputs == 1 else "categorical_crossentropy")
    return model


def made(k=2, *, build=linear, seeds=2, labels=None, **changes):
    """A model of networks that nobody trained."""
    rng = np.random.default_rng(k)
    model = by_hand(COLUMNS, k=k, build=build)
    width, outputs = len(model.features.names), labels or (1 if k == 2 else k)
    network, parameters = build(width, outputs), []
    trainable, other = network.trainable_variables, network.non_trainable_variables
    for variable in (*trainable, *other):
        start, shape = np.asarray(variable), (seeds, *variable.shape)
        luck = rng.random(shape) if "variance" in variable.name else rng.normal(0, 0.3, shape)
        parameters.append((start + (start.dtype == "float32") * luck).astype(start.dtype))
    return replace(
        model,
        parameters=tuple(parameters),
        n_trainable=len(trainable),
        **({"shape": plain(k)} | changes),
    )


def bent(k, **changes):
    return {"shape": plain(k)._replace(**{name: np.array(v) for name, v in changes.items()})}


def steps(k):
    rng = np.random.default_rng(k)
    x = [np.linspace(0.02, 0.9, 20) for _ in range(1 if k == 2 else k)]  # steep ones lose digits
    return Steps(tuple(x), tuple(np.sort(rng.uniform(0.01, 0.99, 20)) for _ in x))


KINDS = {
    "five default networks": lambda: made(build=default_network, seeds=5),
    "normalised, three classes": lambda: made(3, build=normalised, seeds=1),
    "normalised, two classes": lambda: made(2, build=normalised),
    "one network": lambda: made(seeds=1),
    "one of three labels": lambda: made(build=default_network, labels=3, label=(1, 3)),
    "focal": lambda: made(**bent(2, gamma=2.0)),
    "focal, three": lambda: made(3, **bent(3, gamma=2.0)),
    "vector-scaled": lambda: made(**bent(2, delta=[0.5, 1.0], iota=[1.0, -1.0])),
    "vector-scaled, three": lambda: made(3, **bent(3, delta=[0.5, 1.0, 0.8], iota=[1.0, 0, 2])),
    "smoothed": lambda: made(**bent(2, epsilon=[0.05, 0.2])),
    "smoothed, three": lambda: made(3, **bent(3, epsilon=[0.05, 0.2, 0.0])),
    "affine": lambda: made(repair=Affine(1.7, (0.5, -0.5))),
    "affine, five": lambda: made(5, repair=Affine(0.7, (2.0, 1.0, 0.0, -1.0, -2.0))),
    "steps": lambda: made(repair=steps(2)),
    "steps, three": lambda: made(3, repair=steps(3)),
    "one step": lambda: made(repair=Steps((np.array([0.5]),), (np.array([0.3]),))),
    "another prevalence": lambda: made(factor=np.array([1.8, 0.2])),
    "sure": lambda: made(repair=Affine(8.0, (1.0, -1.0))),
    "all at once": lambda: made(
        3,
        build=normalised,
        repair=steps(3),
        factor=np.array([1.0, 2.0, 0.5]),
        **bent(3, gamma=1.0),
    ),
}
FEW = ["normalised, three classes", "one of three labels", "focal", "smoothed, three"]
FEW += ["affine", "steps", "another prevalence"]


def loaded(path):
    return keras_on_jax().saving.load_model(path)


def apart(model, path, inputs):
    """How far a file's probabilities are from its model's, at most, on 1,000 rows."""
    columns = number_columns(ROWS, list("abcdef"))
    x = ROWS.astype("float32") if inputs == "columns" else model.features.transform(columns)
    expected = model.predict_proba(columns)
    assert np.ptp(expected[:, 1]) > 0.1  # else there is little to tell apart
    return np.abs(np.asarray(loaded(path)(x)) - expected).max()


# what a file says


@pytest.mark.parametrize("kind", FEW)
def test_a_keras_file_says_what_its_model_says(tmp_path, kind):
    model = KINDS[kind]()
    export_keras(model, tmp_path / "m.keras")
    assert apart(model, tmp_path / "m.keras", "columns") < APART


def test_a_keras_file_may_take_features_whatever_the_columns_hold(tmp_path):
    arrays = {"site": pa.array([*"uuvvw"] * 20), "a": pa.array(np.arange(100.0))}
    model = by_hand(columns_of(arrays), build=linear)
    model = replace(model, parameters=tuple(np.ones((2, *s), "float32") for s in ((4, 1), (1,))))
    with pytest.raises(ow.UsageError, match="'site' hold text or dates: give inputs=\"features\""):
        export_keras(model, tmp_path / "m.keras")
    export_keras(model, tmp_path / "m.keras", inputs="features")
    x = model.features.transform(columns_of(arrays))
    found = np.asarray(loaded(tmp_path / "m.keras")(x))
    assert found == pytest.approx(model.predict_features(x), abs=APART)


def test_a_file_tells_columns_classes_and_costs(tmp_path):
    rule = LeastCost(np.array([[0.0, 1.0], [9.0, 0.0]]))
    export_keras(made(rule=rule), tmp_path / "m.keras")
    told = json.loads(zipfile.ZipFile(tmp_path / "m.keras").read(ABOUT))
    assert told["names"] == list("abcdef")
    assert told["classes"] == ["class 0", "class 1"]
    assert told["rule"] == {"kind": "least-cost", "costs": [[0, 1], [9, 0]]}
    assert told["threshold"] == 0.1
    features = about(made(rule=None), "features")
    assert features["names"] == [*"abcdef", *(f"missingindicator_{name}" for name in "abf")]
    assert features["rule"] is features["threshold"] is None


def test_a_study_and_a_fitted_classifier_hold_a_model():
    class Holder:
        pass

    study, classifier, model = Holder(), Holder(), made()
    study.model = classifier.model_ = model
    assert held(study) is held(classifier) is held(model) is model
    with pytest.raises(ow.UsageError, match="must hold a model; came 'Holder': give a study"):
        held(Holder())


# what is refused


def test_columns_that_float32_cannot_tell_apart_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 5)) * [1, 1, 1e4, 1e-35, 1e59] + [1e9, 2e4, 1e9, 0, 1e60]
    columns = number_columns(x, ["id", "year", "money", "tiny", "vast"])
    model = replace(made(), features=fit_features(columns, range(50)))
    with pytest.raises(ow.UsageError, match=r"'id', 'tiny', 'vast' vary too little") as caught:
        export_keras(model, tmp_path / "m.keras")
    assert str(caught.value).isprintable()
    assert [*tmp_path.iterdir()] == []


def test_a_constant_may_be_of_any_size(tmp_path):
    x = np.random.default_rng(0).normal(size=(50, 6))
    x[:, 3:5] = 1e60, 1e-60
    model = replace(made(), features=fit_features(number_columns(x, list("abcdef")), range(50)))
    model = replace(model, parameters=(np.ones((1, 6, 1), "float32"), np.ones((1, 1), "float32")))
    export_keras(model, tmp_path / "m.keras")
    assert apart(model, tmp_path / "m.keras", "columns") < APART


def test_a_mean_that_float32_does_not_have_is_made_good(tmp_path):
    x = 2.0**16 + np.random.default_rng(0).permutation(600)[:, None] / 128  # float32 has these
    columns = number_columns(x, ["a"])
    model = replace(made(), features=fit_features(columns, range(600)))
    model = replace(model, parameters=(np.ones((1, 1, 1), "float32"), np.ones((1, 1), "float32")))
    assert abs(np.float32(x.mean()) - x.mean()) > 1e-3 * x.std()
    export_keras(model, tmp_path / "m.keras")
    found = np.asarray(loaded(tmp_path / "m.keras")(x.astype("float32")))
    assert np.abs(found - model.predict_proba(columns)).max() < APART


def odd(n_features, n_outputs):
    """A network with a layer that Keras does not know."""
    keras = keras_on_jax()

    class Odd(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    dense = keras.layers.Dense(n_outputs, activation="sigmoid")
    return keras.Sequential([keras.Input((n_features,)), Odd(), dense])


def test_a_layer_that_cannot_be_loaded_again_is_told_and_the_old_file_stays(tmp_path):
    (tmp_path / "m.keras").write_text("old")
    with pytest.raises(ow.UsageError, match="what Keras can load again; TypeError") as caught:
        export_keras(made(build=odd), tmp_path / "m.keras")
    assert "register yours with keras.saving.register_keras_serializable" in str(caught.value)
    assert str(caught.value).isprintable()
    assert (tmp_path / "m.keras").read_text() == "old"


def test_a_file_that_says_something_else_gets_no_name(tmp_path, monkeypatch):
    other = lambda model, **how: whole(replace(model, factor=np.array([2.0, 1.0])), **how)
    monkeypatch.setattr(_export, "whole", other)
    with pytest.raises(ow.UsageError, match=r"are 0\.\d+ apart on average"):
        export_keras(made(), tmp_path / "m.keras")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("export", [export_keras, export_onnx])
def test_wrong_arguments_are_one_clear_line(tmp_path, export):
    suffix = ".keras" if export is export_keras else ".onnx"
    with pytest.raises(ow.UsageError, match=rf"must end in \{suffix}; came 'm.h5': rename it"):
        export(made(), tmp_path / "m.h5")
    with pytest.raises(ow.UsageError, match="inputs must be 'columns' or 'features'; came 'x'"):
        export(made(), tmp_path / f"m{suffix}", inputs="x")


def test_a_place_that_cannot_be_written_to_is_one_clear_line(tmp_path):
    with pytest.raises(ow.UsageError, match="must be one that can be written"):
        export_keras(made(seeds=1), tmp_path / "nowhere" / "m.keras")


@pytest.mark.parametrize("missing", ["jax2onnx", "onnxruntime"])
def test_an_extra_that_is_missing_is_named(tmp_path, monkeypatch, missing):
    for name in ("jax2onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None if name == missing else sys)
    with pytest.raises(ow.UsageError, match=rf"{missing}; .*: pip install 'outweigh\[onnx\]'"):
        export_onnx(made(), tmp_path / "m.onnx")


def test_what_onnx_does_not_have_is_one_clear_line(tmp_path, monkeypatch):
    class Converter:
        @staticmethod
        def to_onnx(*arguments, **options):
            raise NotImplementedError("no rule for\nbessel_i0e")  # as jax2onnx does

    for name in ("jax2onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, Converter)
    with pytest.raises(ow.UsageError, match=r"raised: no rule for bessel_i0e: write a \.keras"):
        export_onnx(made(seeds=1), tmp_path / "m.onnx")
    assert [*tmp_path.iterdir()] == []


# elsewhere

READER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "outweigh":
            raise ImportError("outweigh is not here")

sys.meta_path.insert(0, Blocked())
import json, keras, numpy as np

found = {}
for path in sys.argv[1:]:
    rows = np.load(path + ".npz")
    said = keras.saving.load_model(path).predict(rows["x"], verbose=0, batch_size=300)
    found[path] = float(np.abs(said - rows["expected"]).max())
print(json.dumps([keras.backend.backend(), found]))
"""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Files of every kind of model, that take columns and features, and what they must say."""
    folder, columns = tmp_path_factory.mktemp("zoo"), number_columns(ROWS, list("abcdef"))
    for number, kind in enumerate(KINDS):
        model = KINDS[kind]()
        inputs = {"columns": ROWS.astype("float32"), "features": model.features.transform(columns)}
        for name, x in inputs.items():
            path = folder / f"{number}_{name}.keras"
            export_keras(model, path, inputs=name)
            np.savez(f"{path}.npz", x=x, expected=model.predict_proba(columns))
    return sorted(map(str, folder.glob("*.keras")))


def needs(module, **options):
    why = f"{module} is not installed: make check-all brings it"
    return pytest.mark.skipif(find_spec(module) is None, reason=why, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend",
    ["jax", *(pytest.param(b, marks=needs(b)) for b in ("tensorflow", "torch"))],
)
def test_keras_alone_loads_the_files_on_every_backend(zoo, backend):
    done = subprocess.run(
        [sys.executable, "-I", "-c", READER, *zoo],
        env={"KERAS_BACKEND": backend, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    on, found = json.loads(done.stdout.splitlines()[-1])
    assert on == backend
    assert len(found) == 2 * len(KINDS)
    assert {path: far for path, far in found.items() if not far < APART} == {}


@pytest.mark.slow
@needs("jax2onnx")
@needs("onnxruntime")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inputs", ["columns", "features"])
def test_an_onnx_file_says_what_its_model_says(tmp_path, kind, inputs):
    import onnxruntime

    model, columns = KINDS[kind](), number_columns(ROWS, list("abcdef"))
    export_onnx(model, tmp_path / "m.onnx", inputs=inputs)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    x = ROWS.astype("float32") if inputs == "columns" else model.features.transform(columns)
    expected = model.predict_proba(columns)
    for rows in (slice(None), slice(0, 1), slice(7, 20)):
        [said] = session.run(["probability"], {inputs: x[rows]})
        assert np.abs(said - expected[rows]).max() < APART
    told = json.loads(session.get_modelmeta().custom_metadata_map["outweigh"])
    assert told == json.loads(json.dumps(about(model, inputs)))


def registered(n_features, n_outputs):
    """A network in a class of its user's, compiled, that Keras was told of."""
    keras = keras_on_jax()

    @keras.saving.register_keras_serializable("tests")
    class Registered(keras.Model):
        from_logits = True

        def __init__(self, n_outputs, **options):
            super().__init__(**options)
            self.n_outputs = n_outputs
            self.dense = keras.layers.Dense(n_outputs)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            return {**super().get_config(), "n_outputs": self.n_outputs}

    model = Registered(n_outputs)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    model(np.zeros((1, n_features)))
    return model


@pytest.mark.slow
def test_a_registered_class_is_loaded_again(tmp_path):
    model = made(build=registered)
    export_keras(model, tmp_path / "m.keras")
    assert apart(model, tmp_path / "m.keras", "columns") < APART


@pytest.mark.slow
def test_a_study_goes_from_a_frame_to_a_file(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=["a", "b", "c"])
    frame.loc[::7, "b"] = np.nan
    y = (frame["a"] > 1).astype(int)
    study = ow.weigh(frame, y, settings="balanced, focal:2", folds=2, seeds=2, epochs=3)
    export_keras(study, tmp_path / "m.keras")
    found = loaded(tmp_path / "m.keras").predict(frame.to_numpy("float32"), verbose=0)
    assert np.abs(found - study.predict_proba(frame)).max() < 1e-3
    assert np.abs(found - study.predict_proba(frame)).mean() < APART


def test_a_file_of_a_search_has_the_classes_in_the_order_of_its_probabilities(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.where(np.arange(60) % 4, "usual", "rare")  # the rarer one, which is positive, is first
    network = ow.NetworkClassifier(linear, epochs=2, random_state=0)
    search = ow.WeightSearchCV(network, settings="balanced", cv=2).fit(X, y)
    assert search.model_.classes == ("usual", "rare")
    export_keras(search, tmp_path / "m.keras")
    said = keras_on_jax().saving.load_model(tmp_path / "m.keras").predict(X, verbose=0)
    assert said == pytest.approx(search.predict_proba(X), abs=APART)
    told = json.loads(zipfile.ZipFile(tmp_path / "m.keras").read(ABOUT))
    assert (told["classes"], told["positive"]) == (["rare", "usual"], "rare")
    assert told["threshold"] == search.best_threshold_
