"""Findings on columns: each is made where it should be, and nowhere else."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from outweigh._column_findings import area_under_curve
from outweigh._columns import columns_of
from tests.evidence import ask, of_table
from tests.trainers import world

N = 1203  # rows of the world
HOSTILE = "a\n\x1b[31m,\u202e'; rm"


def with_column(values, name="site", **how):
    """The usual world, and one more column."""
    table = world(**how)
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return replace(table, columns=columns_of({**table.columns.arrays(), name: column}))


def looked(code, values, name="site", **how):
    return ask(code, of_table(with_column(values, name, **how)))


def repeated(texts):
    return [texts[i % len(texts)] for i in range(N)]


@pytest.mark.parametrize("text", ["?", "N/A", "", "unknown", " - "])
def test_texts_that_usually_mean_missing_are_shown(text):
    [finding] = looked("missing-in-disguise", repeated(["north", "south", text])).findings
    assert f"{text.strip()!r} in 'site' (401 rows)" in finding.title
    assert f"--missing {text.strip()!r}" in finding.remedy


def test_texts_that_mean_something_are_clear():
    assert looked("missing-in-disguise", repeated(["north", "south"])).state == "clear"


@pytest.mark.parametrize("code", ["missing-in-disguise", "text-among-numbers"])
def test_without_text_there_is_no_question(code):
    assert ask(code, of_table(world())).state == "not applicable"


@pytest.mark.parametrize(
    ("odd", "state"), [(1, "found"), (3, "found"), (4, "clear"), (30, "clear")]
)
def test_a_column_of_numbers_with_a_few_texts_is_shown(odd, state):
    values = repeated([f"{i}.5" for i in range(30 - odd)] + ["red"] * odd)
    outcome = looked("text-among-numbers", values)
    assert outcome.state == state
    if state == "found":
        assert "such as 'red'" in outcome.findings[0].title


def test_a_number_that_separates_is_found_in_either_direction():
    y = world().y
    noise = np.random.default_rng(0).normal(size=N)
    assert looked("separating-column", y + 0.1 * noise).state == "found"
    assert looked("separating-column", 0.1 * noise - y).state == "found"
    assert looked("separating-column", y + noise).state == "clear"


@pytest.mark.parametrize(("spread", "state"), [(0.25, "found"), (0.4, "clear")])
def test_a_roc_auc_of_99_percent_separates(spread, state):
    column = world().y + spread * np.random.default_rng(0).normal(size=N)
    area = roc_auc_score(world().y, column)
    assert (area >= 0.99) == (state == "found")
    outcome = looked("separating-column", column)
    assert outcome.state == state
    if outcome.findings:
        assert f"(ROC AUC {area:.4f})" in outcome.findings[0].title


def test_a_constant_column_separates_nothing():
    assert looked("separating-column", np.ones(N)).state == "clear"


def test_a_gap_that_separates_is_found():
    known = np.where(world().y == 1, np.random.default_rng(0).random(N), np.nan)
    assert looked("separating-column", known).state == "found"
    as_text = ["closed" if y else None for y in world().y]
    assert looked("separating-column", as_text).state == "found"


def test_a_text_or_a_number_that_codes_the_class_is_found():
    y, rng = world().y, np.random.default_rng(0)
    coded = np.where(y == 1, 5, rng.choice([1, 3, 7, 9], N))  # neither high nor low
    assert looked("separating-column", coded).state == "found"
    assert looked("separating-column", [f"kind {c}" for c in coded]).state == "found"
    shuffled = rng.permutation(coded)
    assert looked("separating-column", [f"kind {c}" for c in shuffled]).state == "clear"


def test_a_text_that_is_different_everywhere_separates_nothing():
    assert looked("separating-column", [f"row {i}" for i in range(N)]).state == "clear"


def test_a_date_that_separates_is_found():
    days = [
        datetime(2020, 1, 1) + timedelta(days=int(500 * y + i % 300))
        for i, y in enumerate(world().y)
    ]
    assert looked("separating-column", days).state == "found"


def test_test_rows_say_nothing_about_a_leak():
    e = of_table(world(), test_size=0.3)
    leak = np.random.default_rng(0).normal(size=N)
    leak[e.split.test] += 100 * e.table.y[e.split.test]
    assert ask("separating-column", of_table(with_column(leak), test_size=0.3)).state == "clear"
    leak = np.random.default_rng(0).normal(size=N)
    leak[e.split.rest] += 100 * e.table.y[e.split.rest]
    assert ask("separating-column", of_table(with_column(leak), test_size=0.3)).state == "found"


def test_of_several_classes_each_is_told_from_the_others():
    y = world(k=3).y
    is_second = np.where(y == 1, 1.0, np.random.default_rng(0).random(N) * 0.5)
    assert looked("separating-column", is_second, k=3).state == "found"
    assert looked("separating-column", np.random.default_rng(0).random(N), k=3).state == "clear"


def test_with_few_rows_of_a_class_nothing_is_said_about_leaks():
    e = of_table(world(60, log_odds=-1.5), folds=2)
    assert 2 <= e.table.counts[1] < 20
    assert ask("separating-column", e).state == "not applicable"


def test_the_area_under_the_curve_is_scikit_learns():
    rng = np.random.default_rng(0)
    y, score = rng.random(200) < 0.2, rng.integers(0, 9, 200).astype(float)
    assert area_under_curve(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(N),
        np.random.default_rng(0).permutation(N) + 1_000_000,
        np.random.default_rng(0).choice(10_000, N, replace=False),
        [f"C-{i:05}" for i in range(N)],
        [f"Ms Name {i}" for i in range(N)],
    ],
)
def test_columns_that_name_rows_or_count_them_are_found(values):
    outcome = looked("identifier-column", values)
    assert outcome.state == "found"
    assert "'site'" in outcome.findings[0].title
    assert "--exclude 'site'" in outcome.findings[0].remedy


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=N),
        np.arange(N) + 0.5,
        np.arange(N) % 600,
        np.random.default_rng(0).integers(10_000, 200_000, N),
        np.random.default_rng(0).lognormal(10, 1, N).round(),
        np.ones(N),
        np.where(np.arange(N) == 7, np.nan, np.arange(N)),
        [f"the {i}th of the customers wrote this" for i in range(N)],
        repeated([f"C-{i}" for i in range(1100)]),
        pa.nulls(N, pa.string()),
    ],
)
def test_measurements_categories_and_sentences_are_no_names(values):
    assert looked("identifier-column", values).state == "clear"


def test_few_rows_have_no_names_to_tell():
    assert ask("identifier-column", of_table(world(99))).state == "not applicable"


def days(step=1):
    return [datetime(2020, 1, 1) + timedelta(days=i * step % 700) for i in range(N)]


@pytest.mark.parametrize(
    ("values", "name", "why"),
    [
        (days(37), "sold", "dates"),
        ([f"{1 + i % 28}/{1 + i % 12}" for i in range(N)], "SaleDate", "by its name"),
        (np.random.default_rng(0).random(N), "event_time", "by its name"),
        (1950 + np.arange(N) * 37 % 70, "Year", "by its name"),
        (np.arange(N) // 7, "week", "in the order of the rows"),
        (-np.arange(N) * 0.37, "days to go", "in the order of the rows"),
    ],
)
def test_columns_that_look_like_time_are_found(values, name, why):
    [finding] = looked("time-like-column", values, name).findings
    assert f"{name!r} ({why})" in finding.title
    assert f"--time {name!r}" in finding.remedy


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (days(37), "date_of_birth"),
        (np.arange(N) % 9, "time"),
        (np.random.default_rng(0).random(N), "sometimes"),
        (np.random.default_rng(0).random(N), "time_in_hospital"),
        (np.ones(N), "week"),
        (np.arange(N), "number"),  # an identifier, and told as one
        (np.where(np.arange(N) == 7, np.nan, np.arange(N) / 3), "week"),
    ],
)
def test_other_columns_are_no_times(values, name):
    assert looked("time-like-column", values, name).state == "clear"


def test_where_time_divides_the_rows_it_is_no_question():
    table = replace(with_column(days()), time=np.arange(N))
    assert ask("time-like-column", of_table(table)).state == "not applicable"


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("missing-in-disguise", repeated(["north", "?"])),
        ("text-among-numbers", ["1"] * (N - 1) + [HOSTILE]),
        ("separating-column", world().y),
        ("identifier-column", np.arange(N)),
        ("time-like-column", days()),
    ],
)
def test_hostile_names_and_texts_stay_on_one_printable_line(code, values):
    for name in (HOSTILE, "n" * 500):
        [finding] = looked(code, values, name).findings
        assert (finding.title + finding.remedy).isprintable()
        assert len(finding.title) < 400


def test_of_many_columns_a_few_are_named():
    table = world()
    arrays = table.columns.arrays() | {f"id{i}": pa.array(np.arange(N)) for i in range(9)}
    e = of_table(replace(table, columns=columns_of(arrays)))
    [finding] = ask("identifier-column", e).findings
    assert "'id4' and 4 more" in finding.title
    assert finding.remedy.endswith("--exclude 'id4' ….")
