"""Figures: the record's numbers as charts, frames and plots, and a study in a notebook."""

import copy
import importlib.util
import io
import math
import pickle
import re
import sys
import warnings
from xml.etree import ElementTree

import matplotlib.figure
import narwhals as nw
import numpy as np
import pytest

import outweigh as ow
from outweigh._deployment import Deployment
from outweigh._errors import UsageError
from outweigh._scores import confusion
from outweigh.report._demo_figures import ratio_charts
from outweigh.report._figure import Figures
from outweigh.report._figures import charts, figures
from outweigh.report._plot import literal
from outweigh.report._remedy_figures import MOST_WEIGHTS, remedy_charts
from outweigh.report._shown import slug
from outweigh.report._weight_figures import weight_charts
from tests.test_record import recorded
from tests.trainers import table_of, world

OF_ALL = [
    *("cost-by-weight", "flagged-by-weight", "cost-by-threshold"),
    *("precision-recall", "roc", "gain"),
    *("reliability", "reliability-undone", "reliability-raw"),
    *("verdict", "folds-and-seeds", "thresholds-none"),
    *("remedies-cost", "remedies-ranking", "remedies-calibration"),
    *("segments-site", "segments-age"),
    "decisions",
]


def number(value, interval=None):
    return {"value": value, "interval": interval, "basis": "cross-fitted"}


def group(name, value):
    """A group of which all numbers are the same one."""
    shown = ("expected_cost", "score", "flagged_share", "recall", "precision")
    around = None if value is None else [value - 0.1, value + 0.1]
    numbers = dict.fromkeys(shown, number(value, around))
    counts = {"rows": 9, "positives": 3}
    return {"name": name, "of": "value", **counts, "chosen": numbers, "twin": numbers}


@pytest.fixture(scope="module")
def results():
    """A record with everything that figures are drawn from."""
    settings = "path:4,smote,focal:2,focal:2+sqrt,oversample"
    found = recorded(world(600), settings=settings, references="logistic,random-forest")[1]
    found["segments"] = [
        {
            "column": column,
            "kind": "categories",
            "basis": "cross-fitted",
            "groups": [group("north", 0.5), group("south", None)],
        }
        for column in ("site", "age")
    ]
    return found


@pytest.fixture(scope="module")
def three_classes():
    return recorded(world(k=3), settings="path:3,focal:2+sqrt")[1]


@pytest.fixture(scope="module")
def drawn(results):
    return Figures(results, "polars")


def chart_of(results, key):
    return next(chart for chart in charts(results) if chart.key == key)


def line_of(chart, name):
    return next(line for line in chart.lines if line.name == name)


def by_name(results):
    return {setting["name"]: setting for setting in results["settings"]}


# which figures there are


def test_the_figures_of_a_study_are_these_in_this_order(drawn):
    assert list(drawn) == OF_ALL
    assert len(drawn) == len(OF_ALL)


def test_training_curves_are_drawn_where_there_are_some(results):
    trained = copy.deepcopy(results)
    for curves in trained["history"].values():
        curves |= {"epoch": [1, 2], **{k: [1.0, None] for k in ("undone", "raw", "weighted")}}
    found = [key for key in Figures(trained) if key.startswith("training")]
    assert found == ["training-undone", "training-raw", "training-weighted"]


def test_each_chart_is_well_formed_and_no_two_share_an_id(results):
    trees = [ElementTree.fromstring(str(chart.svg())) for chart in charts(results)]
    ids = [e.get("id") for tree in trees for e in tree.iter() if e.get("id")]
    assert len(set(ids)) == len(ids) == 2 * len(OF_ALL)


def test_an_older_record_has_the_figures_that_it_has_numbers_for(results):
    older = copy.deepcopy(results)
    for key in ("counts", "cells", "per_class", "segments", "schema"):
        older.pop(key, None)
    for setting in older["settings"]:
        for key in ("by_fold", "kind", "text", "inverse", "versus_none"):
            del setting[key]
    new = {"cost-by-threshold", "folds-and-seeds", "decisions"}
    expected = [k for k in OF_ALL if k not in new and not k.startswith(("remedies", "segments"))]
    assert list(Figures(older)) == expected
    assert [c.key for c in weight_charts(older)] == OF_ALL[:2]


