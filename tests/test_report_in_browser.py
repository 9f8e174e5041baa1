"""The page in a browser: quiet, reachable, readable, and its numbers are those of the decisions."""

import math
import re
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

import outweigh as ow
from outweigh import _demo
from outweigh._deployment import Deployment, deployed
from outweigh._segment import Segment
from outweigh.report import _words as words
from outweigh.report import page
from outweigh.report._panel import saying, told
from outweigh.report._point import Costs, Tables, point, prevalence
from tests.browser import chromium, opened, said, violations  # noqa: F401  (one is a fixture)
from tests.test_record import recorded
from tests.trainers import world

WIDTHS = (390, 768, 1280)
SHORT, LONG = 60, 1000  # positions of the controls
REMEDIES = {"settings": "path:4,smote,focal:2", "references": "logistic"}


def every_option():
    table = world(1003)
    rng = np.random.default_rng(1)
    places = pa.array(rng.choice(["north", "south", "east"], len(table.y)))
    table = replace(
        table,
        row_weight=rng.uniform(0.2, 3, len(table.y)),
        segments=(Segment("place", places), Segment("a", pa.array(rng.normal(size=1003)))),
        notes=("something to note",),
    )
    how = {"test_size": 0.2, "repeats": 2, "deployment": Deployment(prevalence=0.05)}
    return table, REMEDIES | how | {"objective": ow.Cost(fn=7, fp=1)}


STUDIES = {
    "two classes": lambda: (world(1203), REMEDIES),
    "every option": every_option,
    "three classes": lambda: (world(600, k=3), {"settings": "path:3,smote", "test_size": 0.2}),
    "a ranking": lambda: (world(600), {"objective": ow.AveragePrecision()}),
    "alerts": lambda: (world(600), {"objective": ow.Alerts(50)}),
    "referral": lambda: (world(600), {"objective": ow.Cost(fn=9, fp=1, refer=0.2)}),
}


@cache
def study(name):
    """Decisions and record of a study, or of the demo."""
    if name == "demo":
        return short_demo()
    table, how = STUDIES[name]()
    evidence, results = recorded(table, **how)
    return evidence.decisions, results


def short_demo():
    """The demo with 12 ratios, 2 seeds and 2 epochs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("SEEDS", (0, 1)), ("RATIOS", 12), ("QUICK_EPOCHS", 2)):
            patch.setattr(_demo, name, value)
        demo = _demo.run_demo(quick=True, tell=lambda stage, progress: None)
    return demo.decisions, demo.results


@cache
def html(name):
    return page(study(name)[1])


# quiet and whole


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_says_asks_and_pops_up_nothing(browser, name):
    with opened(browser, html(name)) as window:
        assert window.locator("h1").count() == 1


LEFT = """
() => [...document.querySelectorAll("input, select, button, textarea, body .scripted")]
  .filter((e) => e.checkVisibility()).map((e) => e.outerHTML.slice(0, 200))
"""
UNSEEN = """
() => [...document.querySelectorAll("main h2, main h3, main table, main figure svg")]
  .filter((e) => !e.closest("details:not([open]), .scripted, [hidden]") && !e.checkVisibility())
  .map((e) => e.outerHTML.slice(0, 200))
"""
EMPTY = """
() => [...document.querySelectorAll("main section")]
  .filter((e) => !e.textContent.trim()).map((e) => e.outerHTML.slice(0, 200))
