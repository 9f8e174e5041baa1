"""The command line: reads, runs, writes.

Exit status: 0 fine, 2 wrong usage, 65 data or a network that cannot serve, 130 interrupted. The
rooms that do the work are loaded by the command that needs them, so that help is at hand at once.
"""

import os
import sys
import tomllib
import traceback
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from outweigh import __version__
from outweigh._errors import OutweighError, UsageError
from outweigh._machine import keep_compiled

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Weigh class weights for neural networks on rare classes, honestly.",
)

Data = Annotated[Path, typer.Argument(help="A CSV or Parquet table.", metavar="DATA")]
Target = Annotated[str, typer.Option(help="The column with the classes.", metavar="COL")]
Positive = Annotated[
    str | None, typer.Option(help="The class of interest; the rarer one unless given.")
]
Exclude = Annotated[list[str] | None, typer.Option(help="A column to leave out; repeatable.")]
Network = Annotated[
    str | None, typer.Option(help="Your own Keras network.", metavar="FILE.py:FUNCTION")
]
CostFn = Annotated[float | None, typer.Option(help="Cost of a missed positive.")]
CostFp = Annotated[float | None, typer.Option(help="Cost of a false alarm.")]
CostFile = Annotated[
    Path | None,
    typer.Option(help="Costs: true classes as rows, predicted as columns.", metavar="FILE"),
]
Refer = Annotated[float | None, typer.Option(help="Cost of handing a case to a person.")]
Prevalence = Annotated[
    float | None, typer.Option(help="Share of positives where the model will be used.")
]
SampledAt = Annotated[
    float | None, typer.Option(help="Share of the negatives that the table kept.")
]
Out = Annotated[Path | None, typer.Option(help="Folder to write; new or empty.", metavar="DIR")]


def main() -> None:
    """Run the command line; a mistake is one line on stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else a TensorFlow that is there chatters
    keep_compiled()
    try:
        status = app(standalone_mode=False)
    except OutweighError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted.", 130)
    except OSError as error:  # a full disk, say
        from outweigh._reading import one_line

        reason = one_line(error)
        _fail(f"files must be readable and writable; {reason}: make room, or name others", 1)
    except Exception as error:
        _fail_as(error)
    if status:
        sys.exit(status)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        typer.echo(f"outweigh {__version__}")
        raise typer.Exit


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take the options of a run.toml as defaults."""
    if path is None:
        return None
    try:
        options = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--config must name a TOML file that can be read: {error}") from None
    known = {parameter.name for parameter in context.command.params}
    if unknown := sorted(set(options) - known):
        raise UsageError(f"--config must hold options of 'outweigh run', it holds {unknown}.")
    context.default_map = options
    return path


