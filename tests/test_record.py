"""The record and the run folder: every number named, every file whole, every text read back."""

import json
import os
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh._chunk import COLLAPSED, DIVERGED
from outweigh._configuration import to_toml
from outweigh._costs import Cost
from outweigh._counted import Alerts, FBeta, RecallAtPrecision
from outweigh._decisions import decide_all
from outweigh._deployment import Deployment
from outweigh._errors import UsageError
from outweigh._files import write_text
from outweigh._final import model_of
from outweigh._folder import new_folder, read_results, write
from outweigh._predictions import Predictions
from outweigh._record import _still_better, about, frequencies, record, settings_record
from outweigh._scored import number
from outweigh._versus import versus_twin
from outweigh.report._point import prevalence
from tests.trainers import Logistic, Slow, linear, studied, world

ABOUT = {"network": "logistic regression", "optimizer": "Newton"}

# the contract of results.json
KEYS = {
    "": "schema data objective settings chosen verdict thresholds counts cells test findings"
    " timing environment",
    "data": "rows classes positive prevalence training test",
    "verdict": "code text difference unit interval basis",
    "settings": "name kind text inverse class_weight weight_ratio power seeds_collapsed"
    " versus_none by_seed by_fold",
    "versus_none": "cost ranking calibration",
    "environment": "python outweigh keras jax numpy scikit-learn",
}
NUMBERS = {
    *("average_precision", "roc_auc", "log_loss", "brier", "expected_cost", "cost_share"),
    *("threshold", "flagged_share", "recall", "precision"),
}
UNKNOWN_OF_THREE = {"threshold", "flagged_share"}  # nothing is flagged


def recorded(table=None, **options):
    evidence, *_ = studied(table, **options)
    return evidence, record(evidence, about_network=ABOUT)


def values_of(numbers):
    return {name: numbers[name]["value"] for name in NUMBERS}


# the record


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("test_size", [0.0, 0.3])
def test_the_contract_s_keys_are_there(k, test_size):
    _, found = recorded(world(k=k), test_size=test_size)
    assert set(KEYS[""].split()) <= set(found)
    for name in ("data", "verdict", "environment"):
        assert set(KEYS[name].split()) <= set(found[name])
    for setting in found["settings"]:
        assert set(KEYS["settings"].split()) | NUMBERS <= set(setting)
    assert (found["test"] is not None) == (test_size > 0)
    assert (found["data"]["test"] is not None) == (test_size > 0)


@pytest.mark.parametrize("k", [2, 3])
def test_every_number_says_what_it_stands_on(k):
    _, found = recorded(world(k=k), test_size=0.3)
    assert found["verdict"]["basis"] == "cross-fitted"
    cases = [(setting, "cross-fitted") for setting in found["settings"]]
    cases += [(found["test"][name], "held-out") for name in ("chosen", "twin")]
    for numbers, basis in cases:
        for name in NUMBERS & set(numbers):
            assert set(numbers[name]) == {"value", "interval", "basis"}
            follows = name == "threshold"  # from the costs, which were chosen on no row
            assert numbers[name]["basis"] == ("held-out" if follows else basis)
            known = k == 2 or name not in UNKNOWN_OF_THREE
            assert isinstance(numbers[name]["value"], float if known else type(None))


@pytest.mark.parametrize("k", [2, 3])
def test_a_record_is_the_same_once_written_and_read(k):
    _, found = recorded(world(k=k), test_size=0.3)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_two_classes_have_a_ratio_and_three_have_none():
    [twin, balanced, steeper] = recorded(world())[1]["settings"]
    n_0, n_1 = world().counts
    assert [s["power"] for s in (twin, balanced, steeper)] == [0, 1, 1.4]
    ratios = [s["weight_ratio"] for s in (twin, balanced, steeper)]
    assert ratios == pytest.approx([1, n_0 / n_1, (n_0 / n_1) ** 1.4])
    _, found = recorded(world(k=3))
    for setting in found["settings"]:
        assert setting["weight_ratio"] is None
        assert list(setting["class_weight"]) == ["0", "1", "2"]
    assert found["data"]["positive"] is found["data"]["prevalence"] is None
    assert found["objective"]["threshold"] is found["objective"]["cost_fn"] is None
    assert found["curves"] == {}