"""


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_is_whole_without_its_scripts(browser, name):
    with opened(browser, html(name), javascript=False) as window:
        assert window.evaluate(LEFT) == []
        assert window.evaluate(UNSEEN) == []
        assert window.evaluate(EMPTY) == []


TEXTS = (
    "[id^=n-], #saying, #shown, #implied, [data-cases], [data-twin], [data-name], #picture path, "
    "#panel-title ~ .note, .outcome dt"
)


def fractions_of_weight():
    """Rows of weight 1/2: half of all sums are halves."""
    table = world(601)
    return replace(table, row_weight=np.full(len(table.y), 0.5)), {"objective": ow.Cost(fn=7, fp=1)}


@cache
def four_positives():
    """Of 4 positives and 80 others 3 and 15 are flagged: 178.57 of 1,000 cases, and 0.5 missed."""
    row = np.arange(84)
    flagged = (row < 3) | ((row >= 4) & (row < 19))
    of_each = {"row": row, "fold": row % 2, "y": (row < 4).astype(int)}
    of_each["probability"] = np.where(flagged, 0.5, 0.001)
    columns = {name: np.tile(column, 2) for name, column in of_each.items()}
    frame = pa.table(columns | {"setting": np.repeat(["none", "b"], 84)})
    return ow.weigh_predictions(frame, objective=ow.Cost(fn=30, fp=1)).results


def cut_at(threshold):
    """A study that chose this threshold, as a record has it."""
    _, results = recorded(world(600), objective=ow.FBeta(1))
    results["chosen"]["threshold"] = threshold
    return results


BEGINNINGS = {
    **{name: lambda name=name: study(name)[1] for name in STUDIES if name != "three classes"},
    "costs of many digits": lambda: recorded(world(600), objective=ow.Cost(fn=1.2345, fp=1.0005))[
        1
    ],
    "costs of billions": lambda: recorded(world(600), objective=ow.Cost(fn=1e11, fp=1.5e9))[1],
    "benefits": lambda: recorded(world(600), objective=ow.Cost(fn=5, fp=1, tp=-30))[1],
    "halves of rows": lambda: recorded(fractions_of_weight()[0], **fractions_of_weight()[1])[1],
    "four positives": four_positives,
    "nobody is flagged": lambda: cut_at(None),
    "everybody is flagged": lambda: cut_at(0.0),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_the_script_begins_with_the_texts_that_stand_there_without_it(browser, name):
    written = page(BEGINNINGS[name]())
    with opened(browser, written, javascript=False) as window:
        still = said(window, TEXTS)
    with opened(browser, written) as window:
        window.wait_for_selector("#controls:not([hidden])")
        live = said(window, TEXTS)
    assert len(still) > 40
    assert live == still


TICKS = """
() => Object.fromEntries([...document.querySelectorAll("figure[data-figure] > svg")].map((e) =>
  [e.parentNode.dataset.figure, [...e.querySelectorAll(".tick")].map((tick) => tick.textContent)]))