@app.command()
def run(
    context: typer.Context,
    data: Data,
    target: Target,
    positive: Positive = None,
    out: Out = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A run.toml to repeat.", callback=_read_config, is_eager=True),
    ] = None,
    cost_fn: CostFn = None,
    cost_fp: CostFp = None,
    costs: CostFile = None,
    cost_column: Annotated[
        str | None, typer.Option(help="What missing each row costs.", metavar="COL")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="f1, recall@precision>=0.9, alerts:10, mcc …", metavar="NAME"),
    ] = None,
    refer_cost: Refer = None,
    tuned_threshold: Annotated[
        bool, typer.Option("--tuned-threshold", help="Tune it instead of deriving it from costs.")
    ] = False,
    prevalence: Prevalence = None,
    sampled_at: SampledAt = None,
    settings: Annotated[
        str,
        typer.Option(help="What to try: balanced, ratio:50, path:8, focal:2, smote, remedies …"),
    ] = "path:8",
    reference: Annotated[
        str | None,
        typer.Option(help="Classifiers to measure against: usual, logistic …", metavar="LIST"),
    ] = None,
    use: Annotated[
        str | None,
        typer.Option(help="What to refit; the verdict's choice unless given.", metavar="SETTING"),
    ] = None,
    network: Network = None,
    epochs: Annotated[int | None, typer.Option(help="At most.")] = None,
    patience: Annotated[int, typer.Option(help="0: no early stopping.")] = 15,
    watch: Annotated[
        str, typer.Option(help="The validation loss to stop by: undone, raw, weighted.")
    ] = "undone",
    batch_size: Annotated[int | None, typer.Option()] = None,
    learning_rate: Annotated[float | None, typer.Option()] = None,
    seeds: Annotated[int, typer.Option(help="Networks averaged.")] = 5,
    seed: Annotated[int, typer.Option(help="Where seeds begin.")] = 0,
    time_limit: Annotated[
        float | None,
        typer.Option(help="Minutes; what is finished by then is judged.", metavar="MIN"),
    ] = None,
    folds: Annotated[int, typer.Option()] = 5,
    repeats: Annotated[int, typer.Option(help="How often the split is made anew.")] = 1,
    group: Annotated[
        str | None, typer.Option(help="Rows of one value stay together.", metavar="COL")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Judge on later rows than trained on.", metavar="COL")
    ] = None,
    row_weight: Annotated[
        str | None, typer.Option(help="How much each row counts.", metavar="COL")
    ] = None,
    row_id: Annotated[
        str | None, typer.Option("--id", help="Names the rows; no feature.", metavar="COL")
    ] = None,
    exclude: Exclude = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(help="A column to tell errors apart by; repeatable.", metavar="COL"),
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option(help="A text that means missing; repeatable.")
    ] = None,
    duplicates_together: Annotated[
        bool, typer.Option("--duplicates-together", help="Equal rows stay in one fold.")
    ] = False,
    test_size: Annotated[float, typer.Option(help="Share of rows kept for one last test.")] = 0.0,
    test: Annotated[
        Path | None, typer.Option(help="A table kept for one last test.", metavar="FILE")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Blocks of lanes side by side.")] = None,
) -> None:
    """Weigh class weights on a table, and write a report."""
    from outweigh import _terminal as terminal
    from outweigh._deployment import Deployment
    from outweigh._folder import new_folder
    from outweigh._network import default_network, load_build
    from outweigh._plan import Design
    from outweigh._study import Clock
    from outweigh._table import read_table
    from outweigh._test_file import with_test_file
    from outweigh._wanted import Wanted
    from outweigh._weigh import weigh_table

    clock = Clock()
    design = Design(
        folds=folds,
        repeats=repeats,
        seeds=seeds,
        seed=seed,
        test_size=test_size,
        epochs=epochs,
        patience=patience,
        watch=watch,
        batch_size=batch_size,
        duplicates_together=duplicates_together,
        time_limit=time_limit,
    )
    wanted = Wanted(
        cost_fn=cost_fn,
        cost_fp=cost_fp,
        costs=costs,
        cost_column=cost_column,
        objective=objective,
        refer_cost=refer_cost,
        tuned_threshold=tuned_threshold,
    )
    deployment = Deployment(prevalence=prevalence, sampled_at=sampled_at)
    folder = new_folder(out, data.stem)
    table = read_table(
        data,
        target=target,
        positive=positive,
        exclude=tuple(exclude or ()),
        group=group,
        time=time,
        row_weight=row_weight,
        row_id=row_id,
        amount=cost_column,
        missing=tuple(missing or ()),
        segments=tuple(segment or ()),
    )
    test_rows = None
    if test is not None:
        table, test_rows = with_test_file(table, test, row_weight=row_weight)
    build = default_network if network is None else load_build(network)
    clock.lap("read")
    with terminal.progress() as tell:
        study = weigh_table(
            table,
            objective=wanted.resolved(table.classes),
            deployment=deployment,
            settings=settings,
            references=reference or (),
            use=use,
            network=build,
            network_name=network,
            design=design,
            test=test_rows,
            learning_rate=learning_rate,
            workers=workers,
            tell=tell,
        )
    clock.lap("study")
    seconds = study.results["timing"]["seconds"]
    del seconds["total"]
    study.results["timing"]["seconds"] = {"read": clock.rounded()["read"], **seconds}
    study.results["timing"]["seconds"]["total"] = clock.rounded()["total"]
    study.save(folder, configuration=_configuration(context))
    terminal.summary(study.results)
    terminal.answer(f"Report: {folder / 'report.html'}")


