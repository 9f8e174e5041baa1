"""Where Keras lets class weights slip, found by trying; the table in docs/keras.md is made here.

Each trap tries Keras, then outweigh, and says what came of it in a few words. Where a newer Keras
does otherwise, the test of that row fails. ``python -m tests.test_keras_traps`` writes the table.
"""

import io
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
import pytest
import sklearn
from keras.wrappers import SKLearnClassifier
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import TunedThresholdClassifierCV, cross_val_predict
from sklearn.utils.metadata_routing import get_routing_for_object

import outweigh as ow
from tests.trainers import linear

DOCUMENT = Path(__file__).parent.parent / "docs" / "keras.md"
BEGIN = "<!-- Written by `python -m tests.test_keras_traps`, compared by its tests. -->\n"

X = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
Y = (np.arange(40) % 4 == 0).astype(int)


@dataclass(frozen=True)
class Trap:
    """A thing to write, and what comes of it."""

    written: str
    tried: Callable[[], tuple[str, str]]
    needs: str | None = None

    @property
    def line(self) -> str:
        """The row of the table."""
        cells = (self.written, *self.tried())
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


TRAPS: list[Trap] = []


def trap(written: str, needs: str | None = None):
    """Add a function to the traps."""

    def add(tried):
        TRAPS.append(Trap(written, tried, needs))
        return tried

    return add


def model(outputs=1, activation="sigmoid", loss="binary_crossentropy", *, rate=0.0):
    """A layer on rows or on steps; at rate 0 it stays as it is, and its losses can be compared."""
    layer = keras.layers.Dense(outputs, activation, kernel_initializer="ones")
    made = keras.Sequential([layer])
    made.compile(keras.optimizers.SGD(rate), loss)
    return made


def fit(made, x, y=None, **more):
    """Fit for one epoch; give the loss."""
    return made.fit(x, y, verbose=0, shuffle=False, **more).history["loss"][0]


def keras_weighs(made, x, y, class_weight):
    """Give what Keras weighs each row: its loss with the weights, over its loss without."""
    rows = [(x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
    return [round(fit(made, *row, class_weight=class_weight) / fit(made, *row), 4) for row in rows]


def raised(call) -> str:
    """Say what a call raises, in one line and no more than it takes to know it."""
    with redirect_stdout(io.StringIO()), pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    text = " ".join(str(caught.value).split())
    text = text.partition(" Received:")[0].partition(". You can modify")[0].replace("`", "")
    return f"{caught.type.__name__}: {text}"


def number(value) -> str:
    return f"{value:.4g}"


# -- fit(class_weight=...) -------------------------------------------------------------------------


@trap("`class_weight={1: 9}`: a class is missing")
def _():
    weights = keras_weighs(model(), X[:2], Y[:2], {1: 9})
    assert Y[:2].tolist() == [1, 0]
    assert weights == [9, 1]
    return "class 0 weighs 1, in silence", raised(lambda: ow.class_weight(Y, {1: 9}))


@trap('`class_weight={"0": 1, "1": 9}`, as JSON brings it')
def _():
    weighs = keras_weighs(model(), X[:2], Y[:2], {"0": 1, "1": 9})
    assert weighs == [1, 1]
    return "all rows weigh 1, in silence", raised(lambda: ow.class_weight(Y, {"0": 1, "1": 9}))


@trap("`class_weight=[1, 9]`")
def _():
    keras_says = raised(lambda: fit(model(), X, Y, class_weight=[1, 9]))
    assert keras_says.startswith("AttributeError")
    return keras_says, raised(lambda: ow.class_weight(Y, [1, 9]))


@trap('`class_weight="balanced"`')
def _():
    keras_says = raised(lambda: fit(model(), X, Y, class_weight="balanced"))
    assert keras_says.startswith("AttributeError")
    weights = ow.class_weight(Y, "balanced")
    assert weights == {0: 40 / (2 * 30), 1: 40 / (2 * 10)}
    fit(model(), X, Y, class_weight=weights)
    return keras_says, "`class_weight(y)` is that dict"


@trap("yes/no labels (n, t), several of which may be 1")
def _():
    y = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]])
    weights = keras_weighs(model(3), X[:3], y, {0: 2, 1: 3, 2: 5})
    assert weights == [2, 2, 5]
    ours = ow.row_weight(y, kind=ow.YesNo())
    assert ours.shape == (3, 3)
    assert ours.sum(axis=0).tolist() == pytest.approx([3, 3, 3])
    asked = raised(lambda: ow.row_weight(y))
    return (
        "takes the place of the first 1 for the class, in silence; so `[1, 1, 0]` and `[0, 0, 0]` "
        "both weigh as class 0",
        f"`kind=YesNo()`: a weight for each label; without it {asked}",
    )