"""


def test_axes_are_written_short_with_the_script_and_without(browser):
    written = page(recorded(world(600), objective=ow.Cost(fn=1e11, fp=1e9))[1])
    with opened(browser, written, javascript=False) as window:
        still = window.evaluate(TICKS)
    with opened(browser, written) as window:
        window.wait_for_selector("#controls:not([hidden])")
        live = window.evaluate(TICKS)
    for ticks in (still, live):
        assert [tick for of in ticks.values() for tick in of if re.search(r"\de[+-]", tick)] == []
        assert any(re.fullmatch(r"[\d.]+[BT]", tick) for tick in ticks["cost-by-threshold"])


# as the script has it


WRITTEN = """
(numbers) => numbers.map((x) => [
  words.whole(x), words.few(x), words.number(x), words.number(x, 3), words.percent(x),
  words.signed(x), words.brief(x), words.cutOff(x),
])
"""


def some_numbers():
    """Numbers of all sizes, halves of every digit, and what floats make of them."""
    rng = np.random.default_rng(0)
    halves = (rng.integers(1, 10**5, 800) + 0.5) / 10.0 ** rng.integers(-2, 9, 800)
    nearly = np.nextafter(halves, rng.choice([-np.inf, np.inf], 800))
    wild = 10 ** rng.uniform(-12, 17, 800)
    whole = np.floor(10 ** rng.uniform(0, 15, 400))
    edges = [0.0, -0.0, 1.2345, 1.0005, 9.95, 9.949999, 1e-4, 0.00009999, 999.5, 999_999.5, 1e15]
    positive = np.concatenate([edges, halves, nearly, wild, whole])
    return np.concatenate([positive, -positive]).tolist()


def test_python_writes_numbers_as_the_script_does(browser):
    numbers = some_numbers()
    with opened(browser, html("two classes")) as window:
        live = window.evaluate(WRITTEN, numbers)
    own = [
        [
            *(words.whole(x), words.few(x), words.number(x), words.number(x, 3), words.percent(x)),
            *(words.signed(x), words.brief(x), words.cut_off(x)),
        ]
        for x in numbers
    ]
    assert [pair for pair in zip(numbers, own, live, strict=True) if pair[1] != pair[2]][:5] == []


POINTS = """
([study, table]) => {
  const at = pointsOf(study, { ...study.start, miss: 30, alarm: 1 });
  const { told, saying } = sayingsOf(study, {}, at);
  return table.tp.map((_, g) => {
    const { cases } = at.point(table, g);
    return [cases, told(cases).texts, saying(told(cases))];
  });
}
"""


@pytest.mark.parametrize(("positives", "negatives"), [(4, 80), (8, 104), (20, 60), (12, 1188)])
def test_python_rounds_cases_as_the_script_does(browser, positives, negatives):
    every = [*product(range(positives + 1), range(0, negatives + 1, max(1, negatives // 30)))]
    tp, fp = (list(column) for column in zip(*every, strict=True))
    knots = np.linspace(0, 1, len(every)).tolist()
    counts = {"threshold": knots, "positives": positives, "negatives": negatives, "factor": [1, 1]}
    tables = Tables(counts | {"settings": {"none": {"tp": tp, "fp": fp}}}, prevalence(counts))
    costs = Costs(tn=0, fp=1, fn=30, tp=0)
    found = [point(tables, "none", g, costs) for g in range(len(every))]
    start = {"prevalence": tables.prevalence}
    told_of = counts | {"right": [0, 0], "start": start, "positive": "sick"}
    with opened(browser, html("two classes")) as window:
        live = window.evaluate(POINTS, [told_of, {"tp": tp, "fp": fp}])
    own = [[[*p.per_1000], [*told(p.per_1000)[1]], saying(p, "sick")] for p in found]
    assert [pair for pair in zip(own, live, strict=True) if pair[0] != pair[1]][:5] == []


COMMANDS = """
([prevalence, knots]) => {
  const set = (id, value) => {
    const element = document.getElementById(id);
    element.value = value;
    element.dispatchEvent(new Event("input", {bubbles: true}));
  };
  if (prevalence) set("prevalence", prevalence);
  return knots.map((g) => {
    set("threshold-range", g);
    return document.getElementById("command").textContent;
  });
}
"""


@pytest.mark.parametrize("prevalence", ["", "2.3456712", "31.7"])
def test_the_command_flags_those_who_lie_on_the_threshold(browser, prevalence):
    """Probabilities of six digits are knots themselves, and rows lie on them."""
    results = study("two classes")[1] | {"data": study("two classes")[1]["data"] | {"sha256": "0"}}
    knots, b = results["counts"]["threshold"], results["data"]["prevalence"]
    numbers = range(1, len(knots) - 1)
    with opened(browser, page(results)) as window:
        window.wait_for_selector("#controls:not([hidden])")
        commands = window.evaluate(COMMANDS, [prevalence, [*numbers]])
    for g, command in zip(numbers, commands, strict=True):
        given = dict(re.findall(r"--(\S+) (\S+)", command))
        there = Deployment(prevalence=float(given["prevalence"]) if prevalence else None)
        rule = ow.Cost(fn=float(given["cost-fn"]), fp=float(given["cost-fp"])).implied
        p = np.array([knots[g - 1], knots[g]])
        moved = deployed(np.stack([1 - p, p], axis=1), there.factor(np.array([1 - b, b])))
        assert rule.decide(moved).tolist() == [0, 1], (g, command)


@pytest.mark.parametrize("t", [1.0, 0.999999, 0.5, 0.2, 0.0370123, 1e-6, 1e-12])
def test_costs_for_a_threshold_imply_it_or_a_little_less(browser, t):
    many = [t, *(t * np.random.default_rng(0).uniform(0.5, 1, 500)).tolist()]
    with opened(browser, html("two classes")) as window:
        misses = window.evaluate(
            "(many) => many.map((t) => sayingsOf({}, {}, {}).missFor(t))", many
        )
    implied = [ow.Cost(fn=miss, fp=1).implied.threshold for miss in misses]
    assert all(t * (1 - 2e-11) <= of <= t for t, of in zip(many, implied, strict=True))
    assert t != 0.2 or misses[0] == 4


def test_costs_stay_in_the_command_as_they_were_typed(browser):
    results = study("two classes")[1] | {"data": study("two classes")[1]["data"] | {"sha256": "0"}}
    with opened(browser, page(results)) as window:
        window.wait_for_selector("#controls:not([hidden])")
        window.evaluate(MOVE, [[["miss", "12.3456789"], ["alarm", "1.00000123"], ["by", "costs"]]])
        assert "--cost-fn 12.3456789 --cost-fp 1.00000123" in window.inner_text("#command")


VALUES = """
() => Object.fromEntries([...document.querySelectorAll("data[id^=n-]")].map((e) => [e.id, e.value]))
"""


@pytest.mark.parametrize("name", ["two classes", "every option", "a ranking", "alerts"])
def test_the_script_begins_with_the_numbers_that_stand_there_without_it(browser, name):
    with opened(browser, html(name), javascript=False) as window:
        still = window.evaluate(VALUES)
    with opened(browser, html(name)) as window:
        window.wait_for_selector("#controls:not([hidden])")
        live = window.evaluate(VALUES)
    assert live.keys() == still.keys()
    for key, value in live.items():
        assert number(value) == pytest.approx(number(still[key]), rel=1e-15, nan_ok=True)


# the numbers

MOVE = """
(positions) => {
  const form = document.getElementById("controls");
  const tell = (element) => {
    for (const kind of ["input", "change"])
      element.dispatchEvent(new Event(kind, {bubbles: true}));
  };
  const read = (query) => Object.fromEntries(
    [...document.querySelectorAll(query)].map((e) => [e.id, e.value]));
  return positions.map((steps) => {
    for (const [id, value] of steps) {
      if (id === "by") {
        const radio = form.querySelector(`input[name=by][value=${value}]`);
        radio.checked = true;
        tell(radio);
      } else {
        const element = document.getElementById(id);
        if (id === "setting")
          element.selectedIndex = [...element.options].findIndex((o) => o.text === value);
        else element.value = value;
        tell(element);
      }
    }
    return {...read("#controls input[type=number]"), ...read("data[id^=n-]")};
  });
}
"""
RANGES = """
() => Object.fromEntries([...document.querySelectorAll("#controls input[type=range]")].map(
  (e) => [e.id, [Number(e.min), Number(e.max)]]))
