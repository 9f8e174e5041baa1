"""A chart: round ticks, labels that keep clear, thin lines that lie where the whole ones do."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outweigh.report._axis import (
    Axis,
    Scale,
    log_ticks,
    one_to,
    percent,
    rows,
    scale,
    shares,
    ticks,
)
from outweigh.report._chart import Chart, row_height
from outweigh.report._letters import cut, width
from outweigh.report._line import Line
from outweigh.report._markers import CORNERS, marker
from outweigh.report._plane import BETWEEN, WIDTH
from outweigh.report._thinning import MOST, distances, thinned

NUMBERS = st.floats(-1e30, 1e30) | st.sampled_from([math.nan, math.inf, -math.inf])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=60)


def parsed(svg):
    """Read a drawing as strictly as XML is read."""
    return ElementTree.fromstring(str(svg))


def looks(tree, look):
    return [e for e in tree.iter() if look in (e.get("class") or "").split()]


def chart(*lines, x=None, y=None, **how):
    return Chart("t", "c", x or Axis("x"), y or Axis("y"), lines, **how)


def points_of(tree, tag="polyline"):
    return [
        [tuple(map(float, pair.split(","))) for pair in e.get("points").split()]
        for e in tree.iter(tag)
        if "rule" not in e.get("class")
    ]


# ticks


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_within_the_axis(low, length):
    high = low + length
    found = ticks(low, high)
    assert len(found) <= 7
    assert all(low - 1e-6 * length <= t <= high + 1e-6 * length for t in found)
    assert found == sorted(found)


@given(st.floats(1e-25, 1e-3))
def test_ticks_of_a_short_axis_are_told_apart(length):
    found = ticks(0.0, length)
    assert len(set(found)) == len(found) >= 3


@given(st.floats(1e-8, 1e3), st.floats(1.5, 1e9))
def test_log_ticks_are_powers_of_ten_or_two_and_five_times_them(low, factor):
    found = log_ticks(low, low * factor)
    assert all(low * 0.998 <= t <= low * factor * 1.002 for t in found)
    assert all(f"{t:.0e}"[0] in "125" and math.isclose(float(f"{t:.0e}"), t) for t in found)


@pytest.mark.parametrize(("low", "high"), [(0.017, 0.052), (0.6, 0.7), (300, 301)])
def test_a_short_logarithmic_axis_has_ticks_too(low, high):
    assert len(Scale(low, high, 0, 400, True).ticks()) >= 2


FORMS = {"plain": "{:g}".format, "percent": percent, "ratio": one_to, "long": "{:.12f}".format}


@settings(max_examples=200)
@given(
    st.floats(1e-9, 1e6),
    st.floats(1.01, 1e9),
    st.booleans(),
    st.sampled_from(sorted(FORMS)),
)
def test_labels_along_an_axis_neither_touch_nor_leave_the_picture(low, factor, log, form):
    axis = Axis("x", log=log, form=FORMS[form])
    laid = chart(Line("a", "chosen", [low, low * factor], [0, 1]), x=axis).plane
    ends = [
        (laid.x(t) - width(axis.written(t)) / 2, laid.x(t) + width(axis.written(t)) / 2)
        for t in laid.x_ticks
    ]
    assert ends
    assert all(right - left >= BETWEEN - 1e-6 for (_, left), (right, _) in pairwise(ends))
    if form != "long":
        assert ends[0][0] >= 0
        assert ends[-1][1] <= WIDTH


@given(st.floats(1e-12, 1e12))
def test_labels_on_the_left_have_the_room_they_need(high):
    axis = Axis("y", form=percent)
    laid = chart(Line("a", "chosen", [0, 1], [0, high]), y=axis).plane
    widest = max(width(percent(t)) for t in laid.y_ticks)
    assert laid.x.start >= widest + 20  # and a title beside them


# letters


@given(TEXTS, st.floats(20, 300))
def test_a_text_is_cut_to_a_width_and_never_for_nothing(text, most):
    assert width(cut(text, most)) <= most
    if width(text) <= most:
        assert cut(text, most) == text


# thinning


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 800), st.sampled_from([0.0, 0.2, 5.0, 200.0]))
def test_a_thinned_line_lies_where_the_whole_one_does(seed, n, noise):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 480, n))
    whole = [*zip(x.tolist(), (200 * np.sin(x / 70) + noise * rng.normal(size=n)), strict=True)]
    kept = thinned(whole)
    assert (kept[0], kept[-1]) == (whole[0], whole[-1])
    assert set(kept) <= set(whole)
    assert len(kept) <= MOST
    if noise < 1:
        at = np.array(whole)
        pieces = [distances(at, np.array(a), np.array(b)) for a, b in pairwise(kept)]
        assert np.min(pieces, axis=0).max() <= 0.3


def test_a_straight_line_needs_two_points():
    line = Line("a", "chosen", list(range(1001)), list(range(1001)))
    [points] = points_of(parsed(chart(line).svg()))
    assert len(points) == 2


# drawing


@settings(max_examples=50)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9), st.booleans())
def test_a_chart_of_any_numbers_is_drawn_inside_its_box(points, log):
    x, y = zip(*points, strict=True)
    line = Line("a", "chosen", x, y, dots=True)
    drawn = chart(line, x=Axis("x", log=log), y=Axis("y", log=log)).svg()
    numbers = [float(v) for v in re.findall(r'c[xy]="([^"]+)"', drawn)]
    assert all(-20 <= v <= 600 for v in numbers)
    assert "nan" not in drawn
    parsed(drawn)


@given(TEXTS, TEXTS)
def test_texts_come_out_as_they_went_in(title, name):
    assume(title.strip())
    line = Line(name, "chosen", [1.0], [1.0], joined=False, names=[name])
    tree = parsed(Chart(title, title, Axis(title), Axis(title), (line,), ((1, name),)).svg())
    spaced = lambda text: re.sub(r"\r\n?", "\n", text or "")
    assert spaced(tree[0].text) == spaced(title)
    [series] = looks(tree, "series")
    assert " ".join(series.get("data-name").split()) == " ".join(name.split())


def test_a_point_lies_where_its_axes_say():
    axis = {"least": 0.0, "most": 10.0}
    line = Line("a", "chosen", [0, 5, 10], [0, 5, 10], dots=True)
    drawn = chart(line, x=Axis("x", **axis), y=Axis("y", **axis)).svg()
    x, y = (np.array([float(v) for v in re.findall(f'c{a}="([^"]+)"', drawn)]) for a in "xy")
    assert x[1] == pytest.approx((x[0] + x[2]) / 2, abs=0.1)
    assert y[1] == pytest.approx((y[0] + y[2]) / 2, abs=0.1)
    assert x[0] < x[2]
    assert y[0] > y[2]  # upwards is less in SVG


def test_a_script_can_read_where_the_axes_lie():
    line = Line("a", "chosen", [1, 100], [0, 5], dots=True)
    tree = parsed(chart(line, x=Axis("x", log=True, least=1.0, most=100.0)).svg())
    low, high, start, end, kind = tree.get("data-x").split()
    assert (float(low), float(high), kind) == (1, 100, "log")
    first, last = (float(c.get("cx")) for c in tree.iter("circle"))
    assert (first, last) == pytest.approx((float(start), float(end)), abs=0.1)
    assert tree.get("data-y").endswith(" linear")


def test_a_drawing_has_its_parts_in_order_and_the_living_one_on_top():
    lines = (Line("a", "chosen", [1, 2], [1, 2]), Line("b", "twin", [1, 2], [2, 1]))
    tree = parsed(chart(*lines, marks=((1.5, "m"),), key="k").svg())
    assert [e.get("class") for e in tree[2:]] == [
        *("x axis", "y axis", "marks", "series", "series", "live"),
    ]
    assert [e.get("data-name") for e in looks(tree, "series")] == ["a", "b"]
    assert tree.get("role") == "img"
    ids = [tree[0].get("id"), tree[1].get("id")]
    assert tree.get("aria-labelledby").split() == ids == ["k-title", "k-says"]
    assert not [e for e in tree.iter() if e.get("style")]  # the page's policy allows none


def test_a_line_is_broken_where_nothing_is_known():
    y = [1, 2, math.nan, 3, math.nan, 4, 5]
    line = Line("a", "chosen", range(7), y, [v - 1 for v in y], [v + 1 for v in y])
    tree = parsed(chart(line).svg())
    assert [len(p) for p in points_of(tree)] == [2, 2]
    assert len(looks(tree, "dot")) == 1  # the 3 stands alone
    assert len(points_of(tree, "polygon")) == 3


def test_bars_lie_along_the_axis_that_they_are_of():
    up = Line("a", "chosen", [1, 2], [5, 6], [4, 5], [6, 7], bars=True)
    across = Line("a", "chosen", [5, 6], [1, 2], [4, 5], [6, 7], across=True, joined=False)
    for line, move in ((up, "V"), (across, "H")):
        tree = parsed(chart(line).svg())
        [bar] = looks(tree, "bar")
        assert bar.get("d").count(move) == 2
        assert not points_of(tree)


@pytest.mark.parametrize("across", [True, False])
def test_a_bar_that_goes_on_beyond_the_plot_ends_at_its_edge_in_an_arrow(across):
    axis = Axis("", least=0.0, most=10.0)
    low, high = [-1000, 2, 4], [1, 3, 1000]
    at = [[1, 2, 3], [0.5, 2.5, 9]]
    line = Line("a", "open", *at[:: -1 if across else 1], low, high, bars=True, across=across)
    drawn = chart(line, x=axis, y=axis)
    [bar] = looks(parsed(drawn.svg()), "bar")
    *pieces, path = bar.get("d").count("L"), bar.get("d")
    assert pieces == [2 * 2]  # two arrows, each of two strokes
    scale_of = drawn.plane.x if across else drawn.plane.y
    straight = re.findall(r"M(\S+) (\S+?)([HV])([\d.]+)", path)
    ends = [(float(m[0] if across else m[1]), float(m[3])) for m in straight]
    edges = sorted((scale_of.start, scale_of.end))
    assert all(edges[0] - 0.1 <= end <= edges[1] + 0.1 for pair in ends for end in pair)
    assert ends[0][0] == pytest.approx(scale_of.start, abs=0.1)
    assert ends[2][1] == pytest.approx(scale_of.end, abs=0.1)


def test_what_is_marked_lies_on_the_axis():
    line = Line("a", "chosen", [5, 6], [1, 2])
    laid = chart(line, marks=((0.0, "no difference"),)).plane
    assert laid.x.low < 0 < laid.x.high
    assert 0 in laid.x_ticks


@pytest.mark.parametrize("last", [2, 3, 5, 10, 24, 61, 400])
def test_between_whole_numbers_there_are_no_ticks(last):
    line = Line("a", "chosen", range(1, last + 1), range(last))
    ticks_of = chart(line, x=Axis("epoch", whole=True)).plane.x_ticks
    assert len(ticks_of) >= 1
    assert all(tick % 1 == 0 for tick in ticks_of)
    assert 2.5 in chart(Line("a", "chosen", [1, 10], [0, 1])).plane.x_ticks


def test_a_larger_mark_has_the_larger_area():
    line = Line("a", "chosen", [1, 2], [1, 2], joined=False, sizes=[1, 100], names=["one", "many"])
    small, large = looks(parsed(chart(line).svg()), "dot")
    assert float(small.get("r")) < 3 < float(large.get("r")) == 9
    assert large[0].text == "many"


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0, 1), TEXTS), min_size=1, max_size=5),
    st.sampled_from([12, 16]),  # pixels of text: on a wide screen, and on a narrow one
)
def test_names_of_marks_do_not_lie_on_each_other(marks, size):
    line = Line("a", "chosen", [0, 1], [0, 1])
    tree = parsed(chart(line, x=shares("x", least=0.0, most=1.0), marks=tuple(marks)).svg())
    boxes = []
    for text in looks(tree, "mark"):
        long = width(text.text or "") * size / 12
        x = float(text.get("x")) - (long if "end" in text.get("class") else 0)
        boxes.append((x, x + long, float(text.get("y"))))
    for i, (left, right, y) in enumerate(boxes):
        assert right <= WIDTH + 1
        for a, b, other in boxes[:i]:
            assert other != y or right < a or b < left


def test_each_look_has_a_shape_of_its_own():
    shapes = [re.sub(f"dot {look}", "", marker(look, 0, 0)) for look in (*CORNERS, "chosen")]
    assert len(set(shapes)) == len(shapes)


def test_rows_are_named_from_the_top_and_make_a_chart_higher():
    y, places = rows(("head", "a", "b"), heads=[0])
    assert places == [3, 2, 1]
    assert dict(y.names) == {2.0: "a", 1.0: "b"}
    line = Line("l", "open", [1, 2], [2, 1], joined=False)
    tree = parsed(chart(line, y=y, height=row_height(3)).svg())
    assert [e.text for e in looks(tree, "end")] == ["a", "b"]
    [head] = looks(tree, "head")
    assert head.text == "head"
    assert row_height(30) > row_height(3)


def test_a_long_name_is_cut_and_told_whole():
    name = "a name that is far too long for the room beside a chart"
    y, [place] = rows((name,))
    tree = parsed(chart(Line("l", "open", [1], [place]), y=y).svg())
    [text] = [e for e in looks(tree, "tick") if "end" in e.get("class")]
    assert text.text.endswith("…")
    assert text[0].text == name


def test_the_table_of_a_chart_has_the_ends_of_each_line_and_the_names_of_places():
    line = Line("a", "chosen", range(1000), range(1000))
    found = chart(line).table(most=20)
    assert (len(found), found[0][1], found[-1][1]) == (20, "0", "999")
    y, [place] = rows(("smote",))
    [row] = chart(Line("a", "open", [1.0], [place], [0.5], [2.0], across=True), y=y).table()
    assert row == ("a", "1", "smote", "0.5 to 2")


def test_a_scale_has_some_air_where_nothing_fixes_its_ends():
    assert scale(Axis("x", log=True), [1, 100], 0, 1).low < 1
    assert scale(Axis("x", least=0.0), [0, 100], 0, 1).low == 0
    assert scale(Axis("x"), [0, 100], 0, 1).high > 100
