"""Glossary: words of the page that have a meaning of their own here, those that it uses."""

from collections.abc import Iterator
from typing import Any

from outweigh._predictions import TWIN_NAME

Record = dict[str, Any]


def glossary(results: Record) -> list[tuple[str, str]]:
    """Give the words that a study's page uses, each with its meaning.

    Parameters
    ----------
    results : dict
        A study's record.

    Returns
    -------
    words : list of (word, meaning)
        In the order in which one is built on the others.
    """
    return [*_of_training(results), *_of_settings(results), *_of_judging(results)]


def _of_training(results: Record) -> Iterator[tuple[str, str]]:
    yield "setting", "one way to treat the classes: class weights, a loss, sampling, or nothing"
    if "lanes" in results["design"]:
        yield "lane", "one training run: one setting, on one fold, with one seed"
    yield (
        "twin",
        f"the setting {TWIN_NAME}: the same folds, the same seeds, nothing done about the classes",
    )


def _of_settings(results: Record) -> Iterator[tuple[str, str]]:
    names = [setting["name"] for setting in results["settings"]]
    if "balanced" in names:
        yield "balanced", "each class weighs in inverse proportion to its rows"
    powers = [name for name in names if name.startswith("power:")]
    if powers:
        tau = powers[-1].removeprefix("power:").partition("+")[0]
        yield (
            f"power:{tau}",
            f"weights in inverse proportion to the rows of a class to the power of {tau}: 0 weighs "
            "nothing, 1 is balanced",
        )


def _of_judging(results: Record) -> Iterator[tuple[str, str]]:
    yield (
        "undone",
        "what class weights, a loss or sampling did to the probabilities is taken out of them "
        "again, by a formula",
    )
    yield (
        "repaired",
        "then made honest by a map that rows held out taught; it may be that none was needed",
    )
    if results["chosen"]["threshold"] is not None or results["data"]["positive"] is None:
        yield "operating point", "the threshold, or the costs, by which a setting decides"
    yield (
        "cross-fitted",
        "judged on rows that the networks never saw, by repairs and thresholds that other folds "
        "taught",
    )