"""


def number(text):
    return float(text) if text != "" else math.nan


def drawn(rng, results, ranges, n):
    """Draw positions of the controls, each by its slider or typed; the last says which rules."""
    names = [s["name"] for s in results["settings"]]
    typed = {
        "miss": lambda: 10 ** rng.uniform(-1, 3),
        "alarm": lambda: 10 ** rng.uniform(-1, 3),
        "prevalence": lambda: 100 * 10 ** rng.uniform(-3, -0.05),
        "alerts": lambda: 10 ** rng.uniform(-1, 2.9),
        "threshold": lambda: 10 ** rng.uniform(-4, -0.01),
    }

    def step(name):
        slid = rng.random() < 0.5
        low, high = ranges[f"{name}-range"]
        return (
            [f"{name}-range", str(rng.integers(low, high + 1))]
            if slid
            else [name, f"{typed[name]():.6g}"]
        )

    for _ in range(n):
        steps = [["setting", str(rng.choice(names))]]
        steps += [step(name) for name in rng.permutation(["miss", "alarm", "prevalence"])]
        by = str(rng.choice(["costs", "alerts", "threshold"]))
        yield by, [*steps, ["by", "costs"] if by == "costs" else step(by)]


class Counted:
    """A study counted anew from its rows: nothing here is read from the record's tables."""

    def __init__(self, decisions, results):
        p = decisions.predictions
        self.decisions, self.results = decisions, results
        self.y = p.y == 1
        self.weight = np.ones(len(p.y)) if p.row_weight is None else p.row_weight
        self.settings = list(p.settings)
        self.positives = self.weight[self.y].sum()
        self.negatives = self.weight[~self.y].sum()
        knots = results["counts"]["threshold"]
        self.knots = np.array([math.inf if t is None else t for t in knots])
        odds = self.positives * decisions.factor[1] / (self.negatives * decisions.factor[0])
        self.prevalence = odds / (1 + odds)
        matrix = results["objective"]["matrix"]
        (self.tn, _), (_, self.tp) = [row[:2] for row in matrix] if matrix else ((0, 0), (0, 0))

    def cells(self, setting, threshold):
        """Count true and false positives of a setting from a threshold on."""
        said = self.decisions.probability[self.settings.index(setting), :, 1]
        flagged = said >= threshold
        return self.weight[flagged & self.y].sum(), self.weight[flagged & ~self.y].sum()

    def shares(self, tp, fp, b):
        recall, alarm = tp / self.positives, fp / self.negatives
        return recall, alarm, b * recall + (1 - b) * alarm

    def cost(self, tp, fp, b, miss, alarm_cost):
        recall, alarm, _ = self.shares(tp, fp, b)
        positive = recall * self.tp + (1 - recall) * miss
        return 1000 * (b * positive + (1 - b) * (alarm * alarm_cost + (1 - alarm) * self.tn))

    def scaled(self, threshold, b):
        """Take a threshold in a world to the scale of the table."""
        k = (b / (1 - b)) / (self.prevalence / (1 - self.prevalence))
        return threshold / (threshold + k * (1 - threshold)) if threshold < 1 else threshold


