"""The bundle: a model on disk that can be read without trusting it.

A bundle is a folder of four files; whatever else lies there is not looked at:

``manifest.json``
    What the model is, with the SHA-256 and the size of the next two.
``weights.safetensors``
    The networks' numbers, and the costs that decide, where they do.
``features.skops``
    The preprocessing, as plain numbers and texts: see `outweigh._recipe`.
``manifest.sha256``
    The manifest's own hash.

Nothing is unpickled and Keras's loader is never asked: files have made it run code time and again.
The default network is built by our own code; a user's network by the function that its user names.
Every file is checked against its hash before it is opened, and all that it holds before it is used.
A hash tells damage, not malice: who can write all four files can write another model, but no code.

Letters: R seeds, K classes, P parameters.
"""

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from outweigh._errors import BundleError, UsageError
from outweigh._files import write_bytes
from outweigh._model import DEFAULT, Model
from outweigh._network import HIDDEN, Build, default_network
from outweigh._operating import Rule, rule_from
from outweigh._reading import one_line, quoted, shown
from outweigh._recipe import fits, read, written
from outweigh._repairs import map_from
from outweigh._shapes import Shape, are_shapes

FORMAT = 3
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
WEIGHTS, FEATURES = "weights.safetensors", "features.skops"
MOST_BYTES = {MANIFEST: 16 << 20, SEAL: 64, WEIGHTS: 4 << 30, FEATURES: 1 << 30}
COSTS = "costs"  # what their tensor is called; those of the networks are numbered
LIBRARIES = ("outweigh", "keras", "jax", "numpy", "scikit-learn", "skrub", "skops", "safetensors")

FILE = {"sha256": str, "bytes": int}
CONTENT = {
    "format": int,
    "versions": dict,
    "files": {WEIGHTS: FILE, FEATURES: FILE},
    "model": {
        "network": str,
        "n_trainable": int,
        "seeds": int,
        "setting": str,
        "classes": [{bool, float, str}],
        "class_weight": [float],
        "label": {(int, int), None},
        "shape": {"gamma": float, "delta": [float], "iota": [float], "epsilon": [float]},
        "prior": [float],
        "repair": dict,
        "factor": [float],
        "rule": {dict, None},
        "amount_column": {str, None},
        "missing": [str],
        "target": str,
        "source": str,
    },
}
"""What a manifest holds, as `outweigh._recipe.fits` takes it."""

DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}
"""What a tensor may hold, in the words of safetensors and of NumPy; bfloat16 comes on top."""

NODES = {
    "DictNode": "builtins.dict",
    "ListNode": "builtins.list",
    "TypeNode": "builtins.str",
    "JsonNode": "builtins.str",
    "NdArrayNode": "numpy.ndarray",
}
"""What the preprocessing is made of, in the words of skops."""


def save(model: Model, folder: Path) -> None:
    """Write a model as a bundle; until all of it is there it is the old one, or none.

    Raises
    ------
    BundleError
        When the model is larger than what `load` reads.
    """
    import skops.io  # late: it loads for a second
    from safetensors.numpy import save as tensors

    numbered = {str(i): np.ascontiguousarray(v) for i, v in enumerate(model.parameters)}
    rule = None if model.rule is None else model.rule.as_record()
    if rule is not None and "costs" in rule:  # of very many classes, too many for a text
        numbered[COSTS] = np.array(rule.pop("costs"), dtype=np.float64)
    files = {
        WEIGHTS: tensors(numbered),
        FEATURES: skops.io.dumps(written(model.features)),
    }
    manifest = {
        "format": FORMAT,
        "versions": {name: version(name) for name in LIBRARIES},
        "files": {n: {"sha256": _hash(data), "bytes": len(data)} for n, data in files.items()},
        "model": {**_described(model), "rule": rule},
    }
    files[MANIFEST] = json.dumps(manifest, indent=1, allow_nan=False).encode()
    files[SEAL] = _hash(files[MANIFEST]).encode()
    for name, data in files.items():
        _check_size(name, len(data))
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_bytes(folder / name, data)


