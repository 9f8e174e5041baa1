"""scikit-learn's own checks of what calls itself an estimator, run on both of ours.

A check that cannot pass is named here with its reason, and must fail: the list cannot grow old.
"""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from outweigh import NetworkClassifier, WeightSearchCV
from tests.trainers import linear

CANNOT_PASS = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 is in one mini-batch, its "
    "two copies are in two"
}
NETWORK = NetworkClassifier(linear, learning_rate=0.03)
ESTIMATORS = NETWORK, WeightSearchCV(NETWORK, settings="balanced", cv=2)


def name_of(check):
    more = "-readonly" if check.keywords.get("readonly_memmap") else ""
    return check.func.__name__ + more


CHECKS = [
    pytest.param(
        estimator,
        check,
        id=f"{type(estimator).__name__}-{name_of(check)}",
        marks=[pytest.mark.xfail(reason=CANNOT_PASS[name])] if name in CANNOT_PASS else [],
    )
    for given in ESTIMATORS
    for estimator, check in estimator_checks_generator(given)
    for name in [name_of(check)]
    if name != "check_array_api_input"  # for estimators that compute with other arrays than NumPy's
]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # theirs
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)
