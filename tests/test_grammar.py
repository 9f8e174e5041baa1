"""Settings as they stand on the command line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from outweigh._errors import UsageError
from outweigh._grammar import (
    GRAMMAR,
    REMEDIES,
    USUAL,
    WEIGHT_RULES,
    check_usable,
    parse_references,
    parse_rule,
    parse_settings,
)
from outweigh._losses import Focal, LogitAdjusted, Smoothed, VectorScaled
from outweigh._settings import Setting
from outweigh._weights import Effective, Fixed, Power, Ratio


def names(text: str, classes=(0, 1)) -> list[str]:
    return [setting.name for setting in parse_settings(text, classes)]


def one(text: str) -> Setting:
    return parse_settings(text, (0, 1))[1]


# parse_settings


def test_every_setting_of_the_command_line_is_known():
    text = "none,balanced,sqrt,power:0.7,effective:0.999,ratio:50,weights:0=1|1=200"
    assert parse_settings(text, (0, 1)) == (
        Setting("none", Power(0)),
        Setting("balanced", Power(1)),
        Setting("sqrt", Power(0.5)),
        Setting("power:0.7", Power(0.7)),
        Setting("effective:0.999", Effective(0.999)),
        Setting("ratio:50", Ratio(50)),
        Setting("weights:0=1|1=200", Fixed(((0, 1), (1, 200)))),
    )


def test_the_twin_is_always_there_and_first():
    assert names("balanced,ratio:2") == ["none", "balanced", "ratio:2"]
    assert names("balanced,none") == ["none", "balanced"]


def test_a_rule_is_kept_once_under_its_first_name():
    assert names("balanced,power:1,power:0,ratio:50,ratio:5e1") == ["none", "balanced", "ratio:50"]
    assert names("sqrt,power:0.5") == ["none", "sqrt"]
    assert names("power:0.2,path:8")[:3] == ["none", "power:0.2", "power:0.4"]


def test_a_path_stands_in_a_list():
    assert names("path:3,ratio:9") == ["none", "balanced", "power:1.4", "ratio:9"]


def test_spaces_around_commas_do_not_matter():
    assert names(" balanced , ratio:50 ") == ["none", "balanced", "ratio:50"]


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_different_numbers_have_different_names_that_read_back(a, b):
    [_, *settings] = parse_settings(f"ratio:{a!r},ratio:{b!r}", (0, 1))
    assert len(settings) == (1 if a == b else 2)
    assert parse_settings(",".join(s.name for s in settings), (0, 1))[1:] == tuple(settings)


@pytest.mark.parametrize(
    ("text", "classes", "pairs"),
    [
        ("weights:1=200|0=1", (0, 1), ((0, 1), (1, 200))),
        ("weights:not spam=1|spam=9", ("not spam", "spam"), (("not spam", 1), ("spam", 9))),
        ("weights:a=b=1|c:d=2", ("a=b", "c:d"), (("a=b", 1), ("c:d", 2))),
        ("weights:false=1|True=2", (False, True), ((False, 1), (True, 2))),
        ("weights:0=1|1.0=2", (0.0, 1.0), ((0.0, 1), (1.0, 2))),
        ("weights:0=1|1=2|2=3", (0, 1, 2), ((0, 1), (1, 2), (2, 3))),
    ],
)
def test_labels_are_given_as_their_text(text, classes, pairs):
    _, setting = parse_settings(text, classes)
    assert setting.rule == Fixed(pairs)


@pytest.mark.parametrize(
    ("text", "classes", "message"),
    [
        ("smoat", (0, 1), "came 'smoat': choose from none, balanced, sqrt, power:0.7, effective"),
        ("", (0, 1), "settings must be known; came ''"),
        ("none,,balanced", (0, 1), "settings must be known; came ''"),
        ("Balanced", (0, 1), "settings must be known"),
        ("power", (0, 1), "settings must be known"),
        ("balanced:2", (0, 1), "settings must be known"),
        ("power:", (0, 1), "must hold a number; came ''"),
        ("power:x", (0, 1), "'power:x' must hold a number; came 'x'"),
        ("power:nan", (0, 1), "a power must be a number from 0 to 4; came nan"),
        ("power:-1", (0, 1), "a power must be"),
        ("effective:1", (0, 1), "beta must be"),
        ("ratio:0", (0, 1), "a ratio must be"),
        ("ratio:50", (0, 1, 2), "a ratio needs two classes; came 3"),
        ("path:1", (0, 1), "a path must have from 2 to 1000 values; came 1"),
        ("path:2.5", (0, 1), "must hold a whole number"),
        ("weights:0", (0, 1), "weights must be label=weight"),
        ("weights:0=1", (0, 1), r"none came for \[1\]"),
        ("weights:0=1|1=2|2=3", (0, 1), "came '2', which is none of"),
        ("weights:0=1|0=2|1=3", (0, 1), "class must have one weight; 0 has 2"),
        ("weights:0=1|1=0", (0, 1), "the weight of class 1 must be"),
        ("weights:0=1|1=x", (0, 1), "must hold a number; came 'x': write weights:0=1"),
        ("effective:x", (0, 1), "must hold a number; came 'x': write effective:0.999$"),
        ("foo:x", (0, 1), "must hold a number; came 'x': choose from none"),
    ],
)
def test_what_makes_no_sense_is_one_line(text, classes, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse_settings(text, classes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", WEIGHT_RULES.split(", "))
def test_a_rule_alone_is_the_setting_of_that_name(text):
    assert parse_rule(text, (0, 1)) == parse_settings(f" {text} ", (0, 1))[-1]


@pytest.mark.parametrize("text", GRAMMAR.removeprefix(f"{WEIGHT_RULES}, ").split(", "))
def test_no_other_setting_is_a_rule(text):
    with pytest.raises(UsageError, match="--rule must weigh classes"):
        parse_rule(text, (0, 1))


@pytest.mark.parametrize("text", ["foo", "foo:2", "balanced,sqrt", "sqrt+none", "balanced:2", ""])
def test_what_is_no_rule_is_answered_with_rules_alone(text):
    with pytest.raises(UsageError) as caught:
        parse_rule(text, (0, 1))
    assert str(caught.value).endswith(f"came {text!r}: choose from {WEIGHT_RULES}")


def test_a_path_is_no_rule_but_several():
    with pytest.raises(UsageError, match="which stands for several: choose one of them, such as"):
        parse_rule("path:3", (0, 1))


# remedies


def test_losses_are_told_by_their_papers_letters():
    assert one("focal:2").loss == Focal(2)
    assert one("logit-adjusted:1").loss == LogitAdjusted(1)
    assert one("vector-scaled:0.15|1").loss == VectorScaled(0.15, 1)
    assert one("smoothed:0.1").loss == Smoothed(0.1)


def test_what_a_setting_does_at_once_is_joined():
    found = one("oversample:0.5+focal:2+sqrt")
    assert found.name == "oversample:0.5+focal:2+sqrt"
    assert (found.draw.tau, found.loss, found.rule) == (0.5, Focal(2), Power(0.5))


def test_deferred_weights_are_balanced_unless_told_otherwise():
    assert one("deferred:0.8") == Setting("deferred:0.8", Power(1), deferred=0.8)
    assert one("deferred:0.8+ratio:9").rule == Ratio(9)


def test_a_label_may_hold_what_joins():
    found = parse_settings("focal:2+weights:a+=1|b+c=3", ("a+", "b+c"))[1]
    assert found.rule == Fixed((("a+", 1), ("b+c", 3)))
    assert found.name == "focal:2+weights:a+=1|b+c=3"


def test_no_weights_joined_to_a_remedy_are_none():
    assert names("focal:2+none, focal:2") == ["none", "focal:2"]


def test_remedies_are_a_dozen_each_of_them_known():
    dozen = [part.strip() for part in REMEDIES.split(",")]
    assert names("remedies") == ["none", *dozen]
    assert len(dozen) == 12


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_remedies_serve_any_number_of_classes(n_classes):
    counts = np.arange(1, n_classes + 1) * 10
    for setting in parse_settings("remedies", tuple(range(n_classes))):
        assert setting.loss.shape(counts).delta.shape == (n_classes,)


def test_objects_that_resample_are_settings():
    [twin, own, text] = parse_settings([SMOTE(k_neighbors=3), "balanced"], (0, 1))
    assert (twin.name, own.name, text.name) == ("none", "SMOTE(k_neighbors=3)", "balanced")


def test_one_object_alone_is_a_list_of_one():
    assert [s.name for s in parse_settings(SMOTE(), (0, 1))] == ["none", "SMOTE()"]
    found = parse_references(make_pipeline(StandardScaler(), LogisticRegression()), (0, 1))
    assert len(found) == 1


def test_objects_of_one_name_are_not_taken_for_one():
    class Mine:
        def fit_resample(self, x, y):
            return x, y

    with pytest.raises(UsageError, match="'Mine' came twice"):
        parse_settings([Mine(), Mine()], (0, 1))


def test_a_number_may_have_an_exponent():
    assert one("ratio:1e+3").rule == Ratio(1000)


def test_objects_that_cannot_resample_are_none():
    with pytest.raises(UsageError, match="a class weight or have fit_resample; came object"):
        parse_settings([object()], (0, 1))


def test_class_weights_are_settings_as_they_are_given_to_a_network():
    given = [None, "sqrt", {1: 200, 0: 1}, Power(0.3), Ratio(50), 50.0, Fixed(((0, 2), (1, 3)))]
    names = "none", "sqrt", "weights:0=1|1=200", "power:0.3", "ratio:50", "weights:0=2|1=3"
    assert tuple(s.name for s in parse_settings(given, (0, 1))) == names
    assert [s.name for s in parse_settings({0: 1, 1: 9}, (0, 1))] == ["none", "weights:0=1|1=9"]
    with pytest.raises(UsageError, match="came '0', a str: write 0, an int"):
        parse_settings([{"0": 1, "1": 2}], (0, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("focal", "settings must be known; came 'focal'"),
        ("focal:2|3", "settings must be known; came 'focal:2|3'"),
        ("focal:-1", "γ of a focal loss must be a number from 0 to 10; came -1"),
        ("focal:nan", "γ of a focal loss must be a number from 0 to 10; came nan"),
        ("vector-scaled:1", "settings must be known"),
        ("vector-scaled:3|1", "γ of a vector-scaled loss must be a number from 0 to 2"),
        ("smoothed:1", "ε of smoothed labels must be a number from 0 to 0.9; came 1"),
        ("logit-adjusted:x", "'logit-adjusted:x' must hold a number; came 'x'"),
        ("deferred:1", "a share of the epochs from 0 to below 1; came 1"),
        ("deferred:0.8+none", "deferred weights must weigh classes"),
        ("oversample:0", "above 0"),
        ("balanced-batches:2", "settings must be known"),
        ("focal:2+smoothed:0.1", "one loss at most; came 'focal:2"),
        ("balanced+sqrt", "one rule at most"),
        ("oversample+smote", "draw rows or make some; came 'oversample"),
        ("focal:2+", "settings must be known; came 'focal:2"),
        ("+focal:2", "settings must be known"),
        ("", "settings must be known; came ''"),
        ("path:3+focal:2", "must hold a whole number"),
    ],
)
def test_a_remedy_that_makes_no_sense_is_one_line(text, message):
    with pytest.raises(UsageError) as error:
        parse_settings(text, (0, 1))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


# references


def test_references_are_classifiers_with_their_own_weights():
    found = parse_references("logistic, random-forest+sqrt", (0, 1))
    assert [s.name for s in found] == ["logistic", "random-forest+sqrt"]
    assert [s.rule for s in found] == [Power(0), Power(0.5)]
    assert [s.reference.name for s in found] == ["logistic", "random-forest"]


def test_the_usual_references_are_three():
    assert [s.name for s in parse_references("usual", (0, 1))] == USUAL.split(", ")


def test_classifiers_are_references():
    [found] = parse_references([LogisticRegression(C=2)], (0, 1))
    assert found.name == "LogisticRegression(C=2)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("forest", "references must be known; came 'forest'"),
        ("logistic+focal:2", "class weights at most"),
        ("logistic+oversample", "class weights at most"),
        ("logistic+smoat", "settings must be known; came 'smoat'"),
        ([3], "predict_proba"),
    ],
)
def test_a_reference_that_makes_no_sense_is_one_line(given, message):
    with pytest.raises(UsageError) as error:
        parse_references(given, (0, 1))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_only_what_is_tried_can_be_used_and_no_reference():
    settings = parse_settings("focal:2", (0, 1)) + parse_references("logistic", (0, 1))
    check_usable(None, settings)
    check_usable("focal:2", settings)
    for name in ("logistic", "balanced"):
        with pytest.raises(UsageError, match="choose from none, focal:2"):
            check_usable(name, settings)