@trap("labels per step (n, s)")
def _():
    y = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 0]])
    x = np.ones((3, 3, 2), "float32")
    made = model(3, "softmax", "sparse_categorical_crossentropy")
    weights = keras_weighs(made, x, y, {0: 2, 1: 3, 2: 5})
    assert weights == [5, 3, 2]
    ours = ow.row_weight(y, {0: 2, 1: 3}, kind=ow.Labels())
    assert ours.tolist() == [[2, 2, 3], [2, 3, 3], [3, 2, 2]]
    fit(made, x, y, sample_weight=ours)
    return (
        "takes the time of the largest label for the class, in silence; so `[0, 0, 1]` weighs as "
        "class 2, in all its steps",
        "`kind=Labels()`: a weight for each step, by its label",
    )


@trap("one-hot steps (n, s, k), segmentation masks (n, h, w, 1)")
def _():
    x, steps = np.ones((2, 3, 2), "float32"), np.eye(2)[[[0, 0, 1], [1, 0, 0]]]
    made = model(2, "softmax", "categorical_crossentropy")
    keras_says = raised(lambda: fit(made, x, steps, class_weight={0: 1, 1: 9}))
    pixels, mask = np.ones((2, 4, 4, 2), "float32"), np.tile(Y[:4], (2, 4))[..., None]
    mask = mask.reshape(2, 4, 4, 1)
    assert raised(lambda: fit(model(), pixels, mask, class_weight={0: 1, 1: 9})) == keras_says
    ours = ow.row_weight(steps, {0: 1, 1: 9}, kind=ow.OneHot())
    assert ours.tolist() == [[1, 1, 9], [9, 1, 1]]
    fit(made, x, steps, sample_weight=ours)
    fit(model(), pixels, mask, sample_weight=ow.row_weight(mask, kind=ow.Labels()))
    return keras_says, "`kind=OneHot()`, `kind=Labels()`: a weight for each step or pixel"


@trap("several outputs, a dict of targets")
def _():
    entry = keras.Input((2,))
    heads = {name: keras.layers.Dense(1, "sigmoid", name=name)(entry) for name in "ab"}
    made = keras.Model(entry, heads)
    made.compile(keras.optimizers.SGD(0.0), dict.fromkeys("ab", "binary_crossentropy"))
    y = {"a": Y[:, None], "b": 1 - Y[:, None]}
    keras_says = raised(lambda: fit(made, X, y, class_weight={0: 1, 1: 9}))
    ours = ow.row_weight(y, {"a": {0: 1, 1: 9}, "b": "balanced"})
    fit(made, X, y, sample_weight=ours)
    assert ours["a"].ravel().tolist() == np.where(Y, 9, 1).tolist()
    return keras_says, "`row_weight` gives a dict of weights, by one rule or one for each output"


@trap("`class_weight` and `sample_weight` at once")
def _():
    own = np.linspace(1, 2, 40)
    both = {"class_weight": {0: 1, 1: 9}, "sample_weight": own}
    keras_says = raised(lambda: fit(model(), X, Y, **both))
    [[_, _, ours]] = ow.weighted([(X, Y, own)], {0: 1, 1: 9})
    product = own * np.where(Y, 9, 1)
    assert np.asarray(ours) == pytest.approx(product)
    scale = product.mean() / own.mean()  # row weights are brought to mean 1
    apart = network(class_weight={0: 1 / scale, 1: 9 / scale}).fit(X, Y, sample_weight=own)
    at_once = network().fit(X, Y, sample_weight=product)
    np.testing.assert_allclose(apart.predict_proba(X), at_once.predict_proba(X), atol=1e-6)
    return keras_says, "`weighted` multiplies them, and so does `NetworkClassifier`"


def batches():
    """A generator of batches of ten."""
    for i in range(0, 40, 10):
        yield X[i : i + 10], Y[i : i + 10, None]


def same_loss(data) -> None:
    """Check that data of batches train as arrays with row weights do."""
    of_arrays = fit(model(), X, Y[:, None], batch_size=10, sample_weight=ow.row_weight(Y))
    assert fit(model(), data, steps_per_epoch=4) == pytest.approx(of_arrays, rel=1e-6)


@trap("a generator")
def _():
    keras_says = raised(lambda: fit(model(), batches(), class_weight={0: 1, 1: 9}))
    same_loss(ow.weighted(batches(), ow.class_weight(Y)))
    return keras_says, "`weighted(data, class_weight)` is a generator with weights"


@trap("a torch `DataLoader`", needs="torch")
def _():
    from torch.utils.data import DataLoader

    loader = DataLoader([*zip(X, Y[:, None], strict=True)], batch_size=10)
    keras_says = raised(lambda: fit(model(), loader, class_weight={0: 1, 1: 9}))
    same_loss(ow.weighted(loader))
    return keras_says, '`weighted(loader, "balanced")` is a `DataLoader` with weights'


