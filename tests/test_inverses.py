"""The way back, end to end: whatever a remedy does to a network, what comes back is the posterior.

The world is a table of cells, of each class so many rows, and the network has a logit for each cell
of its own: nothing but the remedy stands between it and the shares of the classes in a cell, which
a pencil finds. All of the engine is in it: cohorts, draws, the compiled loss, then `unshaped` and
`undo`.

Letters: C cells, K classes, N rows, S settings.
"""

from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from outweigh._chunk import Chunk
from outweigh._cohorts import Cohort, cohorts_of, visited
from outweigh._grammar import parse_settings
from outweigh._lanes import KerasTrainer
from outweigh._network import keras_on_jax
from outweigh._settings import EXACT, Setting
from outweigh._shapes import Shape, undo, unshaped

STEPS = 400
OF_LOSSES = (
    "focal:2",
    "logit-adjusted:1",
    "vector-scaled:0.15|1",
    "smoothed:0.1",
    "focal:2+balanced",
)
OF_ROWS = ("balanced", "oversample", "undersample", "balanced-batches")
REMEDIES = (*OF_LOSSES, *OF_ROWS)

# rows (C, K): of 20,000 are 1 and 20 % positive, cell by cell from 0.1 to 60 %
RARE = np.array([[7992, 8], [5982, 18], [3980, 20], [1188, 12], [475, 25], [171, 29], [36, 54]])
USUAL = np.array([[3996, 4], [3960, 40], [3600, 400], [2700, 300], [2025, 675], [1425, 1075], [0, 0]])
