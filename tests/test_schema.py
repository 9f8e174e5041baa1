"""The schema: every record of every kind of study is one, and the page of keys says the same.

``python -m tests.test_schema`` writes the page anew.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import outweigh as ow
from outweigh import _demo
from outweigh._costs import Cost, RowCost
from outweigh._counted import FBeta
from outweigh._deployment import Deployment
from outweigh._findings import looks_at
from outweigh._rankings import AveragePrecision
from outweigh._record import record
from outweigh._schema import schema
from outweigh._segment import Segment
from tests.test_findings import with_text
from tests.test_record import ABOUT, Failing, recorded
from tests.trainers import table_of, world

DOCUMENT = Path(ow.__file__).parents[2] / "docs" / "results.md"

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

INTRODUCTION = """\
# The record of a study

`results.json` holds every number of a study; the report, the card and the figures are made of it
and of nothing else. `results.schema.json`, in the package, describes it for machines (JSON Schema,
draft 2020-12), and this page is written from it. A record has no key that does not stand here.

`{name}` stands for a name that comes from the study, and `[]` for each item of a list.
"""


# what is described


def parts_of(node, path="") -> Iterator[tuple[str, dict]]:
    """Give each described place of a schema: its path, and its node."""
    yield path, node
    for key, one in node.get("properties", {}).items():
        yield from parts_of(one, f"{path}.{key}" if path else key)
    if isinstance(node.get("items"), dict):
        yield from inside(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from inside(node["additionalProperties"], f"{path}.{{name}}")
    for one in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        if "properties" in one:
            yield from list(parts_of(one, path))[1:]


def inside(node, path):
    """Leave out what has no keys: its description is that of the list."""
    return parts_of(node, path) if "properties" in json.dumps(node) else ()


def kind_of(node) -> str:
    """Say in a word or two what may stand there."""
    if "$ref" in node:
        name = node["$ref"].split("/")[-1]
        return f"[{name}](#{name})"
    for either in ("anyOf", "oneOf"):
        if either in node:
            return " or ".join(dict.fromkeys(kind_of(one) for one in node[either]))
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(value)}`" for value in node["enum"])
    types = node["type"] if isinstance(node["type"], list) else [node["type"]]
    words = {"array": "list", "object": "object", "string": "text", "boolean": "true or false"}
    return " or ".join(words.get(one, one) for one in types)


def lines_of(node, path="") -> Iterator[str]:
    for place, one in list(parts_of(node, path))[1:]:
        if not place.endswith(("[]", "{name}")):
            yield f"- `{place}` ({kind_of(one)}): {one['description']}"


def documented() -> str:
    """Write the page of keys."""
    sections = [INTRODUCTION]
    for key, node in SCHEMA["properties"].items():
        lines = "\n".join(lines_of(node, key))
        head = f"## {key}\n\n{node['description']} ({kind_of(node)})\n"
        sections.append(head + (f"\n{lines}\n" if lines else ""))
    sections.append("## Parts that stand in several places\n")
    for name, node in SCHEMA["$defs"].items():
        lines = "\n".join(lines_of(node))
        sections.append(f"### {name}\n\n{node['description']}\n\n{lines}\n")
    return "\n".join(sections)


def test_the_page_of_keys_is_that_of_the_schema():
    assert DOCUMENT.read_text(encoding="utf-8") == documented()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert "$id" not in SCHEMA


def test_every_key_has_a_description_that_is_a_sentence():
    for root in (SCHEMA, *SCHEMA["$defs"].values()):
        for path, node in parts_of(root):
            if "properties" in node or not path.endswith(("[]", "{name}")):
                assert node["description"][0].isupper() or node["description"][0] == "`", path
                assert node["description"].endswith("."), path
                assert "\n" not in node["description"], path


def test_the_schema_is_closed_wherever_keys_are_fixed():
    for root in (SCHEMA, *SCHEMA["$defs"].values()):
        for path, node in parts_of(root):
            if "properties" in node:
                assert node["additionalProperties"] is False, path
                assert set(node["required"]) <= set(node["properties"]), path


# what is a record


def check(results):
    """Check a record as it reads once it is written."""
    VALIDATOR.validate(json.loads(json.dumps(results, allow_nan=False)))


def weighted(k=2):
    table = world(k=k)
    weight = np.random.default_rng(0).uniform(0, 3, len(table.y))
    return table_of(table.columns.numbers, table.y, table.classes, row_weight=weight)


def in_time():
    table = world()
    return table_of(table.columns.numbers, table.y, time=np.arange(len(table.y)))


def with_amounts():
    table = world()
    amount = np.random.default_rng(0).uniform(1, 9, len(table.y))
    return table_of(table.columns.numbers, table.y, amount=amount, amount_column="a")


def with_segments(k=2):
    table = world(k=k)
    sites = pa.array([("a", "b", None)[i % 3] for i in range(len(table.y))])
    ages = pa.array(np.arange(len(table.y)) % 70 / 2)
    return replace(table, segments=(Segment("site", sites), Segment("age", ages)))


STUDIES = {
    "plain": lambda: recorded(),
    "three classes": lambda: recorded(world(k=3)),
    "three classes and test rows": lambda: recorded(world(k=3), test_size=0.3),
    "three classes, ranked": lambda: recorded(world(k=3), objective=AveragePrecision()),
    "test rows": lambda: recorded(test_size=0.3),
    "remedies": lambda: recorded(
        settings="none,balanced,focal:2+sqrt,oversample,smote", references="logistic"
    ),
    "ranking": lambda: recorded(objective=AveragePrecision(), test_size=0.3),
    "F1": lambda: recorded(objective=FBeta(1)),
    "referral": lambda: recorded(objective=Cost(fn=9, fp=1, refer=0.5)),
    "cost column": lambda: recorded(with_amounts(), objective=RowCost(2)),
    "row weights": lambda: recorded(weighted()),
    "row weights of three classes": lambda: recorded(weighted(3)),
    "repetitions": lambda: recorded(repeats=2),
    "time": lambda: recorded(in_time()),
    "segments": lambda: recorded(with_segments()),
    "segments of three classes": lambda: recorded(with_segments(3)),
    "segments of a ranking": lambda: recorded(with_segments(), objective=AveragePrecision()),
    "prevalence": lambda: recorded(deployment=Deployment(prevalence=0.02)),
    "the twin alone": lambda: recorded(settings="none"),
    "nobody flagged": lambda: recorded(objective=Cost(fn=1, fp=1e6)),
    "lanes that failed": lambda: recorded(trainer=Failing()),
    "one asked for": lambda: recorded(settings="none,balanced,oversample", use="oversample"),
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_record_of_any_study_is_one(name):
    _, found = STUDIES[name]()
    check(found)


def test_a_record_with_findings_is_one():
    evidence, _ = recorded(with_text(["1", "?"] + ["2"] * 30))
    found = record(evidence, about_network=ABOUT, outcomes=looks_at(evidence))
    assert found["findings"]
    check(found)


def predictions(k=2, n=300):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 10 < k - 1
    one = pd.DataFrame({"row": range(n), "fold": np.arange(n) // 60, "y": y.astype(int)})
    if k == 2:
        said = [one.assign(setting=s, probability=rng.random(n)) for s in ("none", "b")]
        return pd.concat(said)
    one["y"] = np.where(np.arange(n) % 10 < k - 1, 1 + np.arange(n) % 10, 0)
    frames = []
    for name in ("none", "b"):
        p = rng.dirichlet(np.ones(k), n)
        columns = {f"probability {c}": p[:, c] for c in range(k)}
        frames.append(one.assign(setting=name, **columns))
    return pd.concat(frames)


@pytest.mark.parametrize("k", [2, 3])
def test_the_record_of_predictions_made_elsewhere_is_one(k):
    found = ow.weigh_predictions(predictions(k)).results
    assert (found["counts"] is None) == (k == 3)
    assert (found["cells"] is None) == (found["per_class"] is None) == (k == 2)
    check(found)


@pytest.mark.slow
def test_the_records_of_frames_and_of_several_targets_are_ones():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    Y = pd.DataFrame({"u": rng.random(200) < 0.2, "v": rng.random(200) < 0.4})
    how = {"settings": "none,balanced", "folds": 2, "seeds": 1, "epochs": 2}
    for study in ow.weigh_labels(X, Y, **how).values():
        check(study.results)
    check(ow.weigh(X, Y["u"], **how).results)


@pytest.mark.slow
def test_the_record_of_the_demo_is_one():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("SEEDS", (0, 1)), ("RATIOS", 4), ("QUICK_EPOCHS", 1)):
            patch.setattr(_demo, name, value)
        found = _demo.run_demo(quick=True).results
    assert {"tutorial", "bayes_limit", "demo"} <= set(found)
    check(found)


@pytest.fixture(scope="module")
def plain():
    return json.loads(json.dumps(recorded(test_size=0.3)[1]))


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("data",),
        ("data", "training"),
        ("settings", 1),
        ("settings", 1, "brier"),
        ("settings", 1, "versus_none", "cost"),
        ("settings", 1, "by_fold"),
        ("counts", "settings", "none"),
        ("test", "chosen"),
        ("curves", "none", "roc"),
    ],
)
def test_a_record_with_a_key_too_many_or_too_few_is_none(plain, path):
    def place(results):
        for step in path:
            results = results[step]
        return results

    more, less = deepcopy(plain), deepcopy(plain)
    place(more)["extra"] = 1
    del place(less)[next(iter(place(less)))]
    check(plain)
    for other in (more, less):
        with pytest.raises(jsonschema.ValidationError):
            check(other)


def test_a_record_that_says_another_basis_is_none(plain):
    wrong = deepcopy(plain)
    wrong["settings"][0]["brier"]["basis"] = "guessed"
    with pytest.raises(jsonschema.ValidationError, match="guessed"):
        check(wrong)


if __name__ == "__main__":
    DOCUMENT.write_text(documented(), encoding="utf-8")
