"""Segments in the record: groups that add up to the whole, with intervals that can be checked."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from outweigh import Alerts, AveragePrecision, Cost, CostMatrix
from outweigh._deployment import Deployment
from outweigh._segment import segment
from outweigh._segments import segments_record
from tests.test_record import ABOUT, recorded
from tests.trainers import studied, world

NUMBERS = {
    *("expected_cost", "score", "flagged_share", "recall", "precision", "average_precision"),
}
SHARES = ("flagged_share", "recall", "precision")


def with_segments(table, **columns):
    made = tuple(segment(name, pa.array(values)) for name, values in columns.items())
    return replace(table, segments=made)


def sites(table, n_sites=3, seed=5):
    rng = np.random.default_rng(seed)
    return rng.choice(list("abcdefgh")[:n_sites], len(table.y)).tolist()


def segmented(table=None, *, k=2, columns=None, **options):
    table = world(k=k) if table is None else table
    columns = {"site": sites(table)} if columns is None else columns
    evidence, *_ = studied(with_segments(table, **columns), **options)
    found = segments_record(
        evidence.decisions,
        evidence.table,
        used=evidence.final.settings[0].name,
        rest=evidence.split.rest,
    )
    return evidence, found


@pytest.mark.parametrize("k", [2, 3])
def test_the_contract_s_keys_are_there(k):
    table = world(k=k)
    _, results = recorded(with_segments(table, site=sites(table), a=table.columns.numbers[:, 0]))
    assert [s["column"] for s in results["segments"]] == ["site", "a"]
    assert [s["kind"] for s in results["segments"]] == ["categories", "ranges"]
    for found in results["segments"]:
        assert set(found) == {"column", "kind", "basis", "groups"}
        assert found["basis"] == "cross-fitted"
        for group in found["groups"]:
            assert set(group) == {"name", "of", "rows", "positives", "chosen", "twin"}
            assert isinstance(group["positives"], int if k == 2 else type(None))
            for numbers in (group["chosen"], group["twin"]):
                assert set(numbers) == NUMBERS
                for name, one in numbers.items():
                    assert set(one) == {"value", "interval", "basis"}
                    assert one["basis"] == "cross-fitted"
                    known = k == 2 and name in SHARES and one["value"] is not None
                    assert (one["interval"] is not None) == known
    assert json.loads(json.dumps(results["segments"], allow_nan=False)) == results["segments"]


def test_without_segments_the_list_is_empty():
    assert recorded(world(300))[1]["segments"] == []


@pytest.mark.parametrize(
    "options", [{}, {"test_size": 0.3}, {"repeats": 2}, {"objective": Cost(fn=9, fp=1, refer=0.3)}]
)
def test_groups_add_up_to_the_whole(options):
    evidence, [found] = segmented(use="balanced", **options)
    d, rest = evidence.decisions, evidence.split.rest
    groups = found["groups"]
    assert sum(g["rows"] for g in groups) == len(rest)
    assert sum(g["positives"] for g in groups) == (evidence.table.y[rest] == 1).sum()
    rows = np.array([g["rows"] for g in groups])
    for role, name in (("chosen", "balanced"), ("twin", "none")):
        s = d.predictions.settings.index(name)
        of_groups = lambda key, role=role: [g[role][key]["value"] for g in groups]
        loss = d.objective.row_loss(d.cases.y, d.decided[s], None)
        assert rows @ of_groups("expected_cost") / len(rest) == pytest.approx(1000 * loss.mean())
        flagged = (d.decided[s] == 1).mean()
        assert rows @ of_groups("flagged_share") / len(rest) == pytest.approx(flagged)
        positives = np.array([g["positives"] for g in groups])
        caught = positives @ of_groups("recall") / positives.sum()
        assert caught == pytest.approx((d.decided[s] == 1)[d.cases.y == 1].mean())


@pytest.mark.parametrize(
    ("k", "objective"),
    [*((2, name) for name in (None, "costs", "counts", "ranking")), (3, None), (3, "costs")],
)
def test_one_group_is_the_whole(k, objective):
    costs = Cost(fn=9, fp=1) if k == 2 else CostMatrix(1.0 - np.eye(3), range(3))
    named = {"costs": costs, "counts": Alerts(per_1000=50), "ranking": AveragePrecision()}
    wanted = named.get(objective)
    table = with_segments(world(k=k), all=["everybody"] * 1203)
    _, results = recorded(table, objective=wanted)
    [group] = results["segments"][0]["groups"]
    whole = {s["name"]: s for s in results["settings"]}
    for role, name in (("chosen", results["chosen"]["setting"]), ("twin", "none")):
        for number in NUMBERS:
            assert group[role][number]["value"] == pytest.approx(whole[name][number]["value"])
    assert group["rows"] == results["data"]["rows"]


def test_a_group_is_what_its_rows_alone_would_be():
    table = world()
    site = sites(table)
    evidence, [found] = segmented(table, columns={"site": site})
    d = evidence.decisions
    for group in found["groups"]:
        there = np.array(site)[d.predictions.row] == group["name"]
        y, flagged = d.cases.y[there], d.decided[0][there] == 1
        assert group["rows"] == there.sum()
        assert group["twin"]["recall"]["value"] == pytest.approx(flagged[y == 1].mean())
        assert group["twin"]["precision"]["value"] == pytest.approx((y == 1)[flagged].mean())


def test_a_group_says_what_its_rows_have_in_common():
    site = [("missing", "x", None)[i % 3] for i in range(1203)]
    _, [found] = segmented(columns={"site": site})
    of = {group["name"]: group["of"] for group in found["groups"]}
    assert of == {"missing": "value", "x": "value", "(missing)": "missing"}


def test_intervals_are_wilson_s():
    _, [found] = segmented()
    for group in found["groups"]:
        twin = group["twin"]
        caught = round(twin["recall"]["value"] * group["positives"])
        flagged = round(twin["flagged_share"]["value"] * group["rows"])
        for name, successes, n in (
            ("recall", caught, group["positives"]),
            ("flagged_share", flagged, group["rows"]),
            ("precision", caught, flagged),
        ):
            expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
            assert twin[name]["interval"] == pytest.approx(list(expected))


def test_copies_of_rows_make_no_interval_narrower():
    once, many = (segmented(repeats=repeats)[1][0]["groups"] for repeats in (1, 3))
    widths = [[g["twin"]["flagged_share"]["interval"] for g in groups] for groups in (once, many)]
    narrow, wide = (np.diff(width, axis=1).ravel() for width in widths)
    assert wide == pytest.approx(narrow, rel=0.1)  # the share itself moves a little
    assert [g["rows"] for g in once] == [g["rows"] for g in many]


def wilson_width(share, n):
    """Of Wilson's interval, for any number of draws."""
    z = stats.norm.ppf(0.975)
    return 2 * z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))


