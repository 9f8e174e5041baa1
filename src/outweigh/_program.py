"""A program: one compiled function that trains a block of lanes for an epoch.

It is written for a single lane, the way Keras trains one, and JAX maps it over the lanes of a
block. The batches are not mapped: every lane of the block sees the same ones, which is what makes
lanes fast.

Letters: W lanes in a block, S batches of B rows in an epoch, D features, K classes.
"""

import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from outweigh import _multilabel as multilabel
from outweigh._chunk import Curves
from outweigh._layout import rows_last
from outweigh._network import Network
from outweigh._shapes import Shape, spoken
from outweigh._treatment import Treatment, logits, losses

CACHE_BYTES = 2 << 20  # what a core's second-level cache holds; a constant, so that it is no
# property of the machine how lanes are divided, and results are the same everywhere
WIDEST = 16  # lanes in a block; more of them train no faster
TINY = float(np.finfo("float32").tiny)
ROWS_AT_ONCE = 2048  # when predicting


class Lane(NamedTuple):
    """The variables of a lane: of the network, of its state, of the optimizer."""

    trainable: list[Any]
    other: list[Any]
    steps: list[Any]


class Watch(NamedTuple):
    """What early stopping remembers of a lane."""

    trainable: list[Any]  # of the best epoch; of the last one without validation rows
    other: list[Any]
    loss: Any  # its validation log loss, of the curve that is watched
    epoch: Any  # its number, from 1
    now: Any  # the number of the last epoch
    running: Any  # whether it may still improve
    start: Any = None  # the number of the epoch after which class weights act; None: at once


class Rows(NamedTuple):
    """Rows x (n, D), y (n,), row_weight (n,) or None; or batches of them, (S, B, D) and so on."""

    x: Any
    y: Any
    row_weight: Any