@pytest.mark.parametrize("k", [2, 3])
def test_rows_add_up(k):
    table = world(k=k)
    evidence, found = recorded(table, test_size=0.3)
    data = found["data"]
    assert data["rows"] == data["training"]["rows"] + data["test"]["rows"] == len(table.y)
    assert data["test"]["rows"] == len(evidence.split.test)
    for part in (data, data["training"], data["test"]):
        assert sum(part["classes"].values()) == part["rows"]
    for c, label in enumerate(("0", "1", "2")[:k]):
        counts = [data[part]["classes"][label] for part in ("training", "test")]
        assert sum(counts) == data["classes"][label] == (table.y == c).sum()
    if k == 2:
        assert data["prevalence"] == data["classes"]["1"] / data["rows"]
    for curve in found["curves"].values():
        assert sum(curve["reliability"]["count"]) == data["training"]["rows"]
    assert found["design"]["lanes"] == 3 * 3 * 2  # settings × folds × seeds


@pytest.mark.parametrize(("done", "folds", "seeds"), [(3, 3, [0]), (2, 2, [0]), (6, 3, [0, 1])])
def test_the_design_claims_what_was_trained_in_time(done, folds, seeds):
    _, found = recorded(trainer=Slow(done, 9), seeds=3, time_limit=1.0)
    assert (found["design"]["folds"], found["design"]["seeds"]) == (folds, seeds)
    assert found["design"]["lanes"] == 3 * folds * len(seeds)


def test_references_are_no_networks():
    _, found = recorded(settings="none,balanced", references="logistic")
    assert len(found["settings"]) == 3
    assert found["design"]["lanes"] == 2 * 3 * 2


def heavy(table):
    """The same table, its positives weighing five times as much."""
    return replace(table, row_weight=np.where(table.y == 1, 5.0, 1.0))


def drifting(table):
    """The same table in an order of time in which positives become more frequent."""
    rng = np.random.default_rng(0)
    n = len(table.y)
    return replace(table, time=np.argsort(np.argsort(table.y * 0.2 + rng.random(n))))


@pytest.mark.parametrize("change", [heavy, drifting, lambda table: table])
def test_another_world_has_the_prevalence_that_was_asked_for(change):
    table, there = change(world()), Deployment(prevalence=0.2)
    evidence, found = recorded(table, deployment=there)
    cases = evidence.decisions.cases
    assert cases.weight[cases.y == 1].sum() / cases.weight.sum() == pytest.approx(0.2)
    assert prevalence(found["counts"]) == pytest.approx(0.2)
    for setting in found["settings"]:
        share, recall, precision = (
            setting[name]["value"] for name in ("flagged_share", "recall", "precision")
        )
        assert share * precision / recall == pytest.approx(0.2)


@pytest.mark.parametrize("change", [heavy, drifting, lambda table: table])
def test_a_model_brought_to_another_world_is_that_of_a_study_of_it(change):
    table, there = change(world()), Deployment(prevalence=0.2)
    moved = model_of(studied(table)[0], linear, "linear").at(None, there)
    studied_there = model_of(studied(table, deployment=there)[0], linear, "linear")
    assert moved.factor == pytest.approx(studied_there.factor)
    assert (moved.factor != 1).all()


def test_a_class_that_counts_nothing_is_in_no_other_world():
    table = world()
    light = replace(table, row_weight=(table.y == 0) * 1.0)
    trainer = Logistic()
    with pytest.raises(UsageError, match="rows of both classes that count something"):
        studied(light, deployment=Deployment(prevalence=0.2), trainer=trainer)
    assert not trainer.calls  # nothing was trained


