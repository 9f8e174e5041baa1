"""The model card: what the report says, in Markdown, for a repository or a registry of models.

It is made of the same plain record, and says what a reader needs who did not make the study: what
the model is for, how it decides, how good it is and on which rows, and what nobody has measured.
"""

from collections.abc import Iterator
from typing import Any

from outweigh._predictions import LOSS, REFERENCE, SAMPLING, TWIN_NAME
from outweigh._settings import PRIOR_ONLY
from outweigh._written import with_sign, written
from outweigh.report._markdown import escaped, items, table
from outweigh.report._ranking_figures import share_of_positives
from outweigh.report._shown import flags_nobody, group_name
from outweigh.report._tables import NUMBERS, known_numbers

Record = dict[str, Any]

KINDS = {
    "weights": ("setting of class weights", "settings of class weights"),
    "loss": ("loss", "losses"),
    "sampling": ("sampling", "samplings"),
    "reference": ("reference that is no network", "references that are no networks"),
}
CLASSES_SHOWN = 30
OF_CLASSES = {
    "recall": ("recall", "{:.1%}"),
    "precision": ("precision", "{:.1%}"),
    "average precision": ("average_precision", "{:.3f}"),
    "cost per 1,000 of them": ("expected_cost", "{:.4g}"),
}
RATES = {k: v for k, *v in NUMBERS if k in ("flagged_share", "recall", "precision")}


def card(results: Record) -> str:
    """Write the model card of a study or of the demo.

    Parameters
    ----------
    results : dict
        A study's record, as it stands in ``results.json``.

    Returns
    -------
    markdown : str
        Whole; texts that came with the data are escaped for Markdown and for HTML.
    """
    data = results["data"]
    title = f"# Model card: {escaped(data['target'])} in {escaped(data['source'])}"
    sections = (
        ("", _answer(results)),
        ("What it is", _model(results)),
        ("What it is for", _purpose(results)),
        ("How it decides", _decides(results)),
        ("How good it is", _performance(results)),
        ("Can its probabilities be believed?", _probabilities(results)),
        ("What else was tried", _tried(results)),
        ("Where it errs", _segments(results)),
        ("What to know before using it", _findings(results)),
        ("What this cannot tell", _limits(results)),
        ("The data", _data(results)),
        ("How it was trained and judged", _design(results)),
        ("How to repeat it", _repeat(results)),
    )
    parts = [title]
    for heading, blocks in sections:
        if said := [block for block in blocks if block]:
            parts += [f"## {heading}", *said] if heading else said
    return "\n\n".join(parts) + "\n"


def _answer(r: Record) -> Iterator[str]:
    yield f"The verdict: **{escaped(r['verdict']['text'])}**"
    chosen = r["chosen"]
    yield f"Use {escaped(chosen['setting'])}: {escaped(chosen['reason'])}."


def _model(r: Record) -> Iterator[str]:
    data, design, used = r["data"], r["design"], _setting(r, r["chosen"]["setting"])
    if data["positive"] is not None:
        does = f"the probability that a row is {escaped(data['positive'])}"
    else:
        does = f"the probability of each of {len(data['classes'])} classes"
    by = "" if data["features"] is None else f", from {_count(data['features'], 'feature')}"
    if _made_elsewhere(r):
        yield f"Predictions of a model that was trained elsewhere: {does}{by}."
    elif used.get("kind") == REFERENCE:
        yield f"A model that gives {does}{by}. It is no network: {escaped(used['name'])}."
    else:
        network = escaped(design.get("network", "not described"))
        yield f"A model that gives {does}{by}. The network: {network}."
    seeds = len(design.get("seeds", ()))
    averaged = f", averaged over {_count(seeds, 'seed')}" if seeds > 1 else ""
    trained = f"It is trained {_with(r, used)}{averaged}."
    yield _joined(trained, _undone(used), _repaired(used))


def _purpose(r: Record) -> Iterator[str]:
    objective = r["objective"]
    yield f"Its decisions are for this: {escaped(objective['text'])}."
    if objective.get("world"):
        yield f"All {escaped(objective['world'])}."
    if objective.get("default"):
        yield (
            "Nobody said what mistakes cost. Before it decides anything that matters, say so, and "
            "decide by that: the figures below are for costs that the class counts suggest."
        )


def _decides(r: Record) -> Iterator[str]:
    chosen, used = r["chosen"], _setting(r, r["chosen"]["setting"])
    referred = used.get("referred_share", {}).get("value")
    if chosen["threshold"] is not None:
        follows = used["threshold"]["basis"] == "held-out"
        how = "it follows from the costs" if follows else "it was tuned on all folds"
        yield f"A case is flagged from a probability of {chosen['threshold']:.4g} on; {how}."
    elif flags_nobody(r):
        yield "No case is flagged: no cut-off was better than that, on all folds."
    elif used["expected_cost"]["value"] is not None:
        yield "Each case gets the decision of least expected cost; no one threshold does that."
    elif used["flagged_share"]["value"] is None:
        yield "It ranks cases, the most likely first, and decides nothing."
    if chosen["text"]:
        yield f"In numbers: {escaped(chosen['text'])}."
    if referred is not None and referred > 0:
        yield f"It refers {written(referred, '{:.1%}')} of the cases to a person."


