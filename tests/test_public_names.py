"""The public surface is a decision."""

import outweigh


def test_all_names_are_sorted_present_and_said_once():
    assert outweigh.__all__ == sorted(outweigh.__all__)
    assert len(set(outweigh.__all__)) == len(outweigh.__all__)
    assert set(outweigh._ROOMS) == set(outweigh.__all__)
    assert all(getattr(outweigh, name).__doc__ for name in outweigh.__all__)


def test_the_surface_is_this():
    assert outweigh.__all__ == [
        "Alerts",
        "AveragePrecision",
        "BalancedAccuracy",
        "BundleError",
        "Cost",
        "CostMatrix",
        "DataError",
        "Effective",
        "FBeta",
        "Labels",
        "Matthews",
        "NetworkClassifier",
        "NetworkError",
        "OneHot",
        "OutweighError",
        "Power",
        "PrecisionAtRecall",
        "Predictions",
        "RecallAtPrecision",
        "RocAuc",
        "RowCost",
        "SplitError",
        "Study",
        "TableError",
        "UsageError",
        "Verdict",
        "WeightSearchCV",
        "YesNo",
        "class_weight",
        "class_weights",
        "count_classes",
        "default_network",
        "export_keras",
        "export_onnx",
        "initial_bias",
        "log_model",
        "row_weight",
        "threshold",
        "undo",
        "weigh",
        "weigh_labels",
        "weigh_predictions",
        "weighted",
    ]
