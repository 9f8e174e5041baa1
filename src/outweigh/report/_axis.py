"""An axis: what it measures, where its data end in pixels, and the round numbers along it."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from outweigh.report._words import brief, percent

SMALLEST = 1e-30  # number on a logarithmic axis, and length of any
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Format = Callable[[float], str]
Named = tuple[tuple[float, str], ...]


def one_to(value: float) -> str:
    """Write a ratio."""
    return f"1:{brief(value)}"


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes
    ----------
    title : str
    log : bool
        Whether it is logarithmic.
    form : callable
        Writes a number of it.
    least, most : float, optional
        Its ends; where the data end, unless given.
    names : tuple of (float, str)
        Places that have a name; then it has no numbers.
    heads : tuple of (float, str)
        Places that hold nothing but the name of those below it.
    whole : bool
        Whether there is nothing between whole numbers.
    """

    title: str
    log: bool = False
    form: Format = brief
    least: float | None = None
    most: float | None = None
    names: Named = ()
    heads: Named = ()
    whole: bool = False

    def written(self, value: float) -> str:
        """Write a value: its name, where places have names."""
        return dict(self.names).get(value, "") if self.names else self.form(value)


def shares(
    title: str, *, log: bool = False, least: float | None = None, most: float | None = None
) -> Axis:
    """Give an axis of shares, written in percent."""
    return Axis(title, log, percent, least, most)


def rows(names: Iterable[str], heads: Iterable[int] = ()) -> tuple[Axis, list[float]]:
    """Give an axis of named rows, the first on top, and the place of each.

    Parameters
    ----------
    names : iterable of str
    heads : iterable of int
        Which of the names head those below them.
    """
    texts, heading = list(names), set(heads)
    places = [float(len(texts) - i) for i in range(len(texts))]
    each = list(enumerate(zip(places, texts, strict=True)))
    return Axis(
        "",
        least=0.4,
        most=len(texts) + 0.6,
        names=tuple(row for i, row in each if i not in heading),
        heads=tuple(row for i, row in each if i in heading),
    ), places


@dataclass(frozen=True)
class Scale:
    """From data to pixels.

    Attributes
    ----------
    low, high : float
        Where the axis begins and ends, in data.
    start, end : float
        The same in pixels.
    log : bool
    """

    low: float
    high: float
    start: float
    end: float
    log: bool

    def __call__(self, value: float) -> float:
        """Give the pixel of a value; what lies outside is drawn just outside."""
        low, high, value = (self._bend(v) for v in (self.low, self.high, value))
        place = (value - low) / (high - low)
        return self.start + min(max(place, -0.01), 1.01) * (self.end - self.start)

    def _bend(self, value: float) -> float:
        return math.log10(max(value, self.low / 10)) if self.log else value

    @property
    def text(self) -> str:
        """Its ends in data and in pixels, and its kind, for a script."""
        ends = (self.low, self.high, self.start, self.end)
        return " ".join(f"{end:.10g}" for end in ends) + (" log" if self.log else " linear")

    def ticks(self, fits: Callable[[list[float]], bool] = lambda ticks: True) -> list[float]:
        """Give the most round numbers within the scale that fit."""
        candidates = list(self._candidates())
        return next((ticks for ticks in candidates if fits(ticks)), candidates[-1][:1])

    def _candidates(self) -> Iterator[list[float]]:
        """Give sets of ticks, from many to few."""
        if self.log:
            fine = log_ticks(self.low, self.high)
            if len(fine) > 2:
                yield fine
                powers = log_ticks(self.low, self.high, digits=(1,))
                yield from (powers[::step] for step in range(1, len(powers)))
        yield from (ticks(self.low, self.high, about) for about in (5, 4, 3, 2, 1))


def scale(axis: Axis, values: Iterable[float], start: float, end: float) -> Scale:
    """Lay an axis around values, with some air where nothing fixes an end."""
    known = [v for v in values if math.isfinite(v) and not (axis.log and v < SMALLEST)] or [1.0]
    low = min(known) if axis.least is None else axis.least
    high = max(known) if axis.most is None else axis.most
    least_length = max(SMALLEST, 1e-9 * max(abs(low), abs(high)))  # what ticks can tell apart
    if high - low <= least_length:
        room = max(0.5, least_length)
        low, high = (low / 2, low * 2) if axis.log else (low - room, low + room)
    elif axis.log:
        air = (high / low) ** 0.03
        low /= air if axis.least is None else 1
        high *= air if axis.most is None else 1
    else:
        air = 0.06 * (high - low)
        low -= air if axis.least is None else 0
        high += air if axis.most is None else 0
    return Scale(low, high, start, end, axis.log)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Give round numbers from low to high, about five of them.

    Examples
    --------
    >>> ticks(0, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    rough = (high - low) / about
    unit = 10 ** math.floor(math.log10(rough))
    step = next(s * unit for s in STEPS if s * unit >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))  # so that small steps are not rounded away
    return [round(i * step, digits) + 0.0 for i in range(first, last + 1)]


def log_ticks(low: float, high: float, digits: tuple[int, ...] = (1, 2, 5)) -> list[float]:
    """Give powers of ten from low to high, and 2 and 5 times them within three decades.

    Examples
    --------
    >>> log_ticks(1, 200)
    [1, 2, 5, 10, 20, 50, 100, 200]
    >>> log_ticks(1e-4, 1)
    [0.0001, 0.001, 0.01, 0.1, 1]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = digits if math.log10(high / low) < 3 else (1,)
    found = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
    return [int(t) if t >= 1 else t for t in found if low * 0.999 <= t <= high * 1.001]