def _performance(r: Record) -> Iterator[str]:
    chosen = r["chosen"]["setting"]
    columns = [(f"{escaped(chosen)}, cross-fitted", _setting(r, chosen))]
    if chosen != TWIN_NAME:
        columns.append(("no weights, cross-fitted", _setting(r, TWIN_NAME)))
    if r["test"]:
        columns.append(("test rows, held-out", r["test"]["chosen"]))
        if chosen != TWIN_NAME:
            columns.append(("no weights, test rows, held-out", r["test"]["twin"]))
    yield table(("", *(title for title, _ in columns)), _number_rows(r, columns))
    yield (
        "Cross-fitted: judged on rows that the networks never saw, repaired and decided by what "
        f"other folds taught ({escaped(r['design']['judged'])})."
    )
    if columns[0][1]["expected_cost"]["value"] is not None:
        yield (
            "The cheapest constant policy treats all cases alike, whichever way costs least; a "
            "share of 1 is no better than that."
        )
    verdict = r["verdict"]
    if verdict["interval"] and verdict["difference"] is not None:
        low, high = verdict["interval"]
        yield (
            f"Class weights against none: {with_sign(verdict['difference'])} "
            f"{_unit(verdict['unit'])} (95 % interval {with_sign(low)} to {with_sign(high)}; "
            f"positive: weights help; {escaped(verdict['basis'])})."
        )
    if of_classes := r.get("per_class"):
        yield f"Class by class, {escaped(of_classes['basis'])}:"
        yield table(("", "rows", *OF_CLASSES), _class_rows(of_classes, chosen))


def _class_rows(of_classes: Record, chosen: str) -> Iterator[tuple[str, ...]]:
    """Give what the chosen setting does to each of more than two classes."""
    numbers = of_classes["settings"][chosen]["classes"]
    pairs = zip(of_classes["classes"], numbers, strict=True)
    for about, found in list(pairs)[:CLASSES_SHOWN]:
        cells = (written(found[key]["value"], form) for key, form in OF_CLASSES.values())
        yield f"class {escaped(about['label'])}", f"{about['rows']:,}", *cells


def _number_rows(r: Record, columns: list[tuple[str, Record]]) -> Iterator[tuple[str, ...]]:
    for key, title, form in known_numbers(r, (scored for _, scored in columns)):
        yield title, *(_with_interval(scored.get(key, {}), form) for _, scored in columns)


def _probabilities(r: Record) -> Iterator[str]:
    used = _setting(r, r["chosen"]["setting"])
    calibration = used["calibration"]
    stages = [stage for stage in ("raw", "undone", "repaired") if stage in calibration]
    losses = [(stage, calibration[stage]["log_loss"]["value"]) for stage in stages]
    told = ", ".join(f"{stage} {written(loss, '{:.4f}')}" for stage, loss in losses)
    if r["objective"].get("world"):
        yield "Before the move to that world, on the rows of the table:"
    yield f"Log loss: {told}. {_repaired(used)}"
    mean, share = calibration["repaired"]["mean"]["value"], calibration["share_of_positives"]
    if mean is not None and share is not None:
        says, are = (written(part, "{:.2%}") for part in (mean, share))
        of = "are positive, by the weights of rows" if _weighted(r) else "of the rows are positive"
        yield f"It says {says} on average, where {are} {of}."
    bins = r["curves"].get(used["name"], {}).get("reliability")
    if bins:
        forms = ("{:.1%}", "{:.1%}", "{:.1%}", "{:.1%}", "{:,}")
        columns = (bins[k] for k in ("predicted", "observed", "low", "high", "count"))
        numbers = zip(*columns, strict=True)
        yield table(
            ("probability said, on average", "positive", "from", "to", "judged"),
            [tuple(map(written, row, forms)) for row in numbers],
        )


def _tried(r: Record) -> Iterator[str]:
    settings = r["settings"]
    others = [s.get("kind", "weights") for s in settings if s["name"] != TWIN_NAME]
    counted = [_counted(others.count(kind), *nouns) for kind, nouns in KINDS.items()]
    kinds = ", ".join(filter(None, counted)) or "nothing"
    yield f"Tried beside {TWIN_NAME}: {kinds}."
    compared = [s for s in settings if s.get("versus_none")]
    for currency, title in (("cost", "decisions"), ("ranking", "ranking")):
        lines = [_against(compared, currency, says) for says in ("better", "worse")]
        told = [line for line in lines if line]
        if compared:
            text = "; ".join(told) or "none can be told from it"
            yield f"Beside no weights, in {title}: {text}."
    if compared:
        yield _joined(
            "Each interval is that of one setting; of many that do nothing, some look different.",
            _not_the_verdicts(r),
        )