def test_sections_without_charts_stand_where_tables_are_in_them(three_classes):
    found = {section.key: section for section in figures(three_classes)}
    assert found["probabilities"].charts == []
    assert found["probabilities"].says == ""
    assert "ranking" not in found
    assert [c.key for c in found["weights"].charts] == ["cost-by-weight"]


def test_each_class_by_itself_has_figures_too(three_classes):
    keys = [f"class-{k}-{curve}" for k in range(3) for curve in ("precision-recall", "roc")]
    assert set(keys) <= set(Figures(three_classes))


@pytest.mark.parametrize("objective", [ow.FBeta(1), ow.Alerts(50), ow.AveragePrecision()])
def test_every_objective_has_figures(objective):
    found = recorded(world(600), objective=objective)[1]
    for chart in charts(found):
        ElementTree.fromstring(str(chart.svg()))


def test_names_that_differ_in_signs_alone_have_figures_of_their_own(results):
    assert slug("Größe, m²") == "größe-m²"
    assert slug("***") == "x"
    twins = copy.deepcopy(results)
    for segment, column in zip(twins["segments"], ("a b", "a-b"), strict=True):
        segment["column"] = column
    assert list(Figures(twins))[-3:-1] == ["segments-a-b", "segments-a-b-2"]


# what they show


def test_cost_and_flagged_share_are_those_of_the_settings(results):
    settings = [s for s in results["settings"] if s["kind"] == "weights"]
    for key, number_of in (("cost-by-weight", "expected_cost"), ("flagged-by-weight", None)):
        number_of = number_of or "flagged_share"
        chart = chart_of(results, key)
        own, half = (line_of(chart, name) for name in ("own threshold", "flagged from 0.5"))
        assert own.x == half.x == [s["weight_ratio"] for s in settings]
        assert own.y == [s[number_of]["value"] for s in settings]
        assert half.y == [s["at_half"][number_of]["value"] for s in settings]
        assert own.low == [min(s["by_seed"][number_of]) for s in settings]
        assert half.high == [max(s["by_seed"][f"{number_of}_at_half"]) for s in settings]


def test_the_path_of_weights_shows_class_weights_alone(results, three_classes):
    ratios = [s["weight_ratio"] for s in results["settings"] if s["kind"] == "weights"]
    assert len([s for s in results["settings"] if s["weight_ratio"]]) > len(ratios)
    for chart in weight_charts(results):
        assert all(line.x == ratios for line in chart.lines)
    [chart] = weight_charts(three_classes)
    assert chart.lines[0].x == [0, 1, 1.4]


def test_seeds_that_scored_nothing_leave_no_band(results):
    lost = copy.deepcopy(results)
    lost["settings"][0]["by_seed"]["expected_cost"] = [None, None]
    line = line_of(chart_of(lost, "cost-by-weight"), "own threshold")
    assert math.isnan(line.low[0])
    assert math.isfinite(line.low[1])