def values_of(counted, shown, steps):
    """What the controls stand for: as typed, or as a slider shows; the study's at its own place."""
    said, costs = dict(steps), counted.results["objective"]
    values = {name: number(shown[name]) for name in ("miss", "alarm", "alerts", "threshold")}
    values["prevalence"] = number(shown["prevalence"]) / 100
    if said.get("prevalence-range") == "300":
        values["prevalence"] = counted.prevalence
    for name, key in (("miss", "cost_fn"), ("alarm", "cost_fp")):
        if said.get(f"{name}-range") == "300":
            values[name] = costs[key]
    scale = {"miss": 1, "alarm": 1, "alerts": 1, "prevalence": 100}
    return values | {name: float(v) / scale[name] for name, v in steps if name in scale}


def check_position(counted, by, steps, shown):
    """Compare what a page shows with what the rows say."""
    setting, values = dict(steps)["setting"], values_of(counted, shown, steps)
    b, miss, alarm = values["prevalence"], values["miss"], values["alarm"]
    g = int(shown["n-knot"])
    threshold = math.inf if shown["n-threshold"] == "" else float(shown["n-threshold"])
    assert threshold == counted.knots[g]
    tp, fp = check_cells(counted, counted.cells(setting, threshold), shown)
    recall, _, flagged = counted.shares(tp, fp, b)
    precision = b * recall / flagged if flagged else math.nan
    own = counted.cost(tp, fp, b, miss, alarm)
    edges = [counted.cost(*ends, b, miss, alarm) for ends in ((0, 0), counted_all(counted))]
    share = own / min(edges) if min(edges) > 0 else math.nan
    want = {"flagged": flagged, "recall": recall, "precision": precision, "cost": own}
    slack = cents(counted, miss, alarm)
    about = {"cost": slack, "share": slack / min(edges) if min(edges) > 0 else 0.0}
    for name, value in (want | {"share": share}).items():
        near = pytest.approx(value, nan_ok=True, rel=rel(counted), abs=about.get(name, 1e-12))
        assert number(shown[f"n-{name}"]) == near, name
    check_knot(counted, by, steps, values, setting, g)
    check_twin(counted, by, values, threshold, shown)


def cents(counted, miss, alarm):
    """Give what the last digits of sums of row weights come to where a mistake is dear."""
    return 1e-12 if (counted.weight == 1).all() else 1e-8 * (miss + alarm)


def counted_all(counted):
    return counted.positives, counted.negatives


def check_knot(counted, by, steps, values, setting, g):
    """See that the threshold is the first one that the rule allows."""
    b, before = values["prevalence"], counted.knots[g - 1] if g else -math.inf
    if by == "alerts":
        check_budget(counted, values, setting, g)
        return
    if by == "costs":
        alarm, miss = values["alarm"] - counted.tn, values["miss"] - counted.tp
        t = counted.scaled(alarm / (alarm + miss), b)
    elif "threshold" in dict(steps):
        t = counted.scaled(float(dict(steps)["threshold"]), b)
    else:
        assert g == int(dict(steps)["threshold-range"])
        return
    assert counted.knots[g] >= t * (1 - 1e-12)
    assert before < t * (1 + 1e-12)


def check_budget(counted, values, setting, g):
    alerts = lambda k: (
        1000 * counted.shares(*counted.cells(setting, counted.knots[k]), values["prevalence"])[2]
    )
    assert alerts(g) <= values["alerts"] * (1 + 2e-9)
    assert g == 0 or alerts(g - 1) > values["alerts"]