@trap("a grain data set", needs="grain")
def _():
    import grain

    data = grain.MapDataset.source([*zip(X, Y[:, None], strict=True)]).batch(10)
    keras_says = raised(lambda: fit(model(), data, class_weight={0: 1, 1: 9}))
    same_loss(ow.weighted(data))
    return keras_says, '`weighted(data, "balanced")` is a grain data set with weights'


@trap("`validation_data`, and `EarlyStopping` that watches it")
def _():
    weights = {0: 10, 1: 10}
    made = model()
    history = made.fit(X, Y, class_weight=weights, validation_data=(X, Y), verbose=0).history
    ratio = history["loss"][0] / history["val_loss"][0]
    assert ratio == pytest.approx(10)
    held_out = (X, Y, ow.row_weight(Y, weights))
    same = made.fit(X, Y, class_weight=weights, validation_data=held_out, verbose=0).history
    assert same["loss"] == pytest.approx(same["val_loss"])
    network = ow.NetworkClassifier(linear, class_weight=9.0, epochs=2, patience=1, random_state=0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 2)), np.arange(400) % 4 == 0
    [curves] = network.fit(x, y).curves_
    assert len(curves.undone) == len(curves.weighted) == len(curves.raw)
    assert not np.allclose(curves.raw, curves.weighted)
    return (
        f"is never weighed: of the same rows at the same moment, at weights of 10, `loss` is "
        f"{number(ratio)} times `val_loss`",
        "`validation_data=(x, y, row_weight(y, class_weight))`; the networks here watch the loss "
        'with the weights undone, or `watch="weighted"`, and keep both curves',
    )


@trap("weights ten times as large, with SGD")
def _():
    ends = []
    for rate, weight in ((0.01, 10), (0.1, 1)):
        made = model(rate=rate)
        fit(made, X, Y, class_weight={0: weight, 1: weight})
        ends.append(np.concatenate([np.ravel(w.value) for w in made.weights]))
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)
    for rule in ("balanced", "sqrt", 50.0, ow.Effective(0.9)):
        assert ow.row_weight(Y, rule).mean() == pytest.approx(1)
    return "are a learning rate ten times as large", "under every rule a row weighs 1 on average"


@trap("many rows")
def _():
    asked = []

    class Asked(dict):
        def get(self, *arguments):
            asked.append(arguments)
            return super().get(*arguments)

    fit(model(), X, Y, class_weight=Asked({0: 1, 1: 9}))
    assert len(asked) == len(X)
    asked.clear()
    ow.row_weight(np.tile(Y, 100), Asked({0: 1, 1: 9}))
    assert len(asked) < 10
    return "a Python loop looks each row up in the dict", "one array operation"


@trap("`predict` after training with weights")
def _():
    made = model(rate=2.0)
    x, y = np.ones((40, 1), "float32"), np.arange(40) % 10 == 0
    made.fit(x, y, class_weight={0: 1, 1: 9}, batch_size=40, epochs=200, verbose=0)
    said = made.predict(x[:1], verbose=0)
    assert said[0, 0] == pytest.approx(0.5, abs=1e-3)
    undone = ow.undo(said, {0: 1, 1: 9})[0, 0]
    assert undone == pytest.approx(y.mean(), abs=1e-3)
    return (
        f"says {said[0, 0]:.1f} where {y.mean():.1f} of the rows are positive",
        f"`undo(p, class_weight)` says {undone:.1f}",
    )


# -- keras.wrappers.SKLearnClassifier --------------------------------------------------------------


def two_columns(X, y):
    """A network for the one-hot targets that the wrapper makes."""
    return model(2, "softmax", "categorical_crossentropy")


def wrapper(**fit_kwargs):
    return SKLearnClassifier(two_columns, fit_kwargs={"verbose": 0} | fit_kwargs)


def network(**parameters):
    return ow.NetworkClassifier(linear, epochs=2, patience=0, random_state=0, **parameters)


def wrapped_loss(estimator, y, **more) -> float:
    return estimator.fit(X, y, **more).history_.history["loss"][0]


@trap("`SKLearnClassifier`: labels 1 and 2, `class_weight={1: 1, 2: 9}`")
def _():
    with_weights = wrapped_loss(wrapper(class_weight={1: 1, 2: 9}), Y + 1)
    assert with_weights == pytest.approx(wrapped_loss(wrapper(), Y + 1))
    ours = network(class_weight={1: 1, 2: 9}).fit(X, Y + 1).class_weight_
    assert ours == {1: 1, 2: 9}
    return "all rows weigh 1, in silence: keys are places, not labels", "keys are labels"