def _not_the_verdicts(r: Record) -> str:
    """Say why there are two intervals for what may be the same class weights."""
    if r["verdict"]["interval"] is None:
        return ""
    return (
        "The verdict's is another one: it judges the class weights that did best on the other "
        "folds, while here a setting is fixed in advance, and half is added to the variance for "
        "what folds have in common."
    )


def _against(compared: list[Record], currency: str, says: str) -> str:
    found = [s for s in compared if s["versus_none"][currency]["says"] == says]
    key = lambda s: -abs(s["versus_none"][currency]["value"] or 0)
    told = [_gained(s, currency) for s in sorted(found, key=key)[:5]]
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"{says} with {', '.join(told)}{more}" if told else ""


def _gained(setting: Record, currency: str) -> str:
    gain = setting["versus_none"][currency]
    low, high = gain["interval"] or (None, None)
    ends = "" if low is None or high is None else f", {with_sign(low)} to {with_sign(high)}"
    return f"{escaped(setting['name'])} ({with_sign(gain['value'])} {_unit(gain['unit'])}{ends})"


def _segments(r: Record) -> Iterator[str]:
    for segment in r.get("segments") or ():
        groups = segment["groups"]
        kept = [k for k in RATES if any(g["chosen"][k]["value"] is not None for g in groups)]
        two = r["data"]["positive"] is not None
        cost = any(g["chosen"]["expected_cost"]["value"] is not None for g in groups)
        counts = ("rows", "positives") if two else ("rows",)
        head = ("group", *counts, *(RATES[k][0] for k in kept))
        rows = (
            (
                escaped(group_name(group)),
                *(written(group[count], "{:,}") for count in counts),
                *(_with_interval(group["chosen"][k], RATES[k][1]) for k in kept),
                *([written(group["chosen"]["expected_cost"]["value"], "{:.4g}")] if cost else []),
            )
            for group in groups
        )
        sure = ", 95 % intervals" if any(g["chosen"]["recall"]["interval"] for g in groups) else ""
        yield f"By {escaped(segment['column'])} ({escaped(segment['basis'])}{sure}):"
        if not two:
            yield "Recall and precision are means over the classes."
        yield table((*head, *(["cost per 1,000"] if cost else [])), rows)


def _findings(r: Record) -> Iterator[str]:
    yield items(
        f"**{escaped(f['title'])}** {escaped(f['remedy'])} ({escaped(f['code'])})"
        for f in r["findings"]
    )


def _limits(r: Record) -> Iterator[str]:
    yield items(_open_questions(r))


def _open_questions(r: Record) -> Iterator[str]:
    """Say what the record shows not to have been measured."""
    verdict, data = r["verdict"], r["data"]
    if verdict["more_positives"]:
        rows = "positives" if data["positive"] is not None else "rows of the rarer classes"
        yield (
            "Whether class weights help here: no difference could be told from chance. If the true "
            f"difference is the one seen, about {verdict['more_positives']:,} more {rows} would "
            "settle it in four studies of five."
        )
    if not r["test"] and "demo" not in r:  # which judges on its test rows
        yield (
            "How the final model does on rows that took part in nothing: none were kept for a last "
            "test. The figures are those of models trained on parts of the rows."
        )
    if r["objective"].get("world") is None and data["prevalence"] is not None:
        share = written(share_of_positives(r), "{:.2%}")
        yield (
            f"What happens where other than {share} of the cases are positive"
            f"{', by the weights of rows' if _weighted(r) else ''}: probabilities, threshold and "
            "costs are for that share."
        )
    if not r.get("segments"):
        yield "Whether it errs more in one part of the cases than in another: nobody asked."
    looks = (look for look in r.get("looks", ()) if look["outcome"] == "not applicable")
    told = [f"{escaped(look['code'])} ({escaped(look['because'])})" for look in looks]
    if told:
        yield f"What was not looked for, since it does not apply: {'; '.join(told)}."