def test_reliability_weighs_rows():
    """Rows of weight 2 are rows that stand twice: honest probabilities stay so."""
    evidence, found = recorded(heavy(world()))
    p = evidence.predictions
    for name, curve in found["curves"].items():
        s = p.settings.index(name)
        said = evidence.decisions.calibrated.repaired[s, :, 1]
        table = {key: np.array(column) for key, column in curve["reliability"].items()}
        assert table["count"].sum() == len(p.y)
        lowest = said <= np.sort(said)[table["count"][0] - 1]
        share = np.average(p.y[lowest], weights=p.row_weight[lowest])
        assert table["observed"][0] == pytest.approx(share)


def test_class_weights_are_those_of_the_rows_that_are_not_test_rows():
    evidence, found = recorded(world(1001), test_size=0.3)
    training = list(found["data"]["training"]["classes"].values())
    for setting, rule in zip(found["settings"], evidence.settings, strict=True):
        weights = list(setting["class_weight"].values())
        assert weights == rule.class_weight(training, (0, 1)).tolist()
        assert np.dot(weights, training) == pytest.approx(sum(training))


def test_counts_are_of_two_classes_and_cells_of_more():
    _, found = recorded()
    assert found["cells"] is None
    assert list(found["counts"]["settings"]) == [s["name"] for s in found["settings"]]
    evidence, found = recorded(world(k=3))
    assert found["counts"] is None
    assert list(found["cells"]["settings"]) == [*dict.fromkeys(("none", evidence.verdict.best))]


def test_decisions_can_be_counted_by_hand():
    evidence, found = recorded(objective=Cost(fn=8, fp=2))
    p, y = evidence.decisions.probability[1, :, 1], evidence.predictions.y
    flagged = p >= 2 / 10
    misses, alarms = (~flagged & (y == 1)).sum(), (flagged & (y == 0)).sum()
    cost = 8 * misses + 2 * alarms
    want = {
        "expected_cost": 1000 * cost / len(y),
        "cost_share": cost / min(8 * (y == 1).sum(), 2 * (y == 0).sum()),
        "threshold": 0.2,
        "flagged_share": flagged.mean(),
        "recall": flagged[y == 1].mean(),
        "precision": y[flagged].mean(),
    }
    found = values_of(found["settings"][1])
    assert {name: found[name] for name in want} == pytest.approx(want)


def test_what_weights_do_by_themselves_is_the_weighted_output_at_one_half():
    evidence, found = recorded()
    raw = evidence.predictions.probability[1, :, :, 1].mean(axis=0)
    at_half = found["settings"][1]["at_half"]
    assert at_half["flagged_share"]["value"] == pytest.approx((raw > 0.5).mean())
    assert at_half["recall"]["value"] == pytest.approx(
        (raw > 0.5)[evidence.predictions.y == 1].mean()
    )


def test_a_test_row_is_scored_by_the_final_model():
    evidence, found = recorded(test_size=0.3)
    averaged, y = evidence.final.test.averaged()[0], evidence.final.test.y
    p = evidence.decisions.calibrated.final[0](averaged)[:, 1]
    brier = found["test"]["chosen"]["brier"]["value"]
    assert brier == pytest.approx(((p - y) ** 2).mean())
    assert found["test"]["chosen"]["setting"] == found["chosen"]["setting"] == "none"
    assert found["test"]["twin"] == found["test"]["chosen"]  # the twin was chosen