def check_twin(counted, by, values, threshold, shown):
    """The twin is decided at the same threshold, or within the same budget."""
    b = values["prevalence"]
    if by == "alerts":
        said = (counted.shares(*counted.cells("none", t), b)[2] for t in counted.knots)
        fits = (1000 * share <= values["alerts"] * (1 + 1e-9) for share in said)
        threshold = next(t for t, fit in zip(counted.knots, fits, strict=True) if fit)
    cost = counted.cost(*counted.cells("none", threshold), b, values["miss"], values["alarm"])
    slack = cents(counted, values["miss"], values["alarm"])
    assert number(shown["n-cost-twin"]) == pytest.approx(cost, rel=rel(counted), abs=slack)
    twin, own = number(shown["n-cost-twin"]), number(shown["n-cost"])
    saving = 100 * (twin - own) / twin if twin > 0 else math.nan
    assert number(shown["n-saving"]) == pytest.approx(saving, nan_ok=True, abs=1e-6)


def rel(counted):
    """Tolerate the rounding of sums of row weights."""
    return 1e-9 if (counted.weight == 1).all() else 1e-6


def check_cells(counted, cells, shown):
    """Compare counts; give them as they are shown, where sums of row weights come in fine parts."""
    tp, fp = cells
    found = {name: number(shown[f"n-{name}"]) for name in ("tp", "fp", "fn", "tn")}
    want = {"tp": tp, "fp": fp, "fn": counted.positives - tp, "tn": counted.negatives - fp}
    if (counted.weight == 1).all():
        assert found == want
    parts = {"tp": counted.positives, "fp": counted.negatives}  # a count is a part of its class
    parts |= {"fn": counted.positives, "tn": counted.negatives}
    assert {n: found[n] / parts[n] for n in found} == pytest.approx(
        {n: want[n] / parts[n] for n in want}, rel=0, abs=1e-10
    )
    return found["tp"], found["fp"]


def check_positions(browser, name, n, seed):
    counted = Counted(*study(name))
    with opened(browser, html(name)) as window:
        window.wait_for_selector("#controls:not([hidden])")
        rng = np.random.default_rng(seed)
        positions = list(drawn(rng, counted.results, window.evaluate(RANGES), n))
        shown = window.evaluate(MOVE, [steps for _, steps in positions])
    for (by, steps), one in zip(positions, shown, strict=True):
        check_position(counted, by, steps, one)