def test_the_cost_at_a_threshold_is_counted_from_the_tables(results):
    chart, counts = chart_of(results, "cost-by-threshold"), results["counts"]
    cost_fn = results["objective"]["cost_fn"]
    line, of_twin = line_of(chart, "none"), counts["settings"]["none"]
    n = counts["positives"] + counts["negatives"]
    for t, cost in [*zip(line.x, line.y, strict=True)][:: len(line.x) // 5]:
        g = counts["threshold"].index(t)
        missed = counts["positives"] - of_twin["tp"][g]
        assert cost == pytest.approx(1000 * (cost_fn * missed + of_twin["fp"][g]) / n)
    assert chart.marks == ((results["objective"]["threshold"], "implied by the costs"),)


def test_gain_is_the_share_flagged_against_recall(results):
    gain, roc = (line_of(chart_of(results, key), "none") for key in ("gain", "roc"))
    counts = results["counts"]
    b = counts["positives"] / (counts["positives"] + counts["negatives"])
    flagged = b * np.array(roc.y) + (1 - b) * np.array(roc.x)
    assert gain.x == pytest.approx(flagged)
    assert gain.y == roc.y


@pytest.mark.parametrize(
    ("objective", "title"),
    [
        (ow.Alerts(50), "Recall within the budget"),
        (ow.RecallAtPrecision(0.3), "Recall at 30 % precision or more"),
        (ow.FBeta(1), "F1"),
    ],
)
def test_a_score_is_named_and_drawn_from_half_only_where_that_keeps_what_must_be(objective, title):
    found = recorded(world(600), settings="path:4", objective=objective)[1]
    chart = chart_of(found, "score-by-weight")
    assert chart.title == title
    assert chart.y.title == title[0].lower() + title[1:] or title == "F1"
    kept = not isinstance(objective, ow.FBeta)
    assert [line.name for line in chart.lines] == ["own threshold", "flagged from 0.5"][: 2 - kept]
    assert ("is not kept there" in chart.caption) == kept
    assert chart_of(found, "remedies-cost").x.title == f"{chart.y.title} gained, points"
    assert chart_of(found, "remedies-cost").title == f"Gained in {chart.y.title}"
    assert chart_of(found, "verdict").x.title == f"{chart.y.title} gained, points"


def test_no_difference_lies_on_the_axis_of_the_verdict(results):
    clear = copy.deepcopy(results)
    clear["verdict"] |= {"difference": 20.0, "interval": [18.0, 22.0], "by_seed": [19.0, 21.0]}
    clear["verdict"]["by_fold"] = []
    laid = chart_of(clear, "verdict").plane
    assert laid.x.low < 0
    assert 0 in laid.x_ticks


def test_a_line_may_leave_the_band_of_its_seeds_and_the_page_says_why(results, three_classes):
    for found in (results, three_classes):
        says = {section.key: section.says for section in figures(found)}["weights"]
        assert "seeds averaged into one model" in says
        assert "leave" in says


def test_networks_that_collapsed_are_counted_with_separators():
    network = {
        "name": "2-1",
        "ratios": [1, 2],
        "collapsed": [1353, 0],
        "seeds": 2449,
        **{key: [[0.1, 0.2]] for key in ("recall", "flagged_share")},
    }
    bayes = {"ratio": [1, 2], "recall": [0.5, 0.6], "flagged_share": [0.1, 0.2]}
    [chart] = ratio_charts({"networks": [network], "bayes": bayes})
    assert chart.caption.startswith("1,353 of 4,898 lanes")


def test_intervals_are_told_of_only_where_groups_have_them(results):
    says = lambda record: {section.key: section.says for section in figures(record)}["segments"]
    assert "intervals" in says(results)
    without = copy.deepcopy(results)
    for segment in without["segments"]:
        for each in segment["groups"]:
            for numbers in (each["chosen"], each["twin"]):
                for key in numbers:
                    numbers[key] = number(0.5)
    assert "intervals" not in says(without)


def test_curves_are_drawn_for_twin_best_weights_best_remedy_chosen_and_references(results):
    changed = copy.deepcopy(results)
    for setting in changed["settings"]:
        setting["expected_cost"]["value"] = 1.0 if setting["name"] == "oversample" else 2.0
    changed["verdict"]["best"] = "power:1.4"
    names = lambda record, key: [line.name for line in chart_of(record, key).lines]
    three = ["none", "power:1.4", "oversample"]
    assert names(changed, "reliability") == three
    assert names(changed, "roc") == [*three, "logistic", "random-forest"]
    changed["chosen"]["setting"] = "smote"
    assert names(changed, "reliability") == [*three, "smote"]
    for kind, other in (("reference", "logistic"), ("weights", "balanced")):
        kept = copy.deepcopy(changed)
        kept["settings"] = [s for s in kept["settings"] if s["kind"] in ("weights", kind)]
        kept["chosen"]["setting"] = "none"
        assert names(kept, "reliability") == ["none", "power:1.4", other]


def test_no_more_than_eight_references_are_told_apart(results):
    many = copy.deepcopy(results)
    [forest] = [s for s in many["settings"] if s["name"] == "random-forest"]
    for i in range(12):
        many["settings"].append(forest | {"name": f"mine-{i}"})
        many["curves"][f"mine-{i}"] = many["curves"]["random-forest"]
    looks = [line.look for line in chart_of(many, "roc").lines]
    assert [look for look in looks if "reference" in look] == [
        f"reference-{i}" for i in range(1, 9)
    ]
    assert len(set(looks)) == len(looks)


def test_reliability_says_how_many_rows_lie_in_each_bin(results):
    line = line_of(chart_of(results, "reliability"), "none")
    table = results["curves"]["none"]["reliability"]
    assert line.sizes == table["count"]
    assert line.names == [f"{n:,} rows" for n in table["count"]]
    assert sum(line.sizes) == results["data"]["training"]["rows"]


def test_folds_and_seeds_are_those_of_the_settings(results):
    chart, settings = chart_of(results, "folds-and-seeds"), by_name(results)
    line = line_of(chart, "none")
    none = settings["none"]
    assert line.x == none["by_fold"]["expected_cost"] + none["by_seed"]["expected_cost"]
    assert line.names == ["fold 0", "fold 1", "fold 2", "seed 0", "seed 1"]
    together = line_of(chart, "all folds together")
    assert none["expected_cost"]["value"] in together.x


def test_a_study_without_interval_draws_no_interval(results):
    bare = copy.deepcopy(results)
    bare["verdict"] |= {"difference": None, "interval": None}
    assert "verdict" not in Figures(bare)


def test_what_is_better_worse_and_open_is_drawn_apart_in_each_currency(results):
    changed = copy.deepcopy(results)
    settings = by_name(changed)
    for name, says in (("smote", "better"), ("logistic", "worse")):
        settings[name]["versus_none"]["cost"]["says"] = says
    chart = chart_of(changed, "remedies-cost")
    assert line_of(chart, "better").names == ["smote"]
    assert line_of(chart, "worse").names == ["logistic"]
    place = {text: at for at, text in chart.y.names}
    for line in chart.lines:
        for i, name in enumerate(line.names):
            gain = settings[name]["versus_none"]["cost"]
            assert (line.x[i], line.y[i]) == (gain["value"], place[name])
            assert [line.low[i], line.high[i]] == gain["interval"]
    heads = [text for _, text in chart.y.heads]
    assert heads == ["Class weights", "Losses", "Sampling", "References, no networks"]


def test_one_wide_interval_does_not_squeeze_the_others_and_no_gain_is_cut_off(results):
    wide = copy.deepcopy(results)
    gain = by_name(wide)["smote"]["versus_none"]["cost"]
    gain |= {"value": -50.0, "interval": [-4000.0, 3900.0]}
    laid = chart_of(wide, "remedies-cost").plane
    assert -4000 < laid.x.low < -50
    assert laid.x.high < 3900
    assert "an arrow marks" in chart_of(wide, "remedies-cost").caption
    even = copy.deepcopy(results)
    for setting in even["settings"]:
        if setting["versus_none"]:
            setting["versus_none"]["cost"] |= {"value": 1.0, "interval": [-1.0, 3.0]}
    assert "an arrow marks" not in chart_of(even, "remedies-cost").caption
    axes = Figures(wide)["remedies-cost"].plot()
    arrows = {line.get_marker(): line for line in axes.lines if line.get_label() == "_cut"}
    assert list(arrows["<"].get_xdata()) == [laid.x.low]
    assert list(arrows[">"].get_xdata()) == [laid.x.high]


def test_of_many_class_weights_some_have_a_row(results):
    many = copy.deepcopy(results)
    balanced = by_name(many)["balanced"]
    many["settings"] += [balanced | {"name": f"ratio:{i}"} for i in range(60)]
    chart = remedy_charts(many)[0]
    weights = [text for _, text in chart.y.names if text.startswith(("ratio", "power", "balanced"))]
    assert MOST_WEIGHTS <= len(weights) <= MOST_WEIGHTS + 3
    assert {"balanced", many["verdict"]["best"]} <= set(weights)
    assert "more class weights are in the table" in chart.caption


def test_groups_stand_beside_all_rows_for_chosen_and_twin(results):
    changed = copy.deepcopy(results)
    changed["chosen"]["setting"] = "balanced"
    chart = chart_of(changed, "segments-site")
    assert [line.name for line in chart.lines] == ["balanced", "none"]
    assert [text for _, text in chart.y.heads] == ["Recall", "Precision", "Flagged"]
    line = chart.lines[0]
    assert [text for _, text in chart.y.names[:3]] == ["all rows", "is north", "is south"]
    assert line.names[:3] == ["all rows", "north", "south"]
    recall = by_name(changed)["balanced"]["recall"]["value"]
    assert line.x[:2] == [recall, 0.5]
    assert math.isnan(line.x[2])
    assert (line.low[1], line.high[1]) == (0.4, 0.6)


def test_a_value_called_missing_is_not_taken_for_what_is_missing(results):
    changed = copy.deepcopy(results)
    groups = changed["segments"][0]["groups"]
    groups[:] = [group("missing", 0.5), group("(missing)", 0.5) | {"of": "missing"}]
    chart = chart_of(changed, "segments-site")
    assert [text for _, text in chart.y.names[1:3]] == ["is missing", "(missing)"]


@pytest.mark.parametrize("where", ["value", "at_half", "by_seed", "by_seed_at_half"])
def test_a_score_or_a_cost_below_0_lies_on_its_axis(results, where):
    low = copy.deepcopy(results)
    balanced = by_name(low)["balanced"]
    key = "expected_cost"
    if where == "value":
        balanced[key] |= {"value": -3.0}
    elif where == "at_half":
        balanced["at_half"][key] |= {"value": -3.0}
    else:
        balanced["by_seed"][key if where == "by_seed" else f"{key}_at_half"][0] = -3.0
    assert chart_of(low, "cost-by-weight").plane.y.low < -3
    assert chart_of(results, "cost-by-weight").plane.y.low == 0


def test_of_many_classes_too_a_cost_below_0_lies_on_its_axis(three_classes):
    low = copy.deepcopy(three_classes)
    by_name(low)["balanced"]["by_seed"]["expected_cost"][0] = -3.0
    assert chart_of(low, "cost-by-weight").plane.y.low < -3
    assert chart_of(three_classes, "cost-by-weight").plane.y.low == 0


def test_benefits_are_costs_below_0_at_each_threshold():
    found = recorded(world(600), settings="none", objective=ow.Cost(fn=0, fp=1, tp=-9))[1]
    chart = chart_of(found, "cost-by-threshold")
    assert chart.plane.y.low < min(chart.lines[0].y) < 0


# thresholds that flag nobody or everybody

ENDS = {
    (None, None, None, None, 0.1487): (0, 4),
    (None, None, None): (0, 3),
    (0.0, 0.0): (2, 0),
    (0.2, None, 0.0): (1, 1),
    (0.2, 0.3): (0, 0),
}


def tuned(results, by_fold):
    changed = copy.deepcopy(results)
    changed["thresholds"][0] |= {"by_fold": list(by_fold), "by_seed": [list(by_fold)] * 2}
    return changed


@pytest.mark.parametrize("by_fold", ENDS)
def test_thresholds_that_flag_nobody_or_everybody_are_counted_and_lie_at_the_ends(results, by_fold):
    everybody, nobody = ENDS[by_fold]
    n = len(by_fold)
    chart = chart_of(tuned(results, by_fold), "thresholds-none")
    for whom, count in (("everybody", everybody), ("nobody", nobody)):
        says = f"flag {whom}, {count} of {n} folds and {2 * count} of {2 * n} seeds and folds"
        assert (says in chart.caption) == (f"flag {whom}" in chart.caption) == (count > 0)
    line, laid = chart.lines[0], chart.plane
    assert len(line.x) == n
    assert sum(laid.x(x) > laid.x.end for x in line.x) == nobody
    assert sum(laid.x(x) < laid.x.start for x in line.x) == everybody
    [drawn, _] = [e for e in ElementTree.fromstring(str(chart.svg())).iter() if e.get("data-name")]
    assert len([e for e in drawn.iter() if "dot" in (e.get("class") or "")]) == n


def test_the_threshold_that_costs_imply_lies_on_the_axis_of_the_tuned_ones(results):
    for by_fold in ENDS:
        chart = chart_of(tuned(results, by_fold), "thresholds-none")
        [(implied, _)] = chart.marks
        assert chart.plane.x.start < chart.plane.x(implied) < chart.plane.x.end


def test_a_plot_shows_thresholds_that_flag_nobody_or_everybody_at_its_ends(results):
    figure = Figures(tuned(results, (None, 0.0, 0.2)), "polars")["thresholds-none"]
    assert figure.frame()["x"][:3].to_list() == [math.inf, 0.0, 0.2]
    axes = figure.plot()
    low, high = axes.get_xlim()
    assert axes.lines[0].get_xdata().tolist() == [high, low, 0.2]
    axes.figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_the_table_of_a_figure_tells_infinite_from_unknown(results):
    rows = chart_of(tuned(results, (None, 0.2)), "thresholds-none").table()
    assert [row[1] for row in rows[:2]] == ["∞", "0.2"]


# as frames


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("key", OF_ALL)
def test_a_frame_holds_the_points_of_its_figure(results, key, kind):
    chart = chart_of(results, key)
    frame = nw.from_native(Figures(results, kind)[key].frame(), eager_only=True)
    assert frame.implementation.name.lower() == kind
    assert frame.columns == ["line", "x", "y", "low", "high", "name"]
    found = frame.rows(named=True)
    expected = [row for line in chart.lines for row in line.rows()]
    assert len(found) == len(expected)
    for row, values in zip(found, expected, strict=True):
        for (column, one), other in zip(row.items(), values, strict=True):
            if column in ("line", "name"):
                assert (one or None) == other if isinstance(one, str) else other is None
            else:
                none = one is None or math.isnan(one)
                assert none if other is None else one == other


def test_a_frame_of_nothing_known_has_its_columns_all_the_same(results):
    lost = copy.deepcopy(results)
    for setting in lost["settings"]:
        for gain in (setting["versus_none"] or {}).values():
            gain |= {"interval": None}
    frame = Figures(lost, "polars")["remedies-cost"].frame()
    assert str(frame.schema["low"]) == "Float64"
    assert frame["low"].is_null().all()


# as plots


@pytest.mark.parametrize("key", OF_ALL)
def test_a_figure_plots_what_its_frame_holds_and_warns_of_nothing(drawn, key):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = drawn[key].plot()
        axes.figure.savefig(io.BytesIO(), format="png", dpi=40)
    plotted = [line.get_xydata() for line in axes.lines if line.get_zorder() == 3]
    plotted += [c.get_offsets() for c in axes.collections if c.get_zorder() == 3]
    plotted = np.concatenate([np.ma.filled(p.astype(float), np.nan) for p in plotted])
    frame = drawn[key].frame()
    expected = np.column_stack([frame[c].to_numpy().astype(float) for c in "xy"])
    known = lambda points: points[np.isfinite(points).all(axis=1)]
    assert np.array_equal(known(plotted), known(expected))


@pytest.mark.parametrize("key", ["thresholds-none", "verdict", "cost-by-threshold"])
def test_the_name_of_a_mark_lies_within_its_plot(results, key):
    axes = Figures(results)[key].plot()
    axes.figure.canvas.draw()
    inside = axes.get_window_extent()
    for text in axes.texts:
        drawn = text.get_window_extent()
        assert inside.x0 <= drawn.x0
        assert drawn.x1 <= inside.x1


def test_a_plot_is_drawn_on_the_axes_that_are_given_and_leaves_no_trace(drawn):
    axes, loaded = matplotlib.figure.Figure().subplots(1, 2), set(sys.modules)
    assert drawn["roc"].plot(axes[1]) is axes[1]
    assert not axes[0].lines
    assert axes[1].get_xlabel() == "false alarms among the negatives"
    assert drawn["roc"].plot() is not axes[1]
    assert "matplotlib.pyplot" not in set(sys.modules) - loaded


def test_axes_are_written_as_on_the_page(drawn):
    axes = drawn["cost-by-weight"].plot()
    axes.figure.canvas.draw()
    assert axes.get_xscale() == "log"
    assert axes.get_xticklabels()[0].get_text() == "1:1"
    forest = drawn["remedies-cost"].plot()
    names = [text.get_text() for text in forest.get_yticklabels()]
    assert {"Class weights", "smote", "random-forest"} <= set(names)
    labels = [text.get_text() for text in drawn["roc"].plot().get_xticklabels()]
    assert any(label.endswith(" %") for label in labels)


@pytest.mark.parametrize("name", ["$x_1$", "_hidden", "a_b^c $ d", r"\alpha $\alpha$", "l\nine"])
def test_a_name_is_neither_a_formula_nor_hidden(results, name):
    changed = copy.deepcopy(results)
    by_name(changed)["smote"]["name"] = name
    changed["curves"][name] = changed["curves"].pop("smote")
    changed["counts"]["settings"][name] = changed["counts"]["settings"].pop("smote")
    changed["chosen"]["setting"] = name
    shown = " ".join(name.split())
    for key in ("roc", "reliability"):
        axes = Figures(changed)[key].plot()
        axes.figure.savefig(io.BytesIO(), format="svg")
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert literal(shown) in texts
    forest = Figures(changed)["remedies-cost"].plot()
    forest.figure.savefig(io.BytesIO(), format="svg")
    assert literal(shown) in [text.get_text() for text in forest.get_yticklabels()]


def test_without_matplotlib_a_plot_says_what_to_install(drawn, monkeypatch):
    monkeypatch.setattr("outweigh.report._plot.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=re.escape("pip install 'outweigh[plot]'")) as caught:
        drawn["roc"].plot()
    assert "\n" not in str(caught.value)
    assert importlib.util.find_spec("matplotlib")


# as a study holds them


def test_a_figure_says_what_it_is_and_what_it_stands_on(drawn):
    roc = drawn["roc"]
    assert (roc.key, roc.title, roc.basis) == ("roc", "ROC", "cross-fitted")
    assert (roc.x_title, roc.y_title) == ("false alarms among the negatives", "recall")
    assert repr(roc) == "<outweigh figure 'roc': ROC>"
    assert repr(drawn).startswith("<outweigh figures: cost-by-weight, ")
    assert "held-out" in drawn["reliability-raw"].basis


def test_a_figure_that_is_none_names_the_nearest(drawn):
    with pytest.raises(KeyError, match="precision-recall"):
        drawn["precision_recal"]
    with pytest.raises(KeyError, match=r"none: try cost-by-weight, "):
        drawn[3]
    assert drawn.get("nothing of that kind") is None


def test_figures_can_be_pickled(drawn):
    again = pickle.loads(pickle.dumps(drawn))
    assert again["roc"].frame().equals(drawn["roc"].frame())


# decisions


def with_roles(**roles):
    """A table with amounts or weights of its rows."""
    table, rng = world(600), np.random.default_rng(0)
    columns = {name: rng.uniform(0.2, 9, 600) for name in roles}
    named = {"amount_column": "a"} if "amount" in roles else {}
    return table_of(table.columns.numbers, table.y, **columns, **named)


BENEFITS = [[-0.5, 1.0], [6.0, -2.0]]
DECIDED = {
    "by default": {},
    "costs": {"objective": ow.Cost(fn=9, fp=1), "use": "balanced"},
    "nobody flagged": {"objective": ow.Cost(fn=1, fp=1e6)},
    "a tuned threshold": {"objective": ow.Cost(fn=4, fp=1, tuned=True)},
    "referral": {"objective": ow.Cost(fn=9, fp=1, refer=0.2), "use": "balanced"},
    "nobody referred": {"objective": ow.Cost(fn=9, fp=1, refer=50.0)},
    "benefits and referral": {"objective": ow.CostMatrix(BENEFITS, (0, 1), refer=0.1)},
    "a cost for each row": {"table": {"amount": 1}, "objective": ow.RowCost(2)},
    "F1": {"objective": ow.FBeta(1), "use": "balanced"},
    "Matthews": {"objective": ow.Matthews()},
    "alerts": {"objective": ow.Alerts(50)},
    "recall at precision": {"objective": ow.RecallAtPrecision(0.3)},
    "row weights": {"table": {"row_weight": 1}, "objective": ow.Cost(fn=9, fp=1, refer=0.3)},
    "another world": {"deployment": Deployment(prevalence=0.3), "objective": ow.Matthews()},
    "referral in another world": {
        "deployment": Deployment(prevalence=0.02),
        "objective": ow.Cost(fn=60, fp=1, refer=0.4),
    },
    "repetitions": {"repeats": 2, "objective": ow.Cost(fn=9, fp=1, refer=0.3)},
}
KINDS = {
    (1, 1): "1: caught",
    (1, 0): "1: missed",
    (1, 2): "1: referred",
    (0, 1): "others: false alarms",
    (0, 0): "others: left alone",
    (0, 2): "others: referred",
}


@pytest.mark.parametrize("name", DECIDED)
def test_decisions_are_those_that_the_study_made(name):
    how = dict(DECIDED[name])
    table = with_roles(**how.pop("table")) if "table" in how else world(600)
    evidence, found = recorded(table, **how)
    figure, d = Figures(found, "polars")["decisions"], evidence.decisions
    assert figure.basis == "cross-fitted"
    refers = getattr(d.objective, "refer", None) is not None
    for line in dict.fromkeys((found["chosen"]["setting"], "none")):
        decided = d.decided[d.predictions.settings.index(line)]
        cells = confusion(d.cases.y, decided, 2, d.cases.weight, n_decisions=2 + refers)
        expected = {KINDS[cell]: n for cell, n in np.ndenumerate(1000 * cells / cells.sum())}
        rows = figure.frame().filter(figure.frame()["line"] == line)
        assert dict(zip(rows["name"], rows["x"], strict=True)) == pytest.approx(expected, abs=1e-6)
        assert rows["x"].min() >= 0


def test_where_a_miss_costs_no_more_than_a_case_left_alone_it_is_not_known_apart():
    objective = ow.CostMatrix([[0.5, 1.0], [0.5, 0.0]], (0, 1), refer=0.1)
    chart = chart_of(recorded(world(600), objective=objective)[1], "decisions")
    known = {
        n: math.isfinite(x) for n, x in zip(chart.lines[0].names, chart.lines[0].x, strict=True)
    }
    assert [name for name, is_known in known.items() if is_known] == [
        "1: caught",
        "others: false alarms",
    ]


@pytest.mark.parametrize("k", [2, 3])
def test_a_ranking_decides_nothing_and_draws_no_decisions(k):
    found = recorded(world(600, k=k), objective=ow.AveragePrecision())[1]
    assert "decisions" not in Figures(found)


def test_the_decisions_of_1000_cases_are_a_figure_too(results, three_classes):
    frame = Figures(results, "polars")["decisions"].frame()
    chosen = frame.filter(frame["line"] == results["chosen"]["setting"])
    assert chosen["x"].sum() == pytest.approx(1000)
    positive = results["data"]["positive"]
    caught = chosen.filter(chosen["name"] == f"{positive}: caught")["x"].item()
    used = by_name(results)[results["chosen"]["setting"]]
    flagged = used["flagged_share"]["value"] * used["precision"]["value"]
    assert caught == pytest.approx(1000 * flagged)
    frame = Figures(three_classes, "polars")["decisions"].frame()
    told = three_classes["per_class"]["settings"]["none"]["confusion"]["value"]
    none = frame.filter(frame["line"] == "none")
    assert none["x"].to_list() == pytest.approx(np.ravel(told).tolist())
    assert none["name"][1] == "0: decided 1"