def _data(r: Record) -> Iterator[str]:
    data = r["data"]
    training = "trained on" if "demo" in r else "trained and judged on"
    every = [("all", data), (training, data.get("training")), ("test", data["test"])]
    parts = [(name, part) for name, part in every if part]
    labels = list(data["classes"])
    rows = [
        (f"class {escaped(label)}", *(f"{part['classes'][label]:,}" for _, part in parts))
        for label in labels[:CLASSES_SHOWN]
    ]
    rows.append(("rows", *(f"{part['rows']:,}" for _, part in parts)))
    yield table(("", *(name for name, _ in parts)), rows)
    if data["positive"] is not None:
        share = written(data["prevalence"], "{:.2%}")
        yield f"The positive class is {escaped(data['positive'])}, {share} of the rows."
    if _weighted(r):
        yield (
            "Rows have weights. Here rows are counted, whatever they weigh; shares, costs and "
            "scores above are sums of weights."
        )
    if data.get("sha256"):
        yield f"SHA-256 of the table: {escaped(data['sha256'])}"
    yield items(f"Note: {escaped(note)}" for note in data["notes"])


def _design(r: Record) -> Iterator[str]:
    names = (name for name in r["design"] if name not in ("network", "parameters"))
    lines = [f"{escaped(name.replace('_', ' '))}: {_value(r['design'][name])}" for name in names]
    if "parameters" in r["design"]:
        lines.append(f"parameters: {_value(r['design']['parameters'])}")
    yield items(lines)
    seconds = r["timing"]["seconds"].get("total")
    if seconds is not None:
        cores = r["environment"].get("cores")
        on = "" if cores is None else f" on {_count(cores, 'core')}"
        yield f"The whole took {seconds:,.0f} s{on}."


def _repeat(r: Record) -> Iterator[str]:
    if "demo" in r:
        yield "```console\n$ outweigh demo\n```"
    elif r.get("configuration"):
        yield (
            "The configuration stands in run.toml beside this card, every number in results.json:"
        )
        yield "```console\n$ outweigh run DATA --config run.toml\n```"
    else:
        yield "The study was made in Python, by the design above; every number is in its results."
    versions = (f"{k} {v}" for k, v in r["environment"].items() if k != "cores")
    yield f"Made with {escaped(', '.join(versions))}."


def _setting(r: Record, name: str) -> Record:
    found: Record = next(s for s in r["settings"] if s["name"] == name)
    return found


def _with(r: Record, setting: Record) -> str:
    """Say what a setting does, and with which weights."""
    if setting["name"] == TWIN_NAME:
        return "as the rows are, without class weights or any other remedy"
    weights = list(_weights(setting).items())[:CLASSES_SHOWN]
    each = ", ".join(f"class {escaped(label)} weighs {weight:.4g}" for label, weight in weights)
    text = setting.get("text") if setting.get("text") != setting["name"] else None
    how = "; ".join(part for part in (text and escaped(text), each) if part)
    same = setting.get("kind") == REFERENCE and not _made_elsewhere(r)
    on = "on the same rows as networks" if same else f"with the setting {escaped(setting['name'])}"
    return f"{on} ({how})" if how else on


def _weights(setting: Record) -> Record:
    """Give the class weights by label, where classes weigh differently."""
    weights: Record = setting["class_weight"] or {}
    return weights if len({*weights.values()}) > 1 else {}


def _undone(setting: Record) -> str:
    """Say what is taken out of the probabilities; nothing where a setting did nothing to them."""
    if setting.get("inverse") == PRIOR_ONLY:
        if setting.get("kind") == REFERENCE:
            return "What it does about the classes by itself is not taken out of its probabilities."
        return (
            "What that did to the shares of the classes is taken out of its probabilities, the "
            "rest is not."
        )
    bent = setting.get("kind") in (LOSS, SAMPLING) and setting.get("inverse")
    if not (_weights(setting) or bent):
        return ""
    return "What that did to its probabilities is taken out of them again."


def _repaired(setting: Record) -> str:
    repair = setting["calibration"]["repair"]
    if repair == "none":
        return "Its probabilities needed no repair."
    return f"Its probabilities are repaired by what rows held out taught ({escaped(repair)})."


def _weighted(r: Record) -> bool:
    """Tell whether rows have weights of their own; an older record does not say."""
    return bool(r["data"].get("weighted"))


def _made_elsewhere(r: Record) -> bool:
    """Tell whether outweigh trained nothing, and judged predictions alone."""
    return "epochs" not in r["design"]


def _with_interval(number: Record, form: str) -> str:
    value, interval = number.get("value"), number.get("interval")
    if value is None or not interval:
        return written(value, form)
    low, high = (written(end, form) for end in interval)
    return f"{written(value, form)} ({low} to {high})"


def _joined(*sentences: str) -> str:
    """Put sentences one after another; some may be empty."""
    return " ".join(filter(None, sentences))


def _unit(unit: str) -> str:
    return "%" if unit == "percent" else escaped(unit)


def _counted(n: int, one: str, many: str) -> str:
    """Count things, with nothing said of none."""
    return "" if n == 0 else f"{n:,} {one if n == 1 else many}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _value(value: Any) -> str:
    return escaped(", ".join(map(str, value)) if isinstance(value, list) else value)
