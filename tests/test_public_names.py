"""The public surface is a decision."""

import outweigh


def test_all_names_are_sorted_present_and_said_once():
    assert outweigh.__all__ == sorted(outweigh.__all__)
    assert len(set(outweigh.__all__)) == len(outweigh.__all__)
    assert set(outweigh._ROOMS) == set(outweigh.__all__)
    assert all(getattr(outweigh, name).__doc__ for name in outweigh.__all__)


def test_the_surface_is_this():
    assert outweigh.__all__ == [
        "BundleError",
        "Cost",
        "DataError",
        "Effective",
        "NetworkError",
        "OutweighError",
        "Power",
        "Predictions",
        "SplitError",
        "Study",
        "TableError",
        "UsageError",
        "Verdict",
        "class_weight",
        "count_classes",
        "default_network",
        "undo",
        "weigh",
    ]