@trap("`SKLearnClassifier`: `clone`, and so every search, cross-validation and meta-estimator")
def _():
    assert clone(wrapper(class_weight={0: 1, 1: 9}, epochs=7)).fit_kwargs is None
    assert clone(network(class_weight={0: 1, 1: 9})).class_weight == {0: 1, 1: 9}
    return "loses `fit_kwargs`: class weights, epochs and all, in silence", "keeps every parameter"


@trap("`SKLearnClassifier`: `fit(sample_weight=w)`, then `fit` without")
def _():
    estimator = wrapper()
    before = wrapped_loss(estimator, Y)
    weighed = wrapped_loss(estimator, Y, sample_weight=np.full(40, 7.0))
    assert wrapped_loss(estimator, Y) == pytest.approx(weighed) != pytest.approx(before)
    heavy, light = network(), network().fit(X, Y)
    heavy.fit(X, Y, sample_weight=1.0 + Y)
    assert (heavy.fit(X, Y).predict_proba(X) == light.predict_proba(X)).all()
    return "the second is weighed too: `fit` writes into `fit_kwargs`", "each `fit` is its own"


@trap("`SKLearnClassifier`: `predict_proba`")
def _():
    estimator = wrapper().fit(X, Y)
    assert not hasattr(estimator, "predict_proba")
    with redirect_stdout(io.StringIO()):
        assert estimator.decision_function(X).shape == (40, 2)
    ours = cross_val_predict(network(), X, Y, cv=2, method="predict_proba")
    assert ours.shape == (40, 2)
    return (
        "is not there; `decision_function` has two columns for two classes, scikit-learn expects "
        "one",
        "is there",
    )


@trap("`SKLearnClassifier` in `TunedThresholdClassifierCV`")
def _():
    keras_says = raised(lambda: TunedThresholdClassifierCV(wrapper(), cv=2).fit(X, Y))
    assert keras_says.startswith("ValueError")
    threshold = TunedThresholdClassifierCV(network(), cv=2).fit(X, Y).best_threshold_
    assert 0 < threshold < 1
    return keras_says, "works"


@trap("`SKLearnClassifier` in `CalibratedClassifierCV`")
def _():
    keras_says = raised(lambda: CalibratedClassifierCV(wrapper(), cv=2).fit(X, Y))
    assert keras_says.startswith("IndexError")
    said = CalibratedClassifierCV(network(), cv=2).fit(X, Y).predict_proba(X)
    assert said[:, 1].mean() == pytest.approx(Y.mean(), abs=0.05)
    return keras_says, "works"


@trap("`SKLearnClassifier`: `set_fit_request(sample_weight=True)`")
def _():
    with sklearn.config_context(enable_metadata_routing=True):
        theirs, ours = (
            get_routing_for_object(estimator.set_fit_request(sample_weight=True))
            for estimator in (wrapper(), network())
        )
    assert (theirs.fit.requests, theirs.score.requests) == ({}, {"sample_weight": True})
    assert ours.fit.requests == {"sample_weight": True}
    return "is noted for `score`: weights never reach `fit`", "is noted for `fit`"


# -- the table -------------------------------------------------------------------------------------


@cache
def table() -> list[str]:
    """Read the table's lines from the document."""
    _, begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    assert begin, f"{DOCUMENT.name} must hold the line {BEGIN}"
    return rest.lstrip("\n").partition("\n\n")[0].rstrip("\n").split("\n")


def lines() -> list[str]:
    """Make the table's lines; rows that need what is not installed stay as they are."""
    kept = {row.split(" | ")[0].removeprefix("| "): row for row in table()}
    head = [f"| you write | Keras {keras.__version__} | outweigh |", "|---|---|---|"]
    return head + [
        one.line if one.needs is None or find_spec(one.needs) else kept[one.written]
        for one in TRAPS
    ]


def marked(one: Trap):
    return pytest.param(one, id=one.written, marks=[pytest.mark.slow] if one.needs else [])


@pytest.mark.parametrize("one", [marked(one) for one in TRAPS])
def test_a_row_of_the_table_is_what_happens(one):
    if one.needs:
        pytest.importorskip(one.needs, reason="only data sets of that library need it")
    assert one.line in table()


def test_the_table_has_these_rows():
    written = [row.split(" | ")[0].removeprefix("| ") for row in table()[2:]]
    assert written == [one.written for one in TRAPS]


def write() -> None:
    """Write the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    after = rest.lstrip("\n").partition("\n\n")[2]
    made = "\n".join(lines())
    DOCUMENT.write_text(f"{before}{begin}\n{made}\n" + (f"\n{after}" if after else ""), "utf-8")


if __name__ == "__main__":
    write()
