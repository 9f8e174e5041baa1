"""Targets: what the numbers of a target mean, which is said and never guessed.

A matrix of 0 and 1 may hold one-hot rows, yes/no labels, or sequences of labels, and each of these
is weighed in another way. So only one label per row goes without saying.

Letters: N rows, K classes, T yes/no labels.
"""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outweigh._errors import TableError, UsageError


class Coded(NamedTuple):
    """The class of each element of a target."""

    code: NDArray[np.integer[Any]]
    """In the shape in which elements are weighed; −1 where one counts for nothing."""

    labels: tuple[Any, ...]
    """What the codes stand for, as plain Python values; None for missing labels."""

    complete: bool
    """Whether these are all labels that may come, not only those that came."""

    axis: int | None = None
    """The axis of `code` along which each place is a target of its own, if one is."""


class Kind(Protocol):
    """What numbers mean."""

    def read(self, y: NDArray[Any], name: str) -> Coded:
        """Give the class of each element."""


@final
@dataclass(frozen=True)
class Labels:
    """Each number, truth value or text is the label of a class.

    Targets have any shape: rows (N,), sequences (N, S), segmentation masks (N, H, W), and each of
    these with a last axis of one.

    Parameters
    ----------
    ignore : label, optional
        Elements with this label count nothing and weigh 0, as 255 does in segmentation masks and
        −1 in padded sequences; NaN for missing labels.

    Examples
    --------
    >>> from outweigh import row_weight
    >>> row_weight([[0, 0, 1], [0, 255, 255]], kind=Labels(ignore=255))
    array([[0.6666667, 0.6666667, 2.       ],
           [0.6666667, 0.       , 0.       ]], dtype=float32)
    """

    ignore: Any = None

    def read(self, y: NDArray[Any], name: str) -> Coded:
        """Give the class of each element."""
        try:
            # from_pandas: NaN and pandas's NA are null. Arrow mixes no kinds, as NumPy would.
            column = pa.array(y.reshape(-1), from_pandas=True).dictionary_encode()
        except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError) as error:
            reason = " ".join(str(error).split())
            raise TableError(
                f"labels must be of one plain kind; {name} is not: {reason}: mend it"
            ) from None
        labels = (*map(plain, column.dictionary.to_pylist()), None)
        code = column.indices.fill_null(len(labels) - 1).to_numpy().reshape(y.shape)
        return Coded(_without(code, labels, self.ignore), labels, complete=False)


@final
@dataclass(frozen=True)
class OneHot:
    """The last axis has a place for each class, with a 1 for the true one and 0 for the others.

    Targets are (N, K), (N, S, K), (N, H, W, K), and are weighed without their last axis. A row of
    zeros is padding: it counts nothing and weighs 0.

    Examples
    --------
    >>> from outweigh import row_weight
    >>> row_weight([[1, 0], [1, 0], [1, 0], [0, 1], [0, 0]], {0: 1, 1: 3}, kind=OneHot())
    array([1., 1., 1., 3., 0.], dtype=float32)
    """

    def read(self, y: NDArray[Any], name: str) -> Coded:
        """Give the class of each row."""
        if y.ndim < 1 or y.shape[-1] < 2:
            raise UsageError(
                f"one-hot rows must have a last axis of two classes or more; {name} has shape "
                f"{y.shape}: say kind=Labels() if these are labels"
            )
        ones = np.asarray(y == 1)
        bad = (ones.sum(axis=-1) > 1) | ~(ones | np.asarray(y == 0)).all(axis=-1)
        if bad.any():
            raise TableError(
                "a one-hot row must hold one 1 and zeros, or only zeros where it is padding; "
                f"{name} has {reprlib.repr(y[bad][0].tolist())}: say kind=YesNo() if several may "
                "be 1, y.argmax(axis=-1) with kind=Labels() if these are soft labels"
            )
        code = np.where(ones.any(axis=-1), ones.argmax(axis=-1), -1)
        return Coded(code, tuple(range(y.shape[-1])), complete=True)