def load(folder: Path, *, build: Build | None = None) -> Model:
    """Read a model from a bundle.

    Parameters
    ----------
    folder : Path
    build : callable, optional
        The user's own network function, where the model has one.

    Raises
    ------
    BundleError
        When a file is missing, damaged, too large, or holds what it must not.
    UsageError
        When there is no such folder; when the model needs its user's network function, and none
        came, or the other way round.
    """
    if not folder.is_dir():
        raise UsageError(
            f"a run folder must hold a model; {shown(folder)} is no folder: name a folder that "
            "'outweigh run' wrote"
        )
    manifest = _manifest(folder)
    said = manifest["model"]
    build = _build(said["network"], build)
    data = {name: _checked(folder, name, told) for name, told in manifest["files"].items()}
    tensors = _opened(WEIGHTS, _tensors, data[WEIGHTS])
    rule = _rule(said["rule"], tensors)
    model = Model(
        classes=tuple(said["classes"]),
        setting=said["setting"],
        class_weight=np.array(said["class_weight"], dtype=np.float64),
        label=_label(said["label"]),
        shape=Shape(**{k: np.array(v, dtype=np.float64) for k, v in said["shape"].items()}),
        prior=np.array(said["prior"], dtype=np.float64),
        repair=_opened(MANIFEST, map_from, said["repair"]),
        factor=np.array(said["factor"], dtype=np.float64),
        rule=rule,
        amount_column=said["amount_column"],
        features=read(_opened(FEATURES, _plain, data[FEATURES])),
        missing=tuple(said["missing"]),
        parameters=_in_order(tensors),
        n_trainable=said["n_trainable"],
        build=build,
        network=said["network"],
        target=said["target"],
        source=said["source"],
    )
    _check_classes(model)
    _check_parameters(model, said["seeds"])
    return model


def _label(said: list[Any] | None) -> tuple[int, int] | None:
    """Read which of how many labels a model is of."""
    if said is None:
        return None
    place, number = said
    _require(place < number, "say which of its labels it is")
    return place, number


def _rule(said: dict[str, Any] | None, tensors: dict[str, np.ndarray]) -> Rule | None:
    costs = tensors.pop(COSTS, None)
    if said is None:
        return None
    rule: Rule = _opened(MANIFEST, rule_from, said if costs is None else {**said, "costs": costs})
    return rule


def _described(model: Model) -> dict[str, Any]:
    return {
        "network": Path(model.network).name,  # where it lay is nobody else's business
        "n_trainable": model.n_trainable,
        "seeds": len(model.parameters[0]),
        "setting": model.setting,
        "classes": list(model.classes),
        "class_weight": model.class_weight.tolist(),
        "label": None if model.label is None else list(model.label),
        "shape": {name: values.tolist() for name, values in model.shape._asdict().items()},
        "prior": model.prior.tolist(),
        "repair": model.repair.as_record(),
        "factor": model.factor.tolist(),
        "amount_column": model.amount_column,
        "missing": list(model.missing),
        "target": model.target,
        "source": model.source,
    }


# reading


def _manifest(folder: Path) -> dict[str, Any]:
    data, seal = _read(folder, MANIFEST), _read(folder, SEAL)
    if seal != _hash(data).encode():
        raise _damaged(MANIFEST)
    manifest = _opened(MANIFEST, _strict_json, data)
    came = manifest.get("format") if isinstance(manifest, dict) else None
    if came != FORMAT:
        raise BundleError(
            f"the bundle must be of format {FORMAT}; it is of {shown(came)}: use the outweigh "
            "that wrote it"
        )
    _require(fits(manifest, CONTENT), "describe a model as 'outweigh run' does")
    return dict(manifest)


def _checked(folder: Path, name: str, told: dict[str, Any]) -> bytes:
    data = _read(folder, name)
    if len(data) != told["bytes"] or _hash(data) != told["sha256"]:
        raise _damaged(name)
    return data


def _read(folder: Path, name: str) -> bytes:
    """Read a file, if it is one: a link could lead anywhere, a pipe would never end."""
    path = folder / name
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise BundleError(
                f"{name} of a bundle must be a plain file; in {shown(folder)} it is none: copy "
                "the bundle again"
            )
        _check_size(name, about.st_size)
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(
            f"a bundle must hold {name}; {shown(folder)} does not: copy the bundle again, or run "
            "the study again"
        ) from None
    except OSError as error:
        raise BundleError(f"{name} of a bundle must be readable: {one_line(error)}") from None


def _opened(name: str, reader: Callable[[Any], Any], data: Any) -> Any:
    """Read what a file, or a part of it, holds."""
    try:
        return reader(data)
    except BundleError:
        raise
    except Exception as error:  # a file can be wrong in as many ways as its reader has
        raise BundleError(
            f"{name} of a bundle must be as 'outweigh run' writes it; reading it raised "
            f"{type(error).__name__}: {one_line(error)}"
        ) from None