@app.command()
def predict(
    folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="DIR")],
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="A new .csv or .parquet file.", metavar="FILE")
    ] = None,
    row_id: Annotated[
        str | None, typer.Option("--id", help="Names the rows.", metavar="COL")
    ] = None,
    network: Network = None,
    cost_fn: CostFn = None,
    cost_fp: CostFp = None,
    costs: CostFile = None,
    refer_cost: Refer = None,
    prevalence: Prevalence = None,
    sampled_at: SampledAt = None,
    raw_text: Annotated[
        bool,
        typer.Option("--raw-text", help="CSV with no ' before what a spreadsheet would compute."),
    ] = False,
) -> None:
    """Predict new rows, those most worth acting on first."""
    from outweigh import _cases as cases
    from outweigh import _terminal as terminal
    from outweigh._bundle import load
    from outweigh._deployment import Deployment
    from outweigh._folder import BUNDLE
    from outweigh._network import load_build
    from outweigh._reading import quoted, shown
    from outweigh._rows import read_rows
    from outweigh._wanted import Wanted

    wanted = Wanted(cost_fn=cost_fn, cost_fp=cost_fp, costs=costs, refer_cost=refer_cost)
    deployment = Deployment(prevalence=prevalence, sampled_at=sampled_at)
    if out is not None:
        cases.check_out(out)
    model = load(folder / BUNDLE, build=None if network is None else load_build(network))
    model = model.at(wanted.resolved_costs(model.classes), deployment)
    rows = read_rows(
        data,
        model.features.schema,
        missing=model.missing,
        row_id=row_id,
        amount=model.amount_column,
    )
    extra = [name for name in rows.extra if name != model.target]
    if extra:
        terminal.say(f"Not looked at, since the model does not use them: {quoted(extra)}.")
    n_rows = len(rows.columns)
    for name, n in model.features.unknown(rows.columns).items():
        terminal.say(
            f"{shown(name)}: values that the study never saw, in {n:,} of {n_rows:,} rows."
        )
    table = cases.cases(model, rows.columns, rows.row_id, name=row_id or "row", amount=rows.amount)
    if out is None:
        table, n_changed = cases.for_terminal(table)
        if n_changed:
            terminal.say(
                f"Control characters left out of texts: {n_changed:,}. A file, --out, has them."
            )
        typer.echo(cases.to_csv(table, raw_text=raw_text).encode(), nl=False)
        return
    cases.write(table, out, raw_text=raw_text)
    terminal.say(f"{len(table):,} cases, the most worth acting on first: {out}")


@app.command()
def demo(
    out: Out = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few epochs only.")] = False,
) -> None:
    """Show a well-known tutorial on class weights, made honest."""
    from outweigh import _terminal as terminal
    from outweigh._demo import run_demo
    from outweigh._folder import new_folder, write

    folder = new_folder(out, "demo")
    with terminal.progress() as tell:
        found = run_demo(quick=quick, tell=tell)
    write(
        folder,
        results=found.results,
        decisions=found.decisions,
        configuration={"demo": True, "quick": quick},
    )
    terminal.demo_summary(found.results)
    terminal.answer(f"Report: {folder / 'report.html'}")


@app.command()
def report(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Write a run folder's report and card anew from its numbers."""
    from outweigh._files import write_text
    from outweigh._folder import CARD, REPORT, read_results
    from outweigh._terminal import answer
    from outweigh.report import page
    from outweigh.report._card import card

    results = read_results(folder)
    write_text(folder / REPORT, page(results))
    write_text(folder / CARD, card(results))
    answer(f"Report: {folder / REPORT}")


@app.command()
def weights(
    data: Data,
    target: Target,
    rule: Annotated[str, typer.Option(help="balanced, sqrt, power:0.7, ratio:50 …")] = "balanced",
    positive: Positive = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Compute class weights for a table, ready for Keras."""
    import json as json_format

    from outweigh._grammar import parse_rule
    from outweigh._table import read_target
    from outweigh._terminal import clean

    classes, counts = read_target(data, target=target, positive=positive)
    weight = parse_rule(rule, classes).class_weight(counts, classes)
    found = dict(zip(classes, weight.tolist(), strict=True))
    if json:
        said = json_format.dumps({str(label): weight for label, weight in found.items()})
        typer.echo(said.replace("\x7f", "\\u007f"))  # JSON would let this control character be
        return
    for label, n in zip(classes, counts, strict=True):
        typer.echo(clean(f"{label!r}: {found[label]:.10g}   ({n:,} rows)"))


def _configuration(context: typer.Context) -> dict[str, Any]:
    """Give every option of the run, also those that were not given."""
    options = {k: v for k, v in context.params.items() if k not in ("config", "out")}
    return {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}


def _fail_as(error: Exception) -> NoReturn:
    """Show a mistake on the command line as Typer does, and any other error as Python does.

    Both may hold text from elsewhere, such as the name of a file, so neither writes by itself.
    """
    from outweigh._terminal import say

    told = StringIO()
    if show := getattr(error, "show", None):
        show(told)
    else:
        traceback.print_exception(error, file=told)
    for line in told.getvalue().rstrip("\n").split("\n"):
        say(line)
    sys.exit(getattr(error, "exit_code", 1))


def _fail(message: str, code: int) -> NoReturn:
    from outweigh._terminal import say

    say(f"outweigh: {message}")
    sys.exit(code)
