"""The engine: trains the lanes of chunks, many at once.

The lanes of a chunk are cut into blocks that fit a core's cache. Each block is one call of a
compiled program per epoch, and blocks run side by side, one on each core. Which lanes share a
block depends on the plan alone: a lane's numbers are the same to the bit whatever the number of
workers and the order in which blocks happen to run.

Letters: L lanes of a chunk, W of a block, m held-out rows, K classes.
"""

import math
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from outweigh._chunk import (
    COLLAPSED,
    DIVERGED,
    FINISHED,
    STOPPED,
    Chunk,
    Curves,
    Progress,
    Trained,
    is_constant,
)
from outweigh._errors import NetworkError
from outweigh._machine import cores, free_memory
from outweigh._network import Build, Known, Network, default_network, known, prepare
from outweigh._program import Lane, Program, Rows, Watch, padded, scale
from outweigh._treatment import Treatment

COPIES = 4  # of its training rows that a block holds: taken, on the device, in order, at work

Tell = Callable[[Progress], None]


def batch_order(n: int, *, seed: int, epoch: int) -> np.ndarray:
    """Give the order in which a seed's lanes visit their n training rows in an epoch.

    It is counted from seed and epoch, not drawn from a running generator, so that any epoch can
    be repeated alone.

    Examples
    --------
    >>> batch_order(5, seed=0, epoch=0)
    array([2, 4, 3, 0, 1])
    """
    return np.random.default_rng([seed, epoch]).permutation(n)


@dataclass(frozen=True)
class KerasTrainer:
    """Trains chunks with a Keras network on JAX.

    Parameters
    ----------
    build : callable
        ``build(n_features, n_outputs)`` returns a Keras model.
    learning_rate : float, optional
        Overrides the optimizer's.
    workers : int, optional
        Blocks to train side by side; as many as there are cores unless given.
    """

    build: Build = default_network
    learning_rate: float | None = None
    workers: int | None = None
    seconds: dict[str, float] = field(default_factory=dict, compare=False)
    programs: dict[Any, Program] = field(default_factory=dict, compare=False, repr=False)

    def describe(
        self, n_features: int, n_classes: int, *, n_labels: int | None = None
    ) -> dict[str, str]:
        """Say which network and optimizer this is; the check of the network comes with it."""
        network = self._prepare(n_features, n_classes, 0, n_labels)
        name = "default, " if self.build is default_network else ""
        layers = [layer.name for layer in network.model.layers]
        return {
            "network": name + ("64-64 ReLU" if name else " → ".join(layers)),
            "optimizer": type(network.optimizer).__name__,
            "parameters": str(network.model.count_params()),
        }

    def train(
        self,
        chunks: Sequence[Chunk],
        *,
        keep_parameters: bool = False,
        until: float = math.inf,
        tell: Tell = lambda progress: None,
    ) -> list[Trained | None]:
        """Train the lanes of each chunk.

        Parameters
        ----------
        chunks : sequence of Chunk
            All with the same features and classes.
        keep_parameters : bool
            Whether the networks' parameters are wanted too.
        until : float
            The ``time.monotonic()`` at which lanes are left where they are.
        tell : callable
            Called with a Progress after each epoch of a block.

        Returns
        -------
        trained : list of Trained, in the order of the chunks
            None for a chunk with lanes that were not trained to their end in time.

        Raises
        ------
        NetworkError
            When the network cannot be built or trained.
        """
        begun = time.perf_counter()
        networks = {c.seed: self._prepare_for(c) for c in {c.seed: c for c in chunks}.values()}
        first = chunks[0]
        program = self._program(networks[first.seed], first)
        starts = {seed: Lane(*network.start()) for seed, network in networks.items()}
        _check_alike([program.network, *networks.values()])
        widest = program.width(first.x.shape[1])
        blocks = [block for chunk in chunks for block in _blocks(chunk, widest)]
        _compile(program, blocks, starts)
        compiled = time.perf_counter()
        crew = _Crew(blocks, keep_parameters, until, tell)
        results = crew.run(program, starts, self.workers or _n_workers(chunks))
        ended = time.perf_counter()
        for name, spent in (("compile", compiled - begun), ("train", ended - compiled)):
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
        parts = iter(results)
        taken = [[next(parts) for block in blocks if block.chunk is c] for c in chunks]
        return [_joined(p) for p in taken]

    def _prepare(
        self, n_features: int, n_classes: int, seed: int, n_labels: int | None = None
    ) -> Network:
        return prepare(
            self.build,
            n_features=n_features,
            n_classes=n_classes,
            n_labels=n_labels,
            seed=seed,
            learning_rate=self.learning_rate,
        )

    def _prepare_for(self, chunk: Chunk) -> Network:
        n_features, n_classes = chunk.x.shape[1], chunk.class_weight.shape[-1]
        return self._prepare(n_features, n_classes, chunk.seed, chunk.n_labels)

    def _program(self, network: Network, chunk: Chunk) -> Program:
        """Give the program for chunks like this one; what it compiled once serves them all."""
        how: dict[str, Any] = {
            "batch_size": chunk.batch_size,
            "patience": chunk.patience,
            "watch": chunk.watch,
        }
        same = network.sketch, _hyperparameters(network.optimizer)
        kind = chunk.x.shape[1], network.n_classes, network.n_labels, *same, *how.values()
        program = self.programs.get(kind)  # once: other threads may add and clear
        if program is None:
            program = self.programs[kind] = Program(network, **how)
        return program