def test_groups_of_rows_are_one_draw_each():
    table = world(600)
    group = np.arange(600) // 20
    _, [alone] = segmented(table, columns={"all": ["x"] * 600})
    _, [together] = segmented(replace(table, group=group), columns={"all": ["x"] * 600})
    low, high = together["groups"][0]["twin"]["flagged_share"]["interval"]
    share = together["groups"][0]["twin"]["flagged_share"]["value"]
    assert high - low == pytest.approx(wilson_width(share, 30))
    assert high - low > np.diff(alone["groups"][0]["twin"]["flagged_share"]["interval"])[0]


def test_weights_count_as_the_draws_that_they_are_worth():
    table = world(600)
    site = {"site": sites(table)}
    alike = replace(table, row_weight=np.full(600, 7.0))
    plain, same = (segmented(t, columns=site)[1][0]["groups"] for t in (table, alike))
    for one, other in zip(plain, same, strict=True):
        for share in SHARES:
            assert other["twin"][share]["value"] == pytest.approx(one["twin"][share]["value"])
            assert other["twin"][share]["interval"] == pytest.approx(one["twin"][share]["interval"])
    weight = np.where(np.arange(600) % 2, 1.0, 4.0)
    _, [found] = segmented(replace(table, row_weight=weight), columns={"all": ["x"] * 600})
    low, high = found["groups"][0]["twin"]["flagged_share"]["interval"]
    share = found["groups"][0]["twin"]["flagged_share"]["value"]
    n = weight.sum() ** 2 / np.square(weight).sum()
    assert high - low == pytest.approx(wilson_width(share, n))


