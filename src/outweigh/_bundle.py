"""The bundle: a model on disk that can be read without trusting it.

A bundle is a folder of four files:

``manifest.json``
    What the model is, with the SHA-256 and the size of the next two.
``weights.safetensors``
    The networks' numbers.
``features.skops``
    The preprocessing, of a closed list of types.
``manifest.sha256``
    The manifest's own hash.

Nothing is unpickled and Keras's loader is never asked: files have made it run code time and again.
The default network is built by our own code; a user's network by the function that its user names.
Every file is checked against its hash before it is opened. A hash tells damage, not malice: who can
write all four files can write another model, but no code.
"""

import hashlib
import json
import zipfile
from dataclasses import fields
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from outweigh._errors import BundleError, UsageError
from outweigh._features import Features
from outweigh._files import write_bytes
from outweigh._model import DEFAULT, Model
from outweigh._network import Build, default_network

FORMAT = 1
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
WEIGHTS, FEATURES = "weights.safetensors", "features.skops"
MOST_BYTES = {MANIFEST: 1 << 20, SEAL: 1 << 8, WEIGHTS: 4 << 30, FEATURES: 1 << 30}
MOST_INFLATED = 4 << 30  # bytes of the preprocessing when unpacked
MOST_TENSORS = 10_000
LIBRARIES = ("outweigh", "keras", "jax", "numpy", "scikit-learn", "skrub", "skops", "safetensors")

TRUSTED = frozenset(
    """
    numpy.dtype
    skrub._apply_to_each_col.ApplyToEachCol
    skrub._check_input.CheckInputDataFrame
    skrub._clean_categories.CleanCategories
    skrub._clean_null_strings.CleanNullStrings
    skrub._dataframe._common.is_any_date
    skrub._dataframe._common.is_categorical
    skrub._dataframe._common.is_numeric
    skrub._datetime_encoder.DatetimeEncoder
    skrub._drop_uninformative.DropUninformative
    skrub._duration_to_float.DurationToFloat
    skrub._string_encoder.StringEncoder
    skrub._table_vectorizer.PassThrough
    skrub._table_vectorizer.TableVectorizer
    skrub._table_vectorizer._created_by_predicate
    skrub._to_datetime.ToDatetime
    skrub._to_float.ToFloat
    skrub._to_str.ToStr
    skrub.selectors._base.All
    skrub.selectors._base.And
    skrub.selectors._base.Cols
    skrub.selectors._base.Filter
    skrub.selectors._base.Sub
    skrub.selectors._selectors._cardinality_below
    """.split()
)
"""What the preprocessing is made of, besides what skops trusts of NumPy, SciPy and scikit-learn."""