def predict(
    build: Build,
    parameters: tuple[list[Any], list[Any]],
    x: np.ndarray,
    *,
    n_classes: int = 2,
    n_labels: int | None = None,
    delta: np.ndarray | None = None,
    sketch: str = "",
) -> np.ndarray:
    """Give the probabilities (L, n, K) of rows by networks that were trained.

    Parameters
    ----------
    build : callable
        ``build(n_features, n_outputs)`` returns the Keras model.
    parameters : (trainable, other), each a list of arrays (L, ...)
        As `Trained` keeps them.
    x : array of float32, shape (n, D)
    n_classes : int
    n_labels : int, optional
        Of a network of T labels; the probabilities are (L, n, T, 2).
    delta : (K,) float, optional
        What their logits are multiplied by.
    sketch : str
        Of the network that was trained, where it is known.

    Raises
    ------
    NetworkError
        When these are not the parameters of such a network.
    """
    program = _predictor(known(build), x.shape[1], n_classes, n_labels, sketch)
    for built, trained in zip(program.network.start(), parameters, strict=False):
        if (needed := _shapes(built)) != (came := _shapes(v[0] for v in trained)):
            raise NetworkError(
                "the network function must build the network that was trained; its variables are "
                f"{needed[:120]}, those that were trained {came[:120]}: name the same function"
            )
    rows = padded(Rows(x, np.zeros(len(x), "int32"), None)).x
    n_seeds = len(parameters[0][0])
    each = None if delta is None else np.tile(delta.astype("float32"), (n_seeds, 1))
    said = np.asarray(program.predict(*parameters, rows, each))
    return said.reshape(len(said), -1, *said.shape[3:])[:, : len(x)]


def _hyperparameters(optimizer: Any) -> str:
    """Describe what of an optimizer is no variable: a program has it built in."""
    with warnings.catch_warnings():  # Keras reads its variables as NumPy 2 would not have it
        warnings.simplefilter("ignore", DeprecationWarning)
        config = optimizer.get_config()
    return repr({name: value for name, value in config.items() if name != "name"})


def _shapes(variables: Iterable[Any]) -> str:
    """Describe variables, as float32(5, 64), float32(64,)."""
    return ", ".join(f"{v.dtype}{np.shape(v)}" for v in variables) or "none"


@lru_cache(maxsize=8)
def _predictor(
    build: Known, n_features: int, n_classes: int, n_labels: int | None, sketch: str
) -> Program:
    network = prepare(
        build.build, n_features=n_features, n_classes=n_classes, n_labels=n_labels, seed=0
    )
    if sketch and network.sketch != sketch:
        raise NetworkError(
            "the network function must build the network that was trained, it builds one that "
            "computes something else: what it reads has changed since, such as a variable of its "
            "module; pass that as an argument, with functools.partial."
        )
    return Program(network, batch_size=1, patience=0)


