"""A picture of 1,000 cases: each a mark, caught, missed, alarmed or left alone.

Marks differ in shape as well as in colour: a full square is caught, a hollow one missed, a triangle
a false alarm, a dot a case rightly left alone. One path for each kind keeps the page small.
"""

from collections.abc import Sequence

from markupsafe import Markup

from outweigh.report._point import whole_cases

COLUMNS, STEP = 50, 12
KINDS = ("tp", "fn", "fp", "tn")
SHAPES = {
    "tp": "h9v9h-9z",
    "fn": "h9v9h-9zm2 2v5h5v-5z",  # the inner square runs the other way: a hole
    "fp": "m4.5 0l4.5 9h-9z",
    "tn": "m3.5 3.5h2v2h-2z",
}


def picture(per_1000: Sequence[float]) -> Markup:
    """Draw 1,000 cases, of which so many are of each kind.

    Parameters
    ----------
    per_1000 : (4,) sequence of float
        True positives, false negatives, false positives, true negatives.
    """
    kinds = [kind for kind, n in zip(KINDS, whole_cases(per_1000), strict=True) for _ in range(n)]
    paths = dict.fromkeys(KINDS, "")
    for i, kind in enumerate(kinds):
        row, column = divmod(i, COLUMNS)
        paths[kind] += f"M{STEP * column} {STEP * row}{SHAPES[kind]}"
    height = STEP * len(kinds) // COLUMNS
    marks = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(kind, d) for kind, d in paths.items()
    )
    box = Markup('viewBox="0 0 {} {}"').format(STEP * COLUMNS, height)
    return Markup('<svg {} aria-hidden="true">{}</svg>').format(box, marks)


def mark(kind: str) -> Markup:
    """Draw the mark of one kind, for a legend."""
    shape = Markup('<path class="{}" d="M1 1{}"/>').format(kind, SHAPES[kind])
    return Markup('<svg viewBox="0 0 11 11" aria-hidden="true">{}</svg>').format(shape)
