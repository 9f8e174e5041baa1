"""The panel: it starts where the study stands, whatever decisions are for."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import outweigh as ow
from outweigh._deployment import Deployment
from outweigh._tallies import BUDGET, MOST_BY_SEED
from outweigh.report import page
from outweigh.report._figures import charts
from outweigh.report._panel import panel, saying
from outweigh.report._tables import GROUPS
from outweigh.report._words import brief, cut_off, few, number, percent, signed, whole
from tests.test_point import cases_of
from tests.test_record import recorded
from tests.trainers import world

OBJECTIVES = {
    "no costs": None,
    "costs": ow.Cost(fn=9, fp=2),
    "costs of all four": ow.Cost(fn=9, fp=2, tp=-3, tn=0.5),
    "a tuned threshold": ow.Cost(fn=9, fp=2, tuned=True),
    "a referral": ow.Cost(fn=9, fp=2, refer=0.5),
    "alerts": ow.Alerts(40),
    "F1": ow.FBeta(1),
    "a floor": ow.RecallAtPrecision(0.3),
    "a ranking": ow.AveragePrecision(),
}


def panel_of(results):
    return panel(results, GROUPS)


def chosen(results):
    [found] = [s for s in results["settings"] if s["name"] == results["chosen"]["setting"]]
    return found


@pytest.mark.parametrize("name", ["no costs", "costs", "costs of all four"])
@pytest.mark.parametrize("prevalence", [None, 0.03])
def test_at_costs_its_numbers_are_the_study_s(name, prevalence):
    how = {"objective": OBJECTIVES[name], "deployment": Deployment(prevalence=prevalence)}
    _, results = recorded(world(900), **how)
    here, found = panel_of(results).here, chosen(results)
    assert here.cost == pytest.approx(found["expected_cost"]["value"], rel=1e-12)
    assert here.share == pytest.approx(found["cost_share"]["value"], rel=1e-12)
    assert here.recall == pytest.approx(found["recall"]["value"], rel=1e-12)
    assert here.precision == pytest.approx(found["precision"]["value"], rel=1e-12)
    assert here.flagged == pytest.approx(found["flagged_share"]["value"], rel=1e-12)
    assert here.threshold == results["objective"]["threshold"]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_kind_of_study_has_a_panel_and_a_page(name):
    _, results = recorded(world(600), objective=OBJECTIVES[name])
    here = panel_of(results)
    by = {
        "alerts": "alerts",
        "a tuned threshold": "threshold",
        "F1": "threshold",
        "a floor": "threshold",
    }
    assert here.start.by == by.get(name, "costs")
    assert any("judges each fold" in note for note in here.notes) == (here.start.by == "threshold")
    if name == "alerts":
        assert 1000 * here.here.flagged <= 40 * (1 + 1e-9)
    assert f'<p id="saying">{here.saying}</p>' in page(results).replace("&#34;", '"')


def test_costs_of_each_row_are_told_to_be_others_than_those_of_the_controls():
    table = world(600)
    amount = np.random.default_rng(0).uniform(1, 50, len(table.y))
    _, results = recorded(replace(table, amount=amount), objective=ow.RowCost(fp=3))
    assert any("no cost of a miss" in note for note in panel_of(results).notes)


def test_where_no_cut_off_is_better_than_flagging_nobody_nobody_is_flagged():
    _, results = recorded(world(600), objective=ow.FBeta(1))
    results["chosen"]["threshold"] = None  # what a record makes of an infinite one
    here = panel_of(results)
    assert here.start.by == "threshold"
    assert here.here.flagged == 0
    assert "Flagged: 0" in here.saying


def test_a_reference_is_no_setting_to_use():
    _, results = recorded(world(600), references="logistic")
    data = json.loads(str(panel_of(results).data))
    assert [s["use"] for s in data["settings"] if s["name"] in ("none", "logistic")] == [
        "none",
        None,
    ]


def test_benefits_have_a_place_on_the_axes():
    _, results = recorded(world(900), objective=ow.Cost(fn=5, fp=1, tp=-30))
    [cost] = [c for c in charts(results) if c.key == "cost-by-weight"]
    assert cost.plane.y.low < min(s["expected_cost"]["value"] for s in results["settings"]) < 0


def test_there_is_none_for_more_classes_or_from_an_older_record():
    _, results = recorded(world(600, k=3))
    assert panel_of(results) is None
    _, results = recorded(world(600))
    del results["counts"]
    assert panel_of(results) is None
    assert 'id="controls"' not in page(results)


def test_the_picture_has_a_mark_for_each_of_1000_cases():
    _, results = recorded(world(600))
    here = panel_of(results)
    marks = {
        kind: len(re.findall("M", d))
        for kind, d in re.findall(r'<path class="(\w+)" d="([^"]*)"', str(here.picture))
    }
    assert sum(marks.values()) == 1000
    assert list(marks.values()) == cases_of(*here.rows.values())


def test_who_is_flagged_is_said_in_words_where_it_is_everybody_or_nobody():
    _, results = recorded(world(600), objective=ow.FBeta(1))
    for threshold, text, who in (
        (None, "flag nobody", "nobody"),
        (0.0, "flag everybody", "everybody"),
    ):
        results["chosen"]["threshold"] = threshold
        here = panel_of(results)
        assert here.shown.endswith(f"flagged from the threshold, {who}.")
        assert re.search(rf'<data id="n-threshold" value="[^"]*">{text}</data>', page(results))


def spread(rng, total, n_knots):
    """Counts that fall to nothing, as far from regular as any."""
    steps = rng.multinomial(total, rng.dirichlet(np.ones(n_knots - 1)))
    return [*np.cumsum(steps)[::-1].tolist(), 0]


def test_a_page_of_fifty_settings_on_600_000_rows_is_small():
    """The counts are as many and as irregular as such a study can have."""
    _, results = recorded(world(600), settings="path:50")
    rng, counts = np.random.default_rng(0), results["counts"]
    by_seed = [s for s in counts["settings"].values() if s["by_seed"]]
    n = BUDGET // (len(counts["settings"]) + 5 * len(by_seed))
    knots = np.unique(rng.random(n - 2).round(6))
    counts |= {"threshold": [0.0, *knots.tolist(), None], "positives": 6000, "negatives": 594_000}
    counted = lambda: {
        "tp": spread(rng, 6000, len(knots) + 2),
        "fp": spread(rng, 594_000, len(knots) + 2),
    }
    for setting in counts["settings"].values():
        setting |= counted()
        if setting["by_seed"]:
            seeds = [counted() for _ in range(5)]
            half = {k: [s[k][len(knots) // 2] for s in seeds] for k in ("tp", "fp")}
            setting["by_seed"] = {k: [s[k] for s in seeds] for k in ("tp", "fp")} | {
                "at_half": half
            }
    assert len(counts["settings"]) == 50
    assert len(by_seed) == MOST_BY_SEED
    assert 300_000 < len(page(results).encode()) < 2_000_000


def test_what_is_said_adds_up():
    _, results = recorded(world(600))
    here = panel_of(results)
    said = re.sub("[\u2068\u2069]", "", saying(here.here, "sick"))
    pattern = (
        r"Of 1,000 cases, (\d+) are “sick”. Flagged: (\d+), namely (\d+) of those and "
        r"(\d+) of the others. Missed: (\d+)."
    )
    positives, flagged, caught, alarmed, missed = map(int, re.fullmatch(pattern, said).groups())
    assert positives == caught + missed
    assert flagged == caught + alarmed


def test_where_positives_are_rare_parts_of_one_are_told():
    deployment = Deployment(prevalence=0.0005)
    _, results = recorded(world(900), objective=ow.Cost(fn=900, fp=1), deployment=deployment)
    assert saying(panel_of(results).here, "sick").startswith("Of 1,000 cases, 0.5 are")


@pytest.mark.parametrize(
    ("write", "x", "text"),
    [
        (whole, 60.5, "61"),  # halves go up
        (whole, 12_345_678, "12,345,678"),
        (few, 2.5 - 1e-15, "2.5"),
        (few, 10.5 - 1e-14, "11"),
        (few, 0.00004, "0"),
        (few, 1 / 3, "0.33"),
        (few, 12.5, "13"),
        (few, 1_234_567.0, "1,234,567"),
        (number, 0.0, "0"),
        (number, -0.0, "0"),
        (number, 1234567.0, "1,235,000"),
        (number, 68_125_000_000.0, "68,130,000,000"),  # halves go up
        (number, 1.5e-5, "0.000015"),
        (number, 1.2345, "1.235"),  # which a float is not
        (number, 1.0005, "1.001"),
        (number, float("inf"), "–"),
        (percent, 0.0705, "7.05 %"),
        (signed, 6.25, "+6.3 %"),
        (signed, -6.25, "-6.3 %"),
        (brief, 0.0, "0"),
        (brief, 119e9, "119B"),
        (brief, 999_999.9, "1M"),
        (brief, 1.25e16, "12,500T"),
        (brief, 2.5e-8, "0.000000025"),
        (cut_off, 0.0, "flag everybody"),
        (percent, 1.0, "100 %"),
        (percent, 0.00012345, "0.0123 %"),
        (signed, -3.04, "-3 %"),
        (signed, 12.345, "+12.3 %"),
        (signed, None, "–"),
    ],
)
def test_numbers_are_written_short_and_without_exponents(write, x, text):
    assert write(x) == text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a referral", "hands cases to a person"),
        ("costs of each row", "for each case what a miss of it costs"),
        ("a ranking", "ranks cases and decides nothing"),
        ("costs", None),
        ("F1", None),
        ("alerts", None),
    ],
)
def test_controls_that_do_not_stand_where_the_study_decides_say_so_first(name, says):
    table = replace(world(600), amount=np.linspace(1, 20, 600))
    _, results = recorded(
        table, objective=(OBJECTIVES | {"costs of each row": ow.RowCost(fp=5)})[name]
    )
    found, html = panel_of(results), page(results)
    assert ("At costs of your choice" in html) == (says is not None)
    assert found.has_model == (says is None)
    if says is None:
        assert found.apart is None
    else:
        assert says in found.apart
        assert html.index(says) < html.index('id="saying"')


def test_a_budget_begins_with_the_study_s_own_decisions():
    _, results = recorded(world(900), objective=ow.Alerts(40))
    found, used = panel_of(results), chosen(results)
    assert found.here.flagged == pytest.approx(used["flagged_share"]["value"])
    assert found.here.recall == pytest.approx(used["recall"]["value"])
    assert found.here.precision == pytest.approx(used["precision"]["value"])
    assert not any("looks a little better" in note for note in found.notes)