def _n_workers(chunks: Sequence[Chunk]) -> int:
    """Tell how many blocks may train side by side: no more than there are cores and memory for."""
    largest = max(4 * chunk.x.shape[1] * len(chunk.training) for chunk in chunks)
    return int(np.clip(free_memory() // 2 // max(COPIES * largest, 1), 1, cores()))


@dataclass(frozen=True)
class _Block:
    """Lanes of a chunk that train in one program."""

    chunk: Chunk
    lanes: tuple[int, ...]  # (W,); the last one repeated where lanes are too few
    n_lanes: int  # without repeats

    @property
    def program(self) -> tuple[int, ...]:
        """What blocks must share to be trained by one compiled program."""
        c = self.chunk
        rows = len(c.training), c.rows_per_epoch, len(c.validation), len(c.held_out)
        kind = c.shape is None, c.start is None
        return (len(self.lanes), *rows, *kind)


def _blocks(chunk: Chunk, widest: int) -> list[_Block]:
    """Cut a chunk's lanes into as few blocks as fit the cache, all of one width."""
    lanes = len(chunk.class_weight)
    n_blocks = -(-lanes // widest)
    width = -(-lanes // n_blocks)
    firsts = range(0, lanes, width)
    numbers = [[min(i, lanes - 1) for i in range(first, first + width)] for first in firsts]
    return [_Block(chunk, tuple(n), len(set(n))) for n in numbers]


class _Crew:
    """Trains blocks side by side, and tells how far it is.

    An interrupt, an error or the end of the time stops every block at its next epoch.
    """

    def __init__(self, blocks: Sequence[_Block], keep_parameters: bool, until: float, tell: Tell):
        self.blocks = blocks
        self.keep_parameters = keep_parameters
        self.until = until
        self.tell = tell
        self._broken = threading.Event()
        self._lock = threading.Lock()
        self._lanes = sum(block.n_lanes for block in blocks)
        self._whole = sum(block.n_lanes * block.chunk.epochs for block in blocks)
        self._lanes_done = 0
        self._epochs_done = 0
        self._share = 0.0

    @property
    def must_stop(self) -> bool:
        """Whether blocks are to be left where they are."""
        return self._broken.is_set() or time.monotonic() > self.until

    def run(self, program: Program, starts: dict[int, Lane], workers: int) -> list[Trained | None]:
        """Train the blocks; None for one that was left."""
        with ThreadPoolExecutor(workers) as pool:
            jobs = [
                pool.submit(_train_block, block, program, starts[block.chunk.seed], self)
                for block in self.blocks
            ]
            try:
                for job in as_completed(jobs):
                    job.result()
            except BaseException:
                self._broken.set()
                pool.shutdown(cancel_futures=True)
                raise
        return [job.result() for job in jobs]

    def epoch(self, block: _Block) -> None:
        """Note that a block has done an epoch."""
        with self._lock:
            self._epochs_done += block.n_lanes
            self._say(block.n_lanes)

    def end(self, block: _Block, epochs: int) -> None:
        """Note that a block has come to its end, after so many epochs."""
        with self._lock:
            self._lanes_done += block.n_lanes
            self._say(block.n_lanes * (block.chunk.epochs - epochs))

    def _say(self, more: int) -> None:
        self._share += more / self._whole
        self.tell(Progress(self._lanes, self._lanes_done, self._epochs_done, self._share))


def _compile(program: Program, blocks: Sequence[_Block], starts: dict[int, Lane]) -> None:
    """Compile for each shape before the threads start: tracing is not for many threads."""
    for block in {block.program: block for block in blocks}.values():
        lane, watch, treatment = _start(block, program, starts[block.chunk.seed])
        chunk = block.chunk
        rows = (_training(chunk), _order(chunk, epoch=0), _validation(chunk))
        try:
            program.compile(lane, watch, treatment, *rows, _held_out(chunk))
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            raise NetworkError(
                f"JAX must be able to train the network, it raised {type(error).__name__}: {text}"
            ) from error


def _rows(chunk: Chunk, numbers: np.ndarray) -> Rows:
    weight = None if chunk.row_weight is None else chunk.row_weight[numbers].astype("float32")
    return Rows(chunk.x[numbers], chunk.y[numbers].astype("int32"), weight)


def _training(chunk: Chunk) -> Rows:
    return _rows(chunk, chunk.training)


def _validation(chunk: Chunk) -> Rows | None:
    return padded(_rows(chunk, chunk.validation)) if len(chunk.validation) else None


def _held_out(chunk: Chunk) -> np.ndarray:
    return padded(_rows(chunk, chunk.held_out)).x  # type: ignore[no-any-return]


def _order(chunk: Chunk, *, epoch: int) -> np.ndarray:
    """Give the training rows, by their place, that an epoch visits."""
    if chunk.draw is None:
        return batch_order(len(chunk.training), seed=chunk.seed, epoch=epoch).astype("int32")
    y = chunk.y[chunk.training]
    order = chunk.draw.order(y, seed=chunk.seed, epoch=epoch, batch_size=chunk.batch_size)
    return order.astype("int32")


def _start(block: _Block, program: Program, start: Lane) -> tuple[Lane, Watch, Treatment]:
    chunk = block.chunk
    frequency = np.ones(chunk.prior.shape) if chunk.frequency is None else chunk.frequency
    treatment = Treatment(
        class_weight=chunk.class_weight,
        frequency=np.broadcast_to(frequency, chunk.class_weight.shape),
        shape=chunk.shape,
        start=chunk.start,
    )
    lanes = list(block.lanes)
    treatment = jax.tree.map(lambda v: v[lanes].astype(_kind(v)), treatment)
    return *program.start(start, treatment, chunk.prior), treatment


def _kind(values: np.ndarray) -> str:
    return "int32" if values.dtype.kind == "i" else "float32"


def _train_block(block: _Block, program: Program, start: Lane, crew: _Crew) -> Trained | None:
    """Train a block to its end, or until the crew must stop."""
    if crew.must_stop:
        return None
    lane, watch, treatment = _start(block, program, start)
    chunk = block.chunk
    rows, validation = jax.device_put((_training(chunk), _validation(chunk)))
    losses: list[Curves] = []
    while len(losses) < chunk.epochs and np.asarray(watch.running).any():
        if crew.must_stop:
            return None
        order = _order(chunk, epoch=len(losses))
        lane, watch, loss = program.epoch(lane, watch, treatment, rows, order, validation)
        losses.append(jax.tree.map(np.asarray, loss))
        crew.epoch(block)
    best = watch.trainable, watch.other
    held_out = np.asarray(program.predict(*best, _held_out(chunk), scale(treatment)))
    crew.end(block, len(losses))
    curves = jax.tree.map(lambda *v: np.stack(v, axis=1), *losses)
    trained = _result(block, held_out, watch, best, curves, crew.keep_parameters)
    return replace(trained, sketch=program.network.sketch)


def _result(
    block: _Block,
    held_out: np.ndarray,
    watch: Any,
    best: tuple[Any, Any],
    curves: Curves,
    keep_parameters: bool,
) -> Trained:
    n, m = block.n_lanes, len(block.chunk.held_out)
    probability = held_out.reshape(len(held_out), -1, *held_out.shape[3:])[:n, :m]
    best = jax.tree.map(lambda v: np.asarray(v)[:n], best)
    validated = len(block.chunk.validation) > 0
    stopped = ~np.asarray(watch.running)[:n]
    outcome = [
        _outcome(p, [leaf[i] for leaf in jax.tree.leaves(best)], bool(stopped[i]))
        for i, p in enumerate(probability)
    ]
    epochs = np.asarray(watch.epoch if validated else watch.now)[:n]
    curves = jax.tree.map(lambda v: v[:n] if validated else v[:n, :0], curves)
    return Trained(probability, tuple(outcome), epochs, curves, best if keep_parameters else None)


def _outcome(probability: np.ndarray, parameters: list[np.ndarray], stopped: bool) -> str:
    """Say how a lane ended. Its outcome is data: the other lanes go on."""
    finite = all(np.isfinite(v).all() for v in parameters if v.dtype.kind == "f")
    if not finite or not np.isfinite(probability).all():
        return DIVERGED
    if is_constant(probability):
        return COLLAPSED
    return STOPPED if stopped else FINISHED


def _joined(parts: Sequence[Trained | None]) -> Trained | None:
    """Put a chunk's blocks together; None when one was left."""
    done = [part for part in parts if part is not None]
    return Trained.joined(done) if len(done) == len(parts) else None


def _check_alike(networks: Sequence[Network]) -> None:
    """Check that the network function builds the same network for each seed."""
    if len({network.sketch for network in networks}) > 1:
        raise NetworkError(
            "the network function must build the same layers at each call, they differ from seed "
            "to seed in more than their variables' first values."
        )