@final
@dataclass(frozen=True)
class YesNo:
    """Each place along an axis is a label of its own, 1 for yes and 0 for no: multi-label targets.

    Each label has two weights of its own.

    Parameters
    ----------
    axis : int, negative
        The axis with a place for each label: −1 for targets (N, T). Keras takes a weight for each
        label only where targets and outputs are (N, T, 1): there it is −2.
    ignore : number, optional
        Elements with this number, −1 for example, count nothing and weigh 0.

    Examples
    --------
    >>> from outweigh import row_weight
    >>> row_weight([[0, 1], [0, 0], [0, 1], [1, 0]], kind=YesNo())
    array([[0.6666667, 1.       ],
           [0.6666667, 1.       ],
           [0.6666667, 1.       ],
           [2.       , 1.       ]], dtype=float32)
    """

    axis: int = -1
    ignore: Any = None

    def __post_init__(self) -> None:
        if not (isinstance(self.axis, int) and self.axis < 0):
            raise UsageError(
                "the axis of labels must be counted from the end, so that it is the same in a "
                f"batch and outside; came {reprlib.repr(self.axis)}: say -1 or -2"
            )

    def read(self, y: NDArray[Any], name: str) -> Coded:
        """Give the class of each element."""
        if y.ndim < -self.axis:
            raise UsageError(
                f"yes/no labels must have an axis {self.axis}; {name} has shape {y.shape}: say "
                "kind=Labels() for one target alone"
            )
        code = np.where(np.asarray(y == 1), 1, 0)
        gone = np.asarray(False if self.ignore is None else (y == self.ignore) | _both_nan(y, self))
        bad = ~(np.asarray(y == 0) | (code == 1) | gone)
        if bad.any():
            raise TableError(
                f"yes/no labels must be 0 or 1; {name} has {reprlib.repr(y[bad][0])}: threshold "
                "soft labels, say which number to ignore"
            )
        return Coded(np.where(gone, -1, code), (0, 1), complete=True, axis=self.axis)


def read_target(y: Any, kind: Kind | None, name: str, mask: Any = None) -> Coded:
    """Give the class of each element of a target, −1 where a mask is false."""
    array = as_array(y, name)
    coded = resolved(kind, array.shape, name).read(array, name)
    if mask is None:
        return coded
    keep = as_array(mask, "mask")
    if keep.dtype == object:
        keep = np.array(keep.tolist())
    axes = coded.code.ndim - keep.ndim
    if keep.dtype != bool or axes < 0 or keep.shape != coded.code.shape[: keep.ndim]:
        raise UsageError(
            f"a mask must hold truth values for the leading axes of {name}, {coded.code.shape}; "
            f"came {keep.dtype} of shape {keep.shape}: mend it"
        )
    keep = keep.reshape(keep.shape + (1,) * axes)
    return coded._replace(code=np.where(keep, coded.code, -1))


def resolved(kind: Kind | None, shape: tuple[int | None, ...], name: str) -> Kind:
    """Give the kind that was said, or `Labels` where there is one label per row."""
    if isinstance(kind, Labels | OneHot | YesNo):
        return kind
    if kind is not None:
        raise UsageError(
            f"kind must be Labels(), OneHot() or YesNo(); came {reprlib.repr(kind)}: say one"
        )
    if len(shape) <= 1 or (len(shape) == 2 and shape[1] == 1):
        return Labels()
    raise UsageError(
        f"{name} must hold one label per row, unless another kind is said; it has shape {shape}: "
        "say kind=Labels() if each number is a label, OneHot() or YesNo() if the last axis holds "
        "classes"
    )


def as_array(y: Any, name: str) -> NDArray[Any]:
    """Give a target as NumPy's, whatever tensor or frame it is and wherever it lives."""
    if hasattr(y, "detach"):  # NumPy takes no torch tensor that lives elsewhere or has a gradient
        y = y.detach().cpu()
    try:
        if isinstance(y, list | tuple):
            array = np.array(y, dtype=object)
        else:
            array = y if isinstance(y, np.ma.MaskedArray) else np.asarray(y)
    except ValueError:
        raise UsageError(f"{name} must hold one label per row; its rows differ in length") from None
    if array.dtype == np.float16:  # Arrow does not encode it
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def plain(label: Any) -> Any:
    """Give a label as a plain Python value, None for a missing one."""
    label = label.item() if isinstance(label, np.generic) else label
    return None if label == "" or label != label else label  # NaN is the one unlike itself


def is_several(y: Any) -> bool:
    """Whether a target is those of several outputs: a dict, or a list or tuple of arrays."""
    if isinstance(y, list | tuple):
        return bool(y) and all(len(getattr(output, "shape", ())) > 0 for output in y)
    return isinstance(y, Mapping)


def _without(
    code: NDArray[np.integer[Any]], labels: tuple[Any, ...], ignore: Any
) -> NDArray[np.integer[Any]]:
    """Take the elements of one label out."""
    if ignore is None:
        return code
    same = [k for k, label in enumerate(labels) if label == plain(ignore)]
    return np.where(np.isin(code, same), -1, code)


def _both_nan(y: NDArray[Any], kind: YesNo) -> Any:
    return (y != y) & (kind.ignore != kind.ignore)