@pytest.mark.parametrize("name", ["two classes", "every option"])
def test_the_controls_say_what_the_rows_say(browser, name):
    check_positions(browser, name, SHORT, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo", "two classes", "every option"])
def test_the_controls_say_what_the_rows_say_at_a_thousand_positions(browser, name):
    check_positions(browser, name, LONG, seed=1)


def test_the_twin_has_columns_of_its_own_only_beside_another_setting(browser):
    with opened(browser, html("alerts")) as w:
        names = w.locator("#setting option").all_text_contents()
        for name in names:
            w.select_option("#setting", label=name)
            seen = w.evaluate(
                "() => [...document.querySelectorAll('.of-twin')].map((cell) => cell.hidden)"
            )
            assert seen == [name == "none"] * 7


def test_what_makes_no_sense_is_told_and_changes_nothing(browser):
    with opened(browser, html("two classes")) as window:
        window.wait_for_selector("#controls:not([hidden])")
        before = window.evaluate(VALUES)
        for control in ("miss", "alarm", "alerts", "prevalence", "threshold"):
            for text in ("", "-1", "0", *(["1e9"] if control not in ("miss", "alarm") else [])):
                [shown] = window.evaluate(MOVE, [[[control, text]]])
                assert {k: v for k, v in shown.items() if k in before} == before
                assert window.locator(f"#{control}[aria-invalid=true]").count() == 1
                assert window.locator("#controls [role=alert]").inner_text() != ""


def test_the_study_s_numbers_come_back(browser):
    with opened(browser, html("two classes")) as window:
        window.wait_for_selector("#controls:not([hidden])")
        before = window.evaluate(VALUES)
        window.evaluate(MOVE, [[["miss", "3"], ["prevalence", "40"], ["alerts", "7"]]])
        assert window.evaluate(VALUES) != before
        window.click("#reset")
        assert window.evaluate(VALUES) == before


# the keyboard

FOCUSED = """
() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  return {
    key: e.id || e.name || e.tagName + " " + (e.getAttribute("aria-label") || e.textContent).trim(),
    place: [...document.querySelectorAll("*")].indexOf(e),
    seen: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
      || style.boxShadow !== "none",
  };
}
"""
CONTROLS = """
() => [...document.querySelectorAll("#controls select, #controls input, #controls button")]
  .filter((e) => e.type !== "radio" || e.checked).map((e) => e.id || e.name)
"""


def tabbed(window, most=600):
    """Press Tab from the top of the page to its end."""
    for _ in range(most):
        window.keyboard.press("Tab")
        focused = window.evaluate(FOCUSED)
        if focused is None:
            return
        yield focused
    raise AssertionError(f"no end after {most} steps: a trap")


def test_tab_reaches_everything_in_order_and_shows_where_it_is(browser):
    with opened(browser, html("every option")) as window:
        window.wait_for_selector("#controls:not([hidden])")
        order = list(tabbed(window))
        controls = window.evaluate(CONTROLS)
    places = [focused["place"] for focused in order]
    assert places == sorted(places)
    assert [focused["key"] for focused in order if not focused["seen"]] == []
    keys = [focused["key"] for focused in order]
    assert [key for key in keys if key in controls] == controls
    assert len(controls) == 13


def test_arrows_move_sliders_radios_and_the_select(browser):
    with opened(browser, html("two classes")) as window:
        window.wait_for_selector("#controls:not([hidden])")
        for name in ("miss", "alarm", "alerts", "threshold", "prevalence"):
            window.focus(f"#{name}-range")
            before = window.input_value(f"#{name}"), window.evaluate(VALUES)
            for _ in range(30):
                window.keyboard.press("ArrowRight" if name != "threshold" else "ArrowLeft")
            assert (window.input_value(f"#{name}"), window.evaluate(VALUES)) != before
        window.focus("#controls input[name=by]:checked")
        for value in ("costs", "alerts", "threshold"):
            if window.locator("#controls input[name=by]:checked").get_attribute("value") != value:
                window.keyboard.press("ArrowDown")
        assert window.locator("#controls input[name=by]:checked").count() == 1
        window.focus("#setting")
        before = window.input_value("#setting")
        window.keyboard.press("ArrowDown")
        assert window.input_value("#setting") != before


def test_details_open_by_the_keyboard(browser):
    with opened(browser, html("two classes")) as window:
        summaries = window.locator("summary")
        assert summaries.count() > 3
        first = summaries.first
        before = first.evaluate("e => e.parentElement.open")
        first.focus()
        window.keyboard.press("Enter")
        assert first.evaluate("e => e.parentElement.open") != before
        window.keyboard.press("Space")
        assert first.evaluate("e => e.parentElement.open") == before


# for everybody, everywhere

ALL_OPEN = "() => document.querySelectorAll('details').forEach((e) => { e.open = true; })"
BROAD = """
() => ({
  page: document.documentElement.scrollWidth - innerWidth,
  broad: [...document.querySelectorAll("body *")].filter((e) =>
    e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".wide, pre, svg"))
    .slice(0, 5).map((e) => e.outerHTML.slice(0, 150)),
})
"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_axe_finds_nothing(browser, scheme, width):
    with opened(browser, html("every option"), width=width, scheme=scheme) as window:
        window.evaluate(ALL_OPEN)
        assert violations(window) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*STUDIES, "demo"])
def test_axe_finds_nothing_on_any_page(browser, name, scheme, width):
    with opened(browser, html(name), width=width, scheme=scheme) as window:
        window.evaluate(ALL_OPEN)
        assert violations(window) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["every option", "three classes"])
def test_a_page_scrolls_one_way_only(browser, name, width):
    with opened(browser, html(name), width=width) as window:
        window.evaluate(ALL_OPEN)
        assert window.evaluate(BROAD) == {"page": 0, "broad": []}


FOLDED_IN_PRINT = """
() => [...document.querySelectorAll("main details table")]
  .filter((e) => !e.closest("figure") && e.getBoundingClientRect().height === 0)
  .map((e) => e.outerHTML.slice(0, 100))
"""


@pytest.mark.parametrize("javascript", [True, False])
def test_a_page_is_printed_whole_what_is_folded_too(browser, javascript):
    with opened(browser, html("two classes"), javascript=javascript) as window:
        printed = window.pdf(format="A4")
        window.emulate_media(media="print")
        assert window.evaluate(FOLDED_IN_PRINT) == []
        assert window.evaluate(UNSEEN) == []
        assert window.evaluate(LEFT) == []
    assert len(re.findall(rb"/Type /Page\b", printed)) > 3


# size


@pytest.mark.slow
def test_the_demo_s_page_is_small():
    demo = _demo.run_demo(quick=True, tell=lambda stage, progress: None)
    assert len(page(demo.results).encode()) <= 400_000