class Program:
    """A network's training as compiled functions of blocks of lanes.

    Parameters
    ----------
    network : Network
    batch_size : int
    patience : int
        Epochs without improvement after which a lane stops.
    watch : str
        The validation curve that must improve, a field of `Curves`.
    """

    def __init__(self, network: Network, *, batch_size: int, patience: int, watch: str = "undone"):
        self.network = network
        self.batch_size = batch_size
        self.patience = patience
        self.watch = watch
        self.compiled: dict[Any, Any] = {}
        self._lock = threading.Lock()
        takes_training = "training" in inspect.signature(network.model.call).parameters
        self._training = {"training": True} if takes_training else {}
        self._inference = {"training": False} if takes_training else {}

    def start(self, lane: Lane, treatment: Treatment, prior: np.ndarray) -> tuple[Lane, Watch]:
        """Copy a lane's variables for each treatment (W, ...), and begin to watch."""
        width = len(treatment.class_weight)
        lane = jax.tree.map(lambda v: jnp.repeat(jnp.asarray(v)[None], width, axis=0), lane)
        if self.network.output_bias is not None:
            lane.trainable[self.network.output_bias] = _output_bias(treatment, prior)
        copy = jax.tree.map(jnp.copy, (lane.trainable, lane.other))  # the epoch reuses its inputs
        loss = jnp.full(width, jnp.inf, "float32")
        best, now = jnp.zeros(width, "int32"), jnp.zeros(width, "int32")
        running, begin = jnp.ones(width, bool), jax.tree.map(jnp.asarray, treatment.start)
        return lane, Watch(copy[0], copy[1], loss, best, now, running, begin)

    def epoch(self, *arguments: Any) -> tuple[Lane, Watch, Curves]:
        """Train the lanes on each row once; give their validation log losses (W,).

        The arguments are those of ``compile`` but the last.
        """
        return self._compiled(EPOCH, arguments)(*arguments)  # type: ignore[no-any-return]

    def predict(self, trainable: list[Any], other: list[Any], x: Any, delta: Any = None) -> Any:
        """Give the probabilities (W, S, B, K) of rows x (S, B, D), of logits scaled by Δ (W, K)."""
        arguments = trainable, other, x, delta
        return self._compiled(PREDICT, arguments)(*arguments)

    def compile(
        self,
        lane: Lane,
        watch: Watch,
        treatment: Treatment,
        rows: Rows,
        order: np.ndarray,
        validation: Rows | None,
        x: np.ndarray,
    ) -> None:
        """Compile what trains a block on rows in some order and predicts rows x (S, B, D)."""
        self._compiled(EPOCH, (lane, watch, treatment, rows, order, validation))
        self._compiled(PREDICT, (lane.trainable, lane.other, x, scale(treatment)))

    def width(self, n_features: int) -> int:
        """Tell how many lanes a core's cache holds, judged by what a batch leaves behind."""
        trainable, other, steps = self.network.start()
        x = jnp.zeros((self.batch_size, n_features), "float32")
        forward = jax.make_jaxpr(lambda t, o: self._outputs(t, o, x, self._training))
        results = _results(forward(trainable, other).jaxpr)
        numbers = sum(int(np.prod(result.aval.shape)) for result in results)
        numbers += 2 * sum(int(np.prod(v.shape)) for v in (*trainable, *steps))
        return int(np.clip(CACHE_BYTES // (4 * numbers), 1, WIDEST))

    # -- one lane ------------------------------------------------------------------------------

    def _epoch(
        self,
        lane: Lane,
        watch: Watch,
        treatment: Treatment,
        rows: Rows,
        order: Any,
        validation: Rows | None,
    ) -> tuple[Lane, Watch, Curves]:
        if watch.start is not None:
            treatment = treatment.acting(watch.now >= watch.start)

        def step(lane: Lane, batch: Rows) -> tuple[Lane, None]:
            return self._step(lane, batch, treatment), None

        ordered = jax.tree.map(lambda v: v.at[order].get(mode="promise_in_bounds"), rows)
        batches, rest = in_batches(ordered, size=min(self.batch_size, len(order)))
        lane, _ = jax.lax.scan(step, lane, batches)
        if len(rest.y):
            lane, _ = step(lane, rest)
        settled = lane._replace(trainable=self.network.settled(lane.trainable, lane.steps))
        if validation is None:
            last = {"trainable": settled.trainable, "other": settled.other, "now": watch.now + 1}
            return lane, watch._replace(**last), Curves(*[jnp.float32(jnp.nan)] * 3)
        curves = self._log_losses(settled, treatment, validation)
        loss = getattr(curves, self.watch)
        watched = _watched(watch, settled, loss, self.patience)
        return *_switched(lane, watch, watched, self.patience), curves

    def _step(self, lane: Lane, batch: Rows, treatment: Treatment) -> Lane:
        gradient, other = rows_last(self._gradient)(batch.x, lane, batch, treatment)
        apply = self.network.optimizer.stateless_apply
        trainable, steps = apply(lane.steps, gradient, lane.trainable)
        return Lane(list(trainable), list(other), list(steps))

    def _gradient(self, x: Any, lane: Lane, batch: Rows, treatment: Treatment) -> Any:
        gradient = jax.grad(self._loss, has_aux=True)
        return gradient(lane.trainable, lane, batch._replace(x=x), treatment)

    def _loss(
        self, trainable: list[Any], lane: Lane, batch: Rows, treatment: Treatment
    ) -> tuple[Any, list[Any]]:
        """Give the loss of a batch: sum of weight × loss over B, and the regularisers."""
        y_pred, other, extra = self.network.model.stateless_call(
            trainable, lane.other, batch.x, return_losses=True, **self._training
        )
        if self.network.n_labels:
            weights = treatment.class_weight, batch.row_weight
            logits_out = self.network.from_logits
            own = multilabel.loss(y_pred, batch.y, *weights, from_logits=logits_out)
            return self.network.scaled(sum(extra, own), lane.steps), other
        weight = _weight_of_rows(batch, treatment.class_weight)
        if treatment.shape is None:
            own = self.network.loss(_targets(batch.y, self.network), y_pred, weight)
        else:
            f = logits(y_pred, from_logits=self.network.from_logits)
            own = (weight * losses(f, batch.y, treatment.shape)).mean()
        return self.network.scaled(sum(extra, own), lane.steps), other

    def _outputs(
        self, trainable: list[Any], other: list[Any], x: Any, mode: dict[str, bool]
    ) -> Any:
        return self.network.model.stateless_call(trainable, other, x, **mode)[0]

    def _log_probability(
        self, x: Any, trainable: list[Any], other: list[Any], delta: Any = None
    ) -> Any:
        """Give the log probabilities (B, K), as the network says them."""
        z = self._outputs(trainable, other, x, self._inference).astype("float32")
        if self.network.n_labels:
            return multilabel.log_probability(z, from_logits=self.network.from_logits)
        two = self.network.n_classes == 2
        if delta is not None and not two:
            return jax.nn.log_softmax(delta * logits(z, from_logits=self.network.from_logits))
        if self.network.from_logits:
            z = jnp.concatenate([jnp.zeros_like(z), z], axis=1) if two else z
            return jax.nn.log_softmax(z)
        p = jnp.concatenate([1 - z, z], axis=1) if two else z
        return jnp.log(jnp.maximum(p, TINY))

    def _log_losses(self, lane: Lane, treatment: Treatment, validation: Rows) -> Curves:
        """Give the mean log losses of the validation rows; one forward pass serves all three."""
        class_weight = treatment.class_weight
        says = lane.trainable, lane.other, scale(treatment)
        if self.network.n_labels:
            of_rows = lambda x: self._log_probability(x, *says)
            return multilabel.log_losses(of_rows, treatment.undone, class_weight, validation)

        def add(totals: tuple[Any, Any], batch: Rows) -> tuple[tuple[Any, Any], None]:
            raw = rows_last(self._log_probability)(batch.x, *says)
            undone = treatment.undone(raw)
            own = sum(jnp.where(batch.y == k, undone[:, k], 0) for k in range(undone.shape[1]))
            of_class = batch.y == jnp.arange(len(class_weight))[:, None]
            by_class = jnp.where(of_class, batch.row_weight * raw.T, 0).sum(axis=1)
            return (totals[0] - (batch.row_weight * own).sum(), totals[1] - by_class), None

        zero = jnp.float32(0), jnp.zeros_like(class_weight)
        (undone, by_class), _ = jax.lax.scan(add, zero, validation)
        n = validation.row_weight.sum()
        return Curves(undone / n, by_class.sum() / n, (class_weight * by_class).sum() / n)

    def _predict(self, trainable: list[Any], other: list[Any], x: Any, delta: Any) -> Any:
        def some(_: None, rows: Any) -> tuple[None, Any]:
            if self.network.n_labels:
                return None, jnp.exp(self._log_probability(rows, trainable, other))
            return None, jnp.exp(rows_last(self._log_probability)(rows, trainable, other, delta))

        return jax.lax.scan(some, None, x)[1]

    # -- compiling -----------------------------------------------------------------------------

    def _compiled(self, part: "_Part", arguments: tuple[Any, ...]) -> Any:
        """Compile a function of one lane for a block of them, once for each shape."""
        shared = [a for a, axis in zip(arguments, part.mapped, strict=True) if axis is None]
        width = len(jax.tree.leaves(arguments)[0])
        mapped = [jax.tree.structure(a) for a in arguments]  # what of a treatment there is
        key = (part, width, *mapped, *[leaf.shape for leaf in jax.tree.leaves(shared)])
        with self._lock:
            if key not in self.compiled:
                one_lane: Callable[..., Any] = getattr(self, part.of_one_lane)
                block = jax.jit(jax.vmap(one_lane, in_axes=part.mapped), donate_argnums=part.donate)
                self.compiled[key] = block.lower(*arguments).compile()
        return self.compiled[key]


class _Part(NamedTuple):
    """A function of one lane: which arguments differ from lane to lane, which are used up."""

    of_one_lane: str
    mapped: tuple[int | None, ...]
    donate: tuple[int, ...]


EPOCH = _Part("_epoch", (0, 0, 0, None, None, None), (0, 1))
PREDICT = _Part("_predict", (0, 0, None, 0), ())


def scale(treatment: Treatment) -> Any:
    """Give what a lane's logits are multiplied by when it speaks, (K,); None: by nothing."""
    return None if treatment.shape is None else treatment.shape.delta


def in_batches(rows: Rows, *, size: int) -> tuple[Rows, Rows]:
    """Cut rows into batches of one size, and the rest."""
    whole = len(rows.y) // size * size
    cut = lambda v: v[:whole].reshape(-1, size, *v.shape[1:])
    return jax.tree.map(cut, rows), jax.tree.map(lambda v: v[whole:], rows)


def padded(rows: Rows) -> Rows:
    """Cut rows into batches for predicting, the last one filled up with rows of weight 0."""
    n = len(rows.y)
    n_batches = max(1, -(-n // ROWS_AT_ONCE))
    size = 64 * max(1, -(-n // (64 * n_batches)))
    missing = -n % size if n else size
    weight = np.ones(n, "float32") if rows.row_weight is None else rows.row_weight
    filled = [
        np.concatenate([v, np.zeros((missing, *v.shape[1:]), v.dtype)])
        for v in (rows.x, rows.y, weight)
    ]
    return in_batches(Rows(*filled), size=size)[0]


def _watched(watch: Watch, lane: Lane, loss: Any, patience: int) -> Watch:
    """Keep the best epoch's parameters, and stop once patience is out."""
    now = watch.now + 1
    better = watch.running & (loss < watch.loss)
    new, old = (lane.trainable, lane.other), (watch.trainable, watch.other)
    trainable, other = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old)
    epoch = jnp.where(better, now, watch.epoch)
    return Watch(
        trainable=trainable,
        other=other,
        loss=jnp.where(better, loss, watch.loss),
        epoch=epoch,
        now=now,
        running=watch.running & (now - epoch < patience),
        start=watch.start,
    )


def _switched(lane: Lane, before: Watch, watch: Watch, patience: int) -> tuple[Lane, Watch]:
    """Let class weights act on a lane whose time without them is over, or no longer helps it.

    It goes on from its best epoch, and is watched anew: what it was worth without them does not
    count, for the two losses are not of one kind.
    """
    if watch.start is None:
        return lane, watch
    waits = before.now < watch.start
    over = waits & ((watch.now >= watch.start) | (watch.now - watch.epoch >= patience))
    best, now = (watch.trainable, watch.other), (lane.trainable, lane.other)
    trainable, other = jax.tree.map(lambda a, b: jnp.where(over, a, b), best, now)
    return lane._replace(trainable=trainable, other=other), watch._replace(
        loss=jnp.where(over, jnp.inf, watch.loss),
        epoch=jnp.where(over, watch.now, watch.epoch),
        running=watch.running | waits,
        start=jnp.where(over, watch.now, watch.start),
    )


def _targets(y: Any, network: Network) -> Any:
    if network.n_classes == 2:
        return y[:, None].astype("float32")
    return jax.nn.one_hot(y, network.n_classes) if network.one_hot else y


def _weight_of_rows(batch: Rows, class_weight: Any) -> Any:
    """Give each row its class's weight, by selection: much faster than a gather for each lane."""
    weight = jnp.broadcast_to(class_weight[0], batch.y.shape)
    for k in range(1, len(class_weight)):
        weight = jnp.where(batch.y == k, class_weight[k], weight)
    return weight if batch.row_weight is None else weight * batch.row_weight


def _output_bias(treatment: Treatment, prior: np.ndarray) -> Any:
    """Give the output bias (W, 1) or (W, K) at which lanes say the class shares that they learn."""
    if treatment.start is not None:
        acts = (np.asarray(treatment.start) == 0)[:, np.newaxis]
        treatment = treatment.acting(acts)
    mass = treatment.class_weight * treatment.frequency * prior
    if mass.ndim == 3:  # of several labels
        return jnp.asarray(np.log(mass[..., 1] / mass[..., 0]), "float32")
    if treatment.shape is None:
        log = jnp.log(jnp.asarray(mass, "float32"))
    else:
        shapes = [Shape(*parts) for parts in zip(*treatment.shape, strict=True)]
        said = [spoken(m / m.sum(), s) for m, s in zip(np.asarray(mass), shapes, strict=True)]
        log = jnp.asarray(np.stack(said), "float32")
    if log.shape[1] == 2:
        return log[:, 1:] - log[:, :1]
    if treatment.shape is not None:  # where Δ differ, what is added to all logits is not nothing
        return log
    return log - log.mean(axis=1, keepdims=True)


def _results(jaxpr: Any) -> Sequence[Any]:
    """List every intermediate result of a traced function, those of its inner calls included."""
    found: list[Any] = []
    for equation in jaxpr.eqns:
        inner = [v for v in equation.params.values() if hasattr(v, "jaxpr")]
        found += [r for v in inner for r in _results(v.jaxpr)] if inner else equation.outvars
    return found
