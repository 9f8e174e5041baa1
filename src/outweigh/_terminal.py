"""The terminal: progress, and a summary that a manager can read.

Answers go to stdout, everything else to stderr; no bars where nobody watches. Text from the data
is stripped of what steers, turns around or hides, and is never markup.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from outweigh._chunk import Progress as Done
from outweigh._settings import PRIOR_ONLY
from outweigh._written import with_sign, written

Tell = Callable[[str, Done], None]

NUMBERS = {
    "expected_cost": ("cost*", "{:.4g}"),
    "score": ("score", "{:.3f}"),
    "flagged_share": ("flagged", "{:.1%}"),
    "recall": ("recall", "{:.1%}"),
    "precision": ("precision", "{:.1%}"),
    "referred_share": ("referred", "{:.1%}"),
    "average_precision": ("AP", "{:.3f}"),
    "log_loss": ("log loss", "{:.4f}"),
}
OF_THE_TEST = {
    "expected_cost": ("cost", "{:.2f} per 1,000"),
    "score": ("", "{:.3f}"),  # it goes by the name of what it scores
    "recall": ("recall", "{:.1%}"),
    "flagged_share": ("flagged", "{:.1%}"),
    "referred_share": ("referred", "{:.1%}"),
}
PRIOR_ONLY_MARK = "†"
UNSEEN = {"Cc", "Cf", "Cs"}  # kinds of characters: they steer, turn text around, have no width
MARKS, MOST_MARKS = {"Mn", "Me"}, 4  # on one letter; more would run over the lines around
BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
BLANK = {
    *map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)),
    *map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),
}
"""Letters that show nothing (fillers of Hangul, the empty Braille cell), and choices of a glyph."""
MOST_ROWS, MOST_REMEDIES = 16, 30  # of class weights, and of all else; the report has them all


def clean(text: Any) -> str:
    r"""Drop from a text what could steer a terminal, or deceive who reads it.

    That is: control characters; marks that turn text around or have no width; halves of characters;
    letters that show nothing; and of marks piled up on one letter all but the first few. Tabs, line
    breaks and the like become spaces: a text stays on its line.

    Examples
    --------
    >>> clean("a\x1b[31m\u202e\u200bb\nc")
    'a[31mb c'
    """
    kept, marks = [], 0
    for c in str(text):
        kind = unicodedata.category(c)
        if c in BREAKS:
            kept.append(" ")
        elif kind not in UNSEEN and c not in BLANK:
            marks = marks + 1 if kind in MARKS else 0
            if marks <= MOST_MARKS:
                kept.append(c)
    return "".join(kept)


def say(text: str) -> None:
    """Say something on stderr."""
    print(clean(text), file=sys.stderr, flush=True)


def answer(text: str) -> None:
    """Say something on stdout."""
    print(clean(text), flush=True)


@contextmanager
def progress() -> Iterator[Tell]:
    """Show lanes, epochs and time left on a terminal; a line for each stage elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[lanes]} lanes, {task.fields[epochs]} epochs"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: Done) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"training: {stage}", total=1, lanes="0", epochs="0")
            lanes = f"{done.lanes_done}/{done.lanes}"
            bars.update(
                tasks[stage], completed=done.share_done, lanes=lanes, epochs=f"{done.epochs_done:,}"
            )

        yield tell