def test_a_prevalence_elsewhere_changes_shares_as_it_does_overall():
    table = with_segments(world(), all=["x"] * 1203)
    _, results = recorded(table, deployment=Deployment(prevalence=0.02))
    [group] = results["segments"][0]["groups"]
    [twin] = [s for s in results["settings"] if s["name"] == "none"]
    for number in NUMBERS:
        assert group["twin"][number]["value"] == pytest.approx(twin[number]["value"])
    assert group["positives"] == (table.y == 1).sum()  # rows, as they are in the table


def test_a_group_without_positives_has_no_recall():
    table = world()
    site = np.where(table.y == 1, "sick ward", np.array(sites(table, 2)))
    _, [found] = segmented(table, columns={"site": site.tolist()})
    ward = {g["name"]: g for g in found["groups"]}
    assert ward["a"]["positives"] == 0
    assert ward["a"]["twin"]["recall"] == {
        "value": None,
        "interval": None,
        "basis": "cross-fitted",
    }
    assert ward["a"]["twin"]["average_precision"]["value"] is None
    assert ward["a"]["twin"]["expected_cost"]["value"] >= 0
    assert ward["sick ward"]["twin"]["precision"]["value"] == 1


def test_a_group_whose_rows_weigh_nothing_has_no_numbers():
    table = world(600)
    site = np.array(sites(table, 2))
    weight = (site == "a").astype(float)
    _, [found] = segmented(
        replace(table, row_weight=weight), columns={"site": site.tolist()}, settings="balanced"
    )
    [nothing] = [g for g in found["groups"] if g["name"] == "b"]
    assert {n["value"] for n in nothing["twin"].values()} == {None}
    assert nothing["rows"] == (site == "b").sum()


def test_three_classes_have_groups_even_where_all_are_referred():
    nearly_free = CostMatrix(1.0 - np.eye(3), range(3), refer=1e-9)
    table = world(600, k=3)
    evidence, _ = segmented(table, objective=nearly_free)
    referred = (evidence.decisions.decided == 3).all(axis=0)
    ward = np.where(referred[np.argsort(evidence.predictions.row)], "doubtful", "clear")
    _, [found] = segmented(table, columns={"ward": ward.tolist()}, objective=nearly_free)
    twin = {group["name"]: group["twin"] for group in found["groups"]}["doubtful"]
    assert twin["expected_cost"]["value"] == pytest.approx(1e-6)
    assert (twin["recall"]["value"], twin["precision"]["value"]) == (0, None)
    assert {group["positives"] for group in found["groups"]} == {None}


def test_in_time_a_group_that_only_trained_is_left_out():
    table = replace(world(1203), time=np.arange(1203))
    evidence, [found] = segmented(table, columns={"place": np.arange(1203).tolist()})
    assert [g["name"] for g in found["groups"]] == ["301 to 601", "602 to 902", "above 902"]
    judged = np.unique(evidence.predictions.row)
    assert sum(g["rows"] for g in found["groups"]) == len(judged) < 1203


def test_test_rows_have_no_say_in_the_groups():
    table = world()
    test = np.arange(1000, 1203)
    value = np.where(np.arange(1203) < 1000, np.arange(1203) % 100, 10**6)
    _, [found] = segmented(table, columns={"v": value.tolist()}, test=test)
    assert found["groups"][-1]["name"] == "above 74"
    assert sum(g["rows"] for g in found["groups"]) == 1000


def test_groups_are_settled_before_any_result_is_seen():
    table = world()
    value = np.random.default_rng(0).normal(size=1203).tolist()
    flipped = replace(table, y=np.roll(table.y, 17))
    names = [
        [g["name"] for g in segmented(t, columns={"v": value})[1][0]["groups"]]
        for t in (table, flipped)
    ]
    assert names[0] == names[1]


def test_a_segment_changes_no_other_number():
    table = world(600)
    plain = recorded(table)[1]
    found = recorded(with_segments(table, site=sites(table)))[1]
    for key in plain.keys() - {"segments", "timing"}:
        if key != "data":
            assert found[key] == plain[key], key
    assert ABOUT.items() <= found["design"].items()
