"""Records of predictions made by hand, drawn, or learned by a closed form."""

import numpy as np

from outweigh._compare import judge
from outweigh._costs import Cost
from outweigh._decisions import decide_all
from outweigh._predictions import Predictions
from outweigh._repairs import NONE

COSTS = Cost(fn=9, fp=1)  # flagged from 0.1

N = 1000
FOLD = np.arange(N) // 200
Y = (np.arange(N) % 10 == 0).astype(int)  # 20 positives in each fold
EVERYBODY = np.full(N, 0.11)  # flagged: costs 180 in each fold
TWO_MISSED = np.where(np.arange(N) % 200 < 20, 0.0, Y)  # costs 2 × 9 in each fold


def record(y, fold, said, *, class_weight=None, **changes) -> Predictions:
    """Predictions of settings whose seeds say p (R, N), or the same p (N,); or (R, N, K)."""
    k = int(max(y)) + 1
    said = {name: np.atleast_2d(p) if k == 2 else np.asarray(p) for name, p in said.items()}
    p = np.stack([np.stack([1 - v, v], axis=-1) if k == 2 else v for v in said.values()])
    n_settings, n_seeds, f = *p.shape[:2], int(max(fold)) + 1
    fields = {
        "row": np.arange(len(y)),
        "fold": fold,
        "y": y,
        "classes": tuple("abcde"[:k]),
        "settings": tuple(said),
        "seeds": tuple(range(n_seeds)),
        "class_weight": np.ones((n_settings, f, k)) if class_weight is None else class_weight,
        "prior": np.tile(np.bincount(y) / len(y), (f, 1)),
        "probability": p,
        "outcome": np.full((n_settings, n_seeds, f), "finished"),
        "n_training": len(y),
    }
    return Predictions(**(fields | changes))


def noisy(seed=0, k=2, *, n_settings=4, n_seeds=2, n=400, **changes) -> Predictions:
    """A world where the settings differ by chance, some in each of five folds."""
    rng = np.random.default_rng(seed)
    y = rng.choice(k, n, p=[1 - 0.15 * (k - 1), *[0.15] * (k - 1)])
    shape = (n_settings, n_seeds, n)
    logits = rng.normal(size=(*shape, k)) + 2 * np.eye(k)[y] + np.eye(k)[0]
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    names = ["none", *(f"ratio:{i}" for i in range(2, n_settings + 1))]
    weight = np.ones((n_settings, 5, k))
    weight[1:] = rng.lognormal(sigma=0.3, size=(n_settings - 1, 5, k))
    said = dict(zip(names, p[..., 1] if k == 2 else p, strict=True))
    fold = rng.permutation(np.arange(n) % 5)
    return record(y, fold, said, class_weight=weight, **changes)


def kinds(seed=0, n=600, *, k=2, n_kinds=8):
    """Draw rows of a few kinds: the kind (N,), the class (N,) and one of five folds (N,)."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, n_kinds, n)
    shares = rng.dirichlet([4, *[1] * (k - 1)], n_kinds)
    y = (rng.random((n, 1)) > shares[kind].cumsum(axis=1)[:, :-1]).sum(axis=1)
    return kind, y, np.arange(n) % 5


def saturated(kind, y, fold, weights, *, row_weight=None, **changes) -> Predictions:
    """Predictions of networks that learn the weighted class shares among rows of a kind.

    `weights` has the class weights (K,) of each setting. What is said of a row of kind j held out
    in fold f is w_k n_k / Σ w n, with n_k the rows of kind j and class k in the other folds.
    """
    count = np.zeros((kind.max() + 1, fold.max() + 1, y.max() + 1))
    np.add.at(count, (kind, fold, y), 1 if row_weight is None else row_weight)
    others = (count.sum(axis=1, keepdims=True) - count)[kind, fold]  # (N, K)
    each = [others * weight for weight in weights.values()]
    p = np.stack([one / one.sum(axis=1, keepdims=True) for one in each])[:, np.newaxis]
    class_weight = np.repeat(np.array([*weights.values()], dtype=float)[:, np.newaxis], 5, axis=1)
    said = dict(zip(weights, p[..., 1] if p.shape[-1] == 2 else p, strict=True))
    how = {"class_weight": class_weight, "row_weight": row_weight} | changes
    return record(y, fold, said, **how)


def repeated(predictions, times, seed=0) -> Predictions:
    """The same entries, divided into folds once more in each repetition."""
    f = len(predictions.prior)
    rng = np.random.default_rng(seed)
    folds = [predictions.fold, *(rng.permutation(predictions.fold) for _ in range(times - 1))]
    fields = ("classes", "settings", "seeds", "n_training")
    axes = {"row": 0, "y": 0, "prior": 0, "class_weight": 1, "probability": 2, "outcome": 2}
    return Predictions(
        fold=np.concatenate([fold + i * f for i, fold in enumerate(folds)]),
        repeat=np.repeat(np.arange(times), f),
        **{name: getattr(predictions, name) for name in fields},
        **{
            name: np.concatenate([getattr(predictions, name)] * times, axis=axis)
            for name, axis in axes.items()
        },
    )


def of_repeat(predictions, i) -> Predictions:
    """One repetition of a split alone."""
    folds = np.flatnonzero(predictions.repeat == i)
    rows = np.isin(predictions.fold, folds)
    fields = ("classes", "settings", "seeds", "n_training")
    return Predictions(
        row=predictions.row[rows],
        fold=predictions.fold[rows] - folds[0],
        y=predictions.y[rows],
        class_weight=predictions.class_weight[:, folds],
        prior=predictions.prior[folds],
        probability=predictions.probability[:, :, rows],
        outcome=predictions.outcome[:, :, folds],
        **{name: getattr(predictions, name) for name in fields},
    )


def of_rows(predictions, rows) -> Predictions:
    """Some entries of a record, or some of them several times: those are of one unit."""
    fields = ("classes", "settings", "seeds", "n_training", "class_weight", "prior", "outcome")
    columns = ("row", "fold", "y", "unit", "row_weight", "amount")
    values = {name: getattr(predictions, name) for name in columns}
    return Predictions(
        probability=predictions.probability[:, :, rows],
        repeat=predictions.repeat,
        **{name: getattr(predictions, name) for name in fields},
        **{name: None if v is None else v[rows] for name, v in values.items()},
    )


def relabelled(predictions, order, classes) -> Predictions:
    """The same record with its classes in another order: new class c was order[c]."""
    fields = ("row", "fold", "settings", "seeds", "n_training", "outcome", "repeat", "unit")
    return Predictions(
        y=np.argsort(order)[predictions.y],
        classes=classes,
        class_weight=predictions.class_weight[..., order],
        prior=predictions.prior[:, order],
        probability=predictions.probability[..., order],
        **{name: getattr(predictions, name) for name in fields},
    )


def around(low, high):
    """A method whose interval is the same whatever came."""
    return lambda paired: (low, high)


def weighed(predictions, objective=COSTS, **how):
    """The verdict on probabilities as they are, without any repair."""
    return judge(decide_all(predictions, objective, repairs=(NONE,)), **how)