def save(model: Model, folder: Path) -> None:
    """Write a model as a bundle."""
    import skops.io  # late: it loads scikit-learn
    from safetensors.numpy import save as tensors

    features = {field.name: getattr(model.features, field.name) for field in fields(Features)}
    numbered = {str(i): np.ascontiguousarray(v) for i, v in enumerate(model.parameters)}
    files = {WEIGHTS: tensors(numbered), FEATURES: skops.io.dumps(features, compression=zipfile.ZIP_DEFLATED)}
    manifest = {
        "format": FORMAT,
        "versions": {name: version(name) for name in LIBRARIES},
        "files": {n: {"sha256": _hash(data), "bytes": len(data)} for n, data in files.items()},
        "model": _described(model),
    }
    written = json.dumps(manifest, indent=1, allow_nan=False).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SEAL).unlink(missing_ok=True)  # an old seal must not vouch for half of a new bundle
    for name, data in {**files, MANIFEST: written, SEAL: _hash(written).encode()}.items():
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
        When the model needs its user's network function, and none came.
    """
    manifest = _manifest(folder)
    if (came := manifest.get("format")) != FORMAT:
        raise BundleError(
            f"the bundle must be of format {FORMAT}, it is of {came!r}: use the outweigh "
            "that wrote it"
        )
    try:
        said, files = manifest["model"], manifest["files"]
        data = {name: _checked(folder, name, files[name]) for name in (WEIGHTS, FEATURES)}
        build = _build(said["network"], build)
        return Model(
            classes=tuple(said["classes"]),
            setting=said["setting"],
            class_weight=np.array(said["class_weight"]),
            costs=np.array(said["costs"]),
            prior=np.array(said["prior"]),
            features=_features(data[FEATURES]),
            missing=tuple(said["missing"]),
            parameters=_parameters(data[WEIGHTS]),
            n_trainable=said["n_trainable"],
            build=build,
            network=said["network"],
            target=said["target"],
            source=said["source"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"the bundle's manifest must describe a model, it does not ({error}): "
            "run the study again"
        ) from None


def _described(model: Model) -> dict[str, Any]:
    return {
        "network": model.network,
        "n_trainable": model.n_trainable,
        "seeds": len(model.parameters[0]),
        "setting": model.setting,
        "classes": list(model.classes),
        "class_weight": model.class_weight.tolist(),
        "costs": model.costs.tolist(),
        "prior": model.prior.tolist(),
        "missing": list(model.missing),
        "target": model.target,
        "source": model.source,
    }


def _manifest(folder: Path) -> dict[str, Any]:
    data, seal = _read(folder, MANIFEST), _read(folder, SEAL)
    if seal != _hash(data).encode():
        raise _damaged(MANIFEST)
    manifest = json.loads(data)
    if not isinstance(manifest, dict):
        raise _damaged(MANIFEST)
    return manifest


def _checked(folder: Path, name: str, told: dict[str, Any]) -> bytes:
    data = _read(folder, name)
    if len(data) != told["bytes"] or _hash(data) != told["sha256"]:
        raise _damaged(name)
    return data


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        size = path.stat().st_size
        if size > MOST_BYTES[name]:
            raise BundleError(
                f"{name} of a bundle must have at most {MOST_BYTES[name]:,} bytes, it has {size:,}"
            )
        return path.read_bytes()
    except OSError:
        raise BundleError(
            f"a bundle must hold {name}, {str(folder)!r} does not: name a folder that "
            "'outweigh run' wrote"
        ) from None


def _parameters(data: bytes) -> tuple[np.ndarray, ...]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as tensors

    try:
        found = tensors(data)
    except (SafetensorError, ValueError) as error:
        raise BundleError(f"{WEIGHTS} must hold tensors, it does not: {error}") from None
    if len(found) > MOST_TENSORS or set(found) != {str(i) for i in range(len(found))}:
        raise BundleError(f"{WEIGHTS} must number its tensors from 0, it does not")
    parameters = tuple(found[str(i)] for i in range(len(found)))
    if not all(np.isfinite(v).all() for v in parameters if v.dtype.kind == "f"):
        raise BundleError(f"{WEIGHTS} must hold finite numbers, it does not: run the study again")
    return parameters


def _features(data: bytes) -> Features:
    import skops.io

    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            inflated = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:
        raise _damaged(FEATURES) from None
    if inflated > MOST_INFLATED:
        raise BundleError(
            f"{FEATURES} must unpack to at most {MOST_INFLATED:,} bytes, it would to {inflated:,}"
        )
    strangers = set(skops.io.get_untrusted_types(data=data)) - TRUSTED
    if strangers:
        raise BundleError(
            f"{FEATURES} must hold known types only, it holds {', '.join(sorted(strangers)[:5])}: "
            "do not use this bundle unless you know why"
        )
    return Features(**skops.io.loads(data, trusted=sorted(TRUSTED)))


def _build(network: str, build: Build | None) -> Build:
    if network == DEFAULT:
        if build is not None:
            raise UsageError("this model has the default network: leave --network out")
        return default_network
    if build is None:
        raise UsageError(
            f"this model's network is its user's own, {network!r}: name it with "
            "--network FILE.py:FUNCTION"
        )
    return build


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _damaged(name: str) -> BundleError:
    return BundleError(
        f"{name} must be as the bundle's hashes say, it is not: it was damaged or changed; copy "
        "the bundle again, or run the study again"
    )