def test_row_weight_2_is_the_row_twice():
    evidence, *_ = studied()
    whole = evidence.predictions
    weight = np.random.default_rng(0).integers(1, 4, len(whole.y))
    rows = np.repeat(np.arange(len(weight)), weight)
    parts = {name: getattr(whole, name)[rows] for name in ("row", "fold", "y", "unit")}
    twice = replace(whole, **parts, probability=whole.probability[:, :, rows])
    abouts = [about(setting, evidence.table) for setting in evidence.settings]
    weighted, doubled = (
        settings_record(decide_all(p, evidence.objective), abouts)
        for p in (replace(whole, row_weight=weight), twice)
    )
    for one, two in zip(weighted, doubled, strict=True):
        assert values_of(one) == pytest.approx(values_of(two))
        for name in ("average_precision", "expected_cost", "flagged_share"):
            assert one["by_seed"][name] == pytest.approx(two["by_seed"][name]), name


class Failing(Logistic):
    """A trainer whose balanced lane diverges in each fold, and the steeper collapses in one."""

    def train_one(self, chunk, keep_parameters):
        trained = super().train_one(chunk, keep_parameters)
        if chunk.seed == 0 and not keep_parameters:
            trained.probability[1] = np.nan
            trained.validation_log_loss[1] = np.nan
            outcome = (trained.outcome[0], DIVERGED, COLLAPSED if chunk.fold == 0 else "finished")
            trained = replace(trained, outcome=outcome)
        return trained


@pytest.mark.parametrize("k", [2, 3])
def test_lanes_that_failed_are_told_and_break_nothing(k):
    _, found = recorded(world(k=k), trainer=Failing())
    json.dumps(found, allow_nan=False)
    assert [s["seeds_collapsed"] for s in found["settings"]] == [0, 0, 1]
    assert found["settings"][1]["by_seed"]["outcome"][0] == [DIVERGED] * 3
    assert found["history"]["balanced"]["undone"] == [None]
    assert values_of(found["settings"][1])["brier"] is not None


