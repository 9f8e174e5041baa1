"""The engine's door: a trainer of Keras networks, loaded only when something is to be trained.

What one training compiles serves the next one of the same network, table shape and batch size: a
search that fits a classifier fold by fold compiles once.
"""

from functools import lru_cache
from typing import Any

from outweigh._network import Build, Known, known

BUILDS = 8  # network functions whose programs are kept
PROGRAMS = 64  # kept of one of them


def keras_trainer(
    build: Build, *, learning_rate: float | None = None, workers: int | None = None
) -> Any:
    """Give a trainer of the networks that a function builds, a `KerasTrainer`."""
    from outweigh._lanes import KerasTrainer  # late: JAX and Keras load only to train

    programs = _programs(known(build), learning_rate)
    if sum(len(program.compiled) for program in list(programs.values())) > PROGRAMS:
        programs.clear()
    return KerasTrainer(build, learning_rate=learning_rate, workers=workers, programs=programs)


@lru_cache(maxsize=BUILDS)
def _programs(build: Known, learning_rate: float | None) -> dict[Any, Any]:
    return {}