def summary(results: dict[str, Any]) -> None:
    """Print the answer of a study on stdout."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    data, chosen = results["data"], results["chosen"]
    counts = ", ".join(f"{n:,} × {label}" for label, n in data["classes"].items())
    console.print(clean(f"{data['source']}: {data['rows']:,} rows, {counts}."))
    for note in data["notes"]:
        console.print(clean(f"({note})"))
    console.print(clean(f"Decisions are for this: {results['objective']['text']}."))
    if results["objective"]["world"]:
        console.print(clean(f"All {results['objective']['world']}."))
    console.print(_table(results))
    console.print(
        clean(
            f"{_starred(results)}AP: average precision. Cross-fitted: "
            f"{results['design']['judged']}; repairs and operating points are chosen on the other "
            "folds."
        )
    )
    console.print()
    _print_remedies(console, results)
    console.print(clean(results["verdict"]["text"]), style="bold")
    console.print(clean(f"Use {chosen['setting']!r}: {chosen['reason']}."))
    if chosen["threshold"] is not None:
        from_there = f"Flag from a probability of {chosen['threshold']:.4g}"
        console.print(clean(f"{from_there}: {chosen['text']}."))
    elif chosen["text"]:
        console.print(clean(f"Decided so, {chosen['text']}."))
    if results["test"]:
        _print_test(console, results["test"], results["objective"]["name"])
    for finding in results["findings"]:
        console.print(clean(f"Note: {finding['title']} {finding['remedy']}"))


def demo_summary(results: dict[str, Any]) -> None:
    """Print what the tutorial said and what is true of it on stdout."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    training, test = results["data"]["training"], results["data"]["test"]
    console.print(
        f"The tutorial's data: {training['rows']:,} rows to train, {test['rows']:,} to test, "
        f"{written(data_share(test), '{:.2%}')} of them positive."
    )
    table = Table("network", box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("recall reported", "recall", "precision", "flagged of everybody"):
        table.add_column(title, justify="right")
    for run in results["tutorial"]:
        positive = run["report"]["1"]
        precision = positive["precision"] if run["flagged_share"] else None  # there: 0 of 0 is 0
        table.add_row(
            clean(run["name"]),
            f"{run['claimed_recall']:.2f}",
            f"{positive['recall']:.2f}",
            written(precision, "{:.3f}"),
            written(run["flagged_share"], "{:.1%}"),
        )
    console.print(table)
    limit = results["bayes_limit"]
    exact = limit["exact"]
    console.print(
        f"The best possible score reaches ROC AUC {limit['roc_auc']:.3f} and average precision "
        f"{limit['average_precision']:.3f} here ({exact['roc_auc']:.3f} and "
        f"{exact['average_precision']:.3f} with the generator's own parameters): half of the "
        "positives are label noise."
    )
    for network in results["demo"]["networks"]:
        collapsed, lanes = sum(network["collapsed"]), len(network["collapsed"]) * network["seeds"]
        console.print(
            clean(
                f"Network {network['name']}: {collapsed} of {lanes} lanes collapsed to a constant. "
                f"{network['verdict']['text']}"
            )
        )
    seconds = ", ".join(f"{k} {v:.1f} s" for k, v in results["timing"]["seconds"].items())
    console.print(f"Time: {seconds}.")


def data_share(part: dict[str, Any]) -> float:
    """Give the share of the last class in a part of the data."""
    return float(list(part["classes"].values())[-1] / part["rows"])


def _lines() -> Tell:
    """Say once for each stage that it has begun."""
    begun = set()

    def tell(stage: str, done: Done) -> None:
        if stage not in begun:
            begun.add(stage)
            say(f"training {done.lanes} lanes ({stage}) ...")

    return tell


def _table(results: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("setting", overflow="fold")  # a name is needed whole
    table.add_column("ratio")
    numbers = {key: as_shown for key, as_shown in NUMBERS.items() if _has(results, key)}
    for title, _ in numbers.values():
        table.add_column(title, justify="right")
    for setting in _few_weights(results):
        mark = " ←" if setting["name"] == results["chosen"]["setting"] else ""
        ratio = setting["weight_ratio"]
        table.add_row(
            clean(setting["name"]) + mark,
            written(ratio, "1:{:.4g}"),
            *(written(setting[name]["value"], form) for name, (_, form) in numbers.items()),
        )
    return table


def _starred(results: dict[str, Any]) -> str:
    """Say what the star at a title means, where one has it."""
    stars = (_has(results, key) and title.endswith("*") for key, (title, _) in NUMBERS.items())
    return "* per 1,000 cases. " if any(stars) else ""


def _has(results: dict[str, Any], key: str) -> bool:
    """Whether a number is there for any setting."""
    return any(setting[key]["value"] is not None for setting in results["settings"])


def _few_weights(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Keep few of many class weights, evenly spaced, and all other settings."""
    settings = results["settings"]
    weights = [s["name"] for s in settings if s["kind"] == "weights"]
    kept = {results["chosen"]["setting"], "none", "balanced"}
    kept.update(weights[:: -(-len(weights) // MOST_ROWS)])
    return [s for s in settings if s["kind"] != "weights" or s["name"] in kept]


def _print_remedies(console: Console, results: dict[str, Any]) -> None:
    """Print what each remedy gains on none, and the best class weights, if there are others."""
    settings, best = results["settings"], results["verdict"]["best"]
    others = [s for s in settings if s["kind"] != "weights"]
    if not others:
        return
    of_weights = [s for s in settings if s["name"] == best and s["versus_none"]]
    percent = others[0]["versus_none"]["cost"]["unit"] == "percent"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("against none", overflow="fold")
    cost = "cost, %" if percent else "score, points"
    for title in (cost, "95 % interval", "AP, points", "log loss, %"):
        table.add_column(title, justify="right", no_wrap=True)
    for setting in [*of_weights, *others[:MOST_REMEDIES]]:
        mark = PRIOR_ONLY_MARK if setting["inverse"] == PRIOR_ONLY else ""
        table.add_row(clean(setting["name"]) + mark, *_gains(setting["versus_none"]))
    console.print(table)
    left = len(others) - MOST_REMEDIES
    more = f" {left} more stand in the report." if left > 0 else ""
    console.print(
        "What is saved or gained: plus is better. Better and worse are said beyond chance, for a "
        f"remedy taken alone; of many some look so.{more}"
    )
    if any(s["inverse"] == PRIOR_ONLY for s in others[:MOST_REMEDIES]):
        console.print(
            f"{PRIOR_ONLY_MARK} What it does to probabilities has no exact inverse: the prior "
            "alone is undone, and the repair must do the rest."
        )
    console.print()


def _gains(versus: dict[str, Any]) -> list[str]:
    """Write what is gained in each currency, with the interval of the first."""
    cost, ranking, calibration = (_gained(gain) for gain in versus.values())
    low, high = map(with_sign, versus["cost"]["interval"] or (None, None))
    return [cost, f"{low} to {high}", ranking, calibration]


def _gained(gain: dict[str, Any]) -> str:
    says = f"{gain['says']} " if gain["says"] in ("better", "worse") else ""
    return says + with_sign(gain["value"])


def _print_test(console: Console, test: dict[str, Any], objective: str) -> None:
    """Print what the chosen setting and its twin come to on the test rows."""
    alike = test["chosen"] == test["twin"]
    for role in ("chosen",) if alike else ("chosen", "twin"):
        numbers = ", ".join(
            f"{title or objective} {written(test[role][key]['value'], form)}"
            for key, (title, form) in OF_THE_TEST.items()
            if test[role][key]["value"] is not None
        )
        console.print(
            clean(f"On the test rows, {role} ({test[role]['setting']}): {numbers} (held-out).")
        )