def _strict_json(data: bytes) -> Any:
    """Read JSON in which no key comes twice, and each number is one."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key comes twice")
        return dict(pairs)

    def number(text: str) -> Any:
        raise ValueError(f"{text} is no number")

    return json.loads(data, object_pairs_hook=once, parse_constant=number)


def _tensors(data: bytes) -> dict[str, np.ndarray]:
    from safetensors import deserialize

    return {
        name: np.frombuffer(told["data"], _dtype(told["dtype"])).reshape(told["shape"])
        for name, told in deserialize(data)  # type: ignore[no-untyped-call]
    }


def _dtype(name: str) -> Any:
    if name == "BF16":
        import ml_dtypes  # late: NumPy has no such numbers of its own

        return ml_dtypes.bfloat16
    return np.dtype(DTYPES[name])


def _in_order(tensors: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    _require({*tensors} == {*map(str, range(len(tensors)))}, "number its tensors from 0")
    return tuple(tensors[str(i)] for i in range(len(tensors)))


def _plain(data: bytes) -> Any:
    """Read with skops, once it is known that there are but plain numbers and texts."""
    import skops.io

    with zipfile.ZipFile(BytesIO(data)) as archive:
        inflated = sum(entry.file_size for entry in archive.infolist())
        _require(inflated <= len(data), "hold nothing that unpacks to more than it takes")
        nodes = list(_nodes(json.loads(archive.read("schema.json"))))
    names = [(node["__loader__"], f"{node['__module__']}.{node['__class__']}") for node in nodes]
    if strangers := {name for loader, name in names if NODES.get(loader) != name}:
        raise BundleError(
            f"{FEATURES} of a bundle must hold plain numbers and texts; it holds "
            f"{quoted(sorted(strangers), most=5)}: do not trust where it comes from"
        )
    _check_nodes(nodes)
    return skops.io.loads(data, trusted=[])


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Find every node in the description that skops reads, however deep."""
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            if "__loader__" in part:
                yield part
            left += part.values()
        elif isinstance(part, list):
            left += part


def _check_nodes(nodes: list[dict[str, Any]]) -> None:
    """Check that nothing is told to be read again and again: a little could become a lot."""
    files = [node["file"] for node in nodes if node["__loader__"] == "NdArrayNode"]
    holders = [node["__id__"] for node in nodes if node["__loader__"] in ("DictNode", "ListNode")]
    values = [node["content"] for node in nodes if node["__loader__"] == "JsonNode"]
    _require(
        all(len({*parts}) == len(parts) for parts in (files, holders))
        and not any(value.lstrip().startswith(("[", "{")) for value in values),
        "hold each of its parts once",
    )


# checking what was read


def _check_classes(model: Model) -> None:
    labels, k = model.classes, len(model.classes)
    _require(
        len({*labels}) == k >= 2 and len({*map(type, labels)}) == 1,
        "have two classes or more, of one kind",
    )
    _require(
        model.class_weight.shape == (k,) and bool((model.class_weight > 0).all()),
        "have a weight above 0 for each class",
    )
    _require(
        model.prior.shape == (k,)
        and bool((model.prior >= 0).all())
        and abs(model.prior.sum() - 1) < 1e-6,
        "have the share of each class",
    )
    _require(
        model.factor.shape == (k,) and bool((model.factor > 0).all()),
        "have a factor above 0 for each class",
    )
    _require(model.label is None or k == 2, "have two classes for each of its labels")
    fits_classes = [v.shape for v in model.shape] == [(), (k,), (k,), (k,)]
    _require(fits_classes and are_shapes(model.shape), "have the shape of a loss for its classes")
    said = np.full((1, k), 1 / k)
    _require(_opened(MANIFEST, model.repair, said).shape == (1, k), "have a repair for its classes")
    if (rule := model.rule) is not None:
        _require(
            _opened(MANIFEST, lambda p: rule.decide(p, np.ones(1)), said).shape == (1,),
            "have a rule for its classes",
        )


def _check_parameters(model: Model, seeds: int) -> None:
    parameters = model.parameters
    _require(1 <= model.n_trainable <= len(parameters), "have as many tensors as it says")
    _require(
        seeds > 0 and all(v.shape[:1] == (seeds,) for v in parameters),
        "have numbers for each seed in each tensor",
    )
    _require(all(bool(np.isfinite(v).all()) for v in parameters), "hold finite numbers")
    if model.build is default_network:
        widths = (len(model.features.names), *HIDDEN, _n_outputs(model))
        shapes = [(seeds, *shape) for d, h in pairwise(widths) for shape in ((d, h), (h,))]
        _require(
            [v.shape for v in parameters] == shapes
            and all(v.dtype == np.float32 for v in parameters)
            and model.n_trainable == len(parameters),
            "hold the numbers of the default network for its features",
        )


def _n_outputs(model: Model) -> int:
    if model.label is not None:
        return model.label[1]
    return 1 if len(model.classes) == 2 else len(model.classes)


def _build(network: str, build: Build | None) -> Build:
    if network == DEFAULT:
        if build is not None:
            raise UsageError("this model has the default network: leave --network out")
        return default_network
    if build is None:
        raise UsageError(
            f"this model's network is its user's own, {shown(network)}: name it with "
            "--network FILE.py:FUNCTION"
        )
    return build


def _check_size(name: str, size: int) -> None:
    if size > MOST_BYTES[name]:
        raise BundleError(
            f"{name} of a bundle must have at most {MOST_BYTES[name]:,} bytes; it has {size:,}"
        )


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise BundleError(f"a bundle must {what}, it does not: run the study again")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _damaged(name: str) -> BundleError:
    return BundleError(
        f"{name} must be as the bundle's hashes say, it is not: it was damaged or changed; copy "
        "the bundle again, or run the study again"
    )