def test_nothing_is_scored_that_no_row_can_tell():
    """Nobody is flagged, so that precision is unknown; and that is null."""
    _, found = recorded(objective=Cost(fn=1, fp=1e6))
    assert [values_of(s)["precision"] for s in found["settings"]] == [None] * 3
    assert [values_of(s)["flagged_share"] for s in found["settings"]] == [0] * 3
    assert "you would flag 0;" in found["chosen"]["text"]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("value", [None, np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_null(value):
    assert number(value, "held-out") == {"value": None, "interval": None, "basis": "held-out"}


def test_what_is_handed_to_a_person_is_told():
    said = {"flagged_share": 0.16, "recall": 0.6, "precision": 0.375, "referred_share": 0.05}
    text = frequencies({name: {"value": value} for name, value in said.items()})
    assert text == (
        "of 10,000 cases you would flag 1,600 and hand 500 to a person; 600 of the 1,000 positives "
        "are among those flagged"
    )


@pytest.mark.parametrize(
    ("objective", "apart"),
    [(Cost(fn=9, fp=1), False), (FBeta(1), True), (Alerts(50), False)],
    ids=lambda o: getattr(o, "name", ""),
)
def test_the_text_says_whether_other_thresholds_judged(objective, apart):
    _, found = recorded(objective=objective)
    told = found["chosen"]["text"].startswith("judged by thresholds that the other folds chose, ")
    assert told == apart


def test_what_is_better_than_the_best_weights_is_named():
    numbers = lambda cost, says: {
        "expected_cost": {"value": cost},
        "versus_none": None if says is None else {"cost": {"says": says}},
    }
    chosen = {"name": "none", "kind": "weights", **numbers(10.0, None)}
    forest = {"name": "forest", "kind": "reference", **numbers(9.0, "better")}
    smote = {"name": "smote", "kind": "sampling", **numbers(8.0, "open")}  # by chance, perhaps
    worse = {"name": "tree", "kind": "reference", **numbers(11.0, "better")}
    costs = Cost(fn=9, fp=1)
    assert _still_better(chosen, [chosen, forest, smote, worse], costs) == (
        "; forest, which is no class weight, came out better still"
    )
    assert _still_better(chosen, [chosen, smote, worse], costs) == ""
    assert _still_better(chosen, [chosen, forest], RecallAtPrecision(0.9)) == ""


def test_frequencies_can_be_checked_with_a_pencil():
    """Of 100: 10 positives, 16 flagged, 6 rightly."""
    said = {"flagged_share": 0.16, "recall": 6 / 10, "precision": 6 / 16}
    text = frequencies({name: {"value": value} for name, value in said.items()})
    assert text == (
        "of 10,000 cases you would flag 1,600; 600 of the 1,000 positives are among them"
    )


# remedies that are no class weights

REMEDIES = {"settings": "none,balanced,focal:2+sqrt,oversample,smote", "references": "logistic"}


@pytest.fixture(scope="module")
def remedies():
    """A study of remedies, and its record."""
    return recorded(**REMEDIES)


def test_each_setting_says_its_kind_and_whether_it_can_be_undone(remedies):
    settings = {s["name"]: s for s in remedies[1]["settings"]}
    kinds = ("weights", "weights", "loss", "sampling", "sampling", "reference")
    assert tuple(s["kind"] for s in settings.values()) == kinds
    assert {name for name, s in settings.items() if s["inverse"] != "exact"} == {"smote"}
    assert settings["smote"]["inverse"] == "prior only"
    assert settings["none"]["text"] == "nothing"
    assert "focal loss" in settings["focal:2+sqrt"]["text"]


def test_what_weighs_no_classes_has_no_class_weights(remedies):
    settings = {s["name"]: s for s in remedies[1]["settings"]}
    for name in ("oversample", "smote", "logistic"):
        for key in ("class_weight", "weight_ratio", "power"):
            assert settings[name][key] is None
    n_0, n_1 = world().counts
    assert settings["focal:2+sqrt"]["power"] == 0.5
    assert settings["focal:2+sqrt"]["weight_ratio"] == pytest.approx((n_0 / n_1) ** 0.5)
    assert settings["none"]["class_weight"] == {"0": 1, "1": 1}


def test_the_record_says_what_each_setting_gains_on_the_twin(remedies):
    evidence, found = remedies
    twin, *others = found["settings"]
    assert twin["versus_none"] is None
    for setting, gained in zip(others, versus_twin(evidence.decisions), strict=True):
        assert list(setting["versus_none"]) == KEYS["versus_none"].split()
        for currency, gain in setting["versus_none"].items():
            expected = getattr(gained, currency)
            assert gain["value"] == expected.difference
            assert gain["interval"] == list(expected.interval)
            assert gain["by_seed"] == list(expected.by_seed)
            assert (gain["unit"], gain["says"]) == (expected.unit, expected.says)
            assert gain["basis"] == "cross-fitted"
        for currency, number_of in (("cost", "expected_cost"), ("calibration", "log_loss")):
            saved = 100 * (1 - setting[number_of]["value"] / twin[number_of]["value"])
            assert setting["versus_none"][currency]["value"] == pytest.approx(saved)
        ranked = [100 * s["average_precision"]["value"] for s in (setting, twin)]
        gain = setting["versus_none"]["ranking"]["value"]
        assert gain == pytest.approx(ranked[0] - ranked[1])


def test_a_record_of_remedies_is_the_same_once_written_and_read(remedies):
    assert json.loads(json.dumps(remedies[1], allow_nan=False)) == remedies[1]


def test_networks_have_validation_curves_and_references_none(remedies):
    history = remedies[1]["history"]
    assert list(history) == [s["name"] for s in remedies[1]["settings"][:-1]]
    assert all(curves["undone"] != [None] for curves in history.values())


def test_what_is_used_is_what_the_record_is_about():
    """The final model is refitted with what one asks for, whatever the verdict chose."""
    evidence, found = recorded(settings="none,balanced,oversample", use="oversample", test_size=0.3)
    assert evidence.verdict.chosen == "none"
    assert found["chosen"]["setting"] == found["test"]["chosen"]["setting"] == "oversample"
    assert found["chosen"]["reason"] == "you asked for it; by the verdict it would be none"
    assert found["test"]["twin"]["setting"] == "none"
    assert [t["setting"] for t in found["thresholds"]] == ["oversample", "none"]


# the run folder


def configuration(**changes):
    return {"data": "t.csv", "seeds": 2, "test_size": 0.3, "out": None, "exclude": ["a"]} | changes


def test_a_folder_holds_the_whole_study(tmp_path):
    evidence, found = recorded(world(600))
    folder = tmp_path / "deep" / "er"
    write(folder, results=found, decisions=evidence.decisions, configuration=configuration())
    names = {"results.json", "report.html", "card.md", "run.toml"}
    names |= {"predictions.parquet", "decisions.parquet"}
    assert {path.name for path in folder.iterdir()} == names
    shared = {"data": "t.csv", "seeds": 2, "test_size": 0.3, "exclude": ["a"]}
    assert read_results(folder) == found | {"configuration": shared}
    assert Predictions.load(folder / "predictions.parquet") == evidence.predictions
    read = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    assert read == {"data": "t.csv", "seeds": 2, "test_size": 0.3, "exclude": ["a"]}


def test_a_number_that_is_none_is_never_written(tmp_path):
    evidence, found = recorded(world(600))
    found["verdict"]["difference"] = np.nan
    with pytest.raises(ValueError, match="JSON compliant"):
        write(tmp_path, results=found, decisions=evidence.decisions, configuration={})
    assert not (tmp_path / "results.json").exists()


def test_what_a_crash_left_does_not_stand_in_the_way(tmp_path):
    (tmp_path / ".a.txt.draft").write_text("half of an older, longer tex")
    write_text(tmp_path / "a.txt", "ünï 💥\n")
    assert (tmp_path / "a.txt").read_bytes() == "ünï 💥\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path, monkeypatch, step):
    write_text(tmp_path / "a.txt", "old")
    if step == "fsync":

        def full(_):
            raise OSError("no space left on device")

        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises((OSError, UnicodeEncodeError)):
        write_text(tmp_path / "a.txt", "new" if step == "fsync" else "new \ud800")
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("text", [None, "{", "\udcff".encode("utf-8", "surrogateescape")])
def test_a_folder_without_numbers_is_one_line(tmp_path, text):
    if text is not None:
        path = tmp_path / "results.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=r"results\.json") as caught:
        read_results(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_new_folder_is_never_one_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(3):
        folder = new_folder(None, "sick")
        assert not folder.exists()
        names.append(folder.name)
        folder.mkdir()
    assert names == ["outweigh-sick", "outweigh-sick-2", "outweigh-sick-3"]
    (tmp_path / "outweigh-sick-4").write_text("a file")
    assert new_folder(None, "sick").name == "outweigh-sick-5"


def test_a_folder_asked_for_must_be_new_or_empty(tmp_path):
    assert new_folder(tmp_path / "new", "x") == tmp_path / "new"
    assert new_folder(tmp_path, "x") == tmp_path
    (tmp_path / "precious").write_text("mine")
    for taken in (tmp_path, tmp_path / "precious"):
        with pytest.raises(UsageError, match="new or empty"):
            new_folder(taken, "x")


plain = st.characters(codec="utf-8")
values = st.one_of(
    st.text(plain),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(st.text(plain)),
)


@given(st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), values))
def test_a_configuration_is_read_back_as_it_was(options):
    assert tomllib.loads(to_toml(options)) == options


@pytest.mark.parametrize(
    "text",
    [
        'a "quoted" \\ name',
        "two\nlines\r\n",
        "\x00\x1b[31m\x7f\x80",
        "ünï 💥 \u202e \u2028",
        "'",
        "",
    ],
)
def test_a_hostile_text_is_read_back_as_it_was(text):
    assert tomllib.loads(to_toml({"target": text, "n": None})) == {"target": text}
    assert "\x1b" not in to_toml({"target": text})
