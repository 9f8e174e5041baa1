"""Files of a bundle that mean harm or make no sense, whatever their hashes say.

Each function gives, by what is wrong with a file, its content and a part of the line that refuses
it.
"""

import json
import os
import pickle
import struct
import zipfile
from functools import partial
from io import BytesIO

import numpy as np
import skops.io
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as tensors
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from outweigh._bundle import FEATURES, WEIGHTS
from outweigh._columns import number_columns
from outweigh._recipe import written
from tests.models import by_hand


def models():
    """Changes to what the manifest says of the model."""
    describe, classes = "describe a model", "two classes or more"
    weight, share, seeds = "a weight above 0", "the share of each class", "for each seed"
    return {
        "no network": ({"network": None}, describe),
        "a network of numbers": ({"network": 7}, describe),
        "a setting too many": ({"extra": 1}, describe),
        "one class": ({"classes": ["a"]}, classes),
        "a class twice": ({"classes": ["a", "a"]}, classes),
        "classes of two kinds": ({"classes": ["1", 1]}, classes),
        "truth among numbers": ({"classes": [1, True]}, classes),
        "a class of lists": ({"classes": [[], []]}, describe),
        "classes as a text": ({"classes": "ab"}, describe),
        "no classes": ({"classes": []}, classes),
        "a class more": ({"classes": ["a", "b", "c"]}, weight),
        "a weight less": ({"class_weight": [1.0]}, weight),
        "a weight of nothing": ({"class_weight": [0, 1]}, weight),
        "a weight below 0": ({"class_weight": [-1, 1]}, weight),
        "a weight as a text": ({"class_weight": ["1", 1]}, describe),
        "weights in a row": ({"class_weight": [[1, 1]]}, describe),
        "a factor less": ({"factor": [1.0]}, "a factor above 0"),
        "a factor of nothing": ({"factor": [0, 1]}, "a factor above 0"),
        "no repair": ({"repair": None}, describe),
        "a repair of no kind": ({"repair": {}}, "raised ValueError"),
        "a repair of another kind": ({"repair": {"kind": "os.system"}}, "raised ValueError"),
        "a repair without a scale": ({"repair": {"kind": "affine"}}, "raised KeyError"),
        "a repair of three classes": (
            {"repair": {"kind": "affine", "scale": 1, "shift": [0, 0, 1]}},
            "raised ValueError",
        ),
        "a repair that turns round": (
            {"repair": {"kind": "affine", "scale": -1, "shift": [0, 0]}},
            "raised ValueError",
        ),
        "a repair that falls": (
            {"repair": {"kind": "steps", "x": [[0.1, 0.2]], "y": [[0.4, 0.3]]}},
            "raised ValueError",
        ),
        "a rule of no kind": ({"rule": {}}, "raised ValueError"),
        "a rule as a text": ({"rule": "flag"}, describe),
        "a cutoff beyond": ({"rule": {"kind": "cutoff", "threshold": 7}}, "raised ValueError"),
        "a share more": ({"prior": [0.3, 0.3, 0.4]}, share),
        "a share below 0": ({"prior": [-0.5, 1.5]}, share),
        "shares of another whole": ({"prior": [0.5, 0.6]}, share),
        "no trainable tensor": ({"n_trainable": 0}, "as many tensors"),
        "more trainable tensors than tensors": ({"n_trainable": 7}, "as many tensors"),
        "some not trainable": ({"n_trainable": 5}, "default network"),
        "trainable tensors below 0": ({"n_trainable": -1}, describe),
        "trainable tensors as truth": ({"n_trainable": True}, describe),
        "half a trainable tensor": ({"n_trainable": 5.5}, describe),
        "a huge number of tensors": ({"n_trainable": 10**4000}, describe),
        "another number of seeds": ({"seeds": 3}, seeds),
        "no seeds": ({"seeds": 0}, seeds),
        "missing as a text": ({"missing": "?"}, describe),
        "a target of lists": ({"target": []}, describe),
        "no source": ({"source": None}, describe),
    }


def manifests():
    """Manifests, few of them JSON."""
    deep = "[" * 100_000 + "]" * 100_000
    return {
        "no JSON": ("{", "must be as 'outweigh run' writes it"),
        "no UTF-8": (b"\xff\xfe{}\x00", "must be as 'outweigh run' writes it"),
        "nothing": ("", "must be as 'outweigh run' writes it"),
        "a list": ("[]", "of format 3; it is of 'None'"),
        "null": ("null", "of format 3"),
        "a number": ("1", "of format 3"),
        "of no format": ("{}", "of format 3"),
        "of a format to come": ('{"format": 4}', "of format 3; it is of 4"),
        "of a long format": (json.dumps({"format": "\x1b[2J\n" * 9999}), "of format 3"),
        "of a deep format": (json.dumps({"format": {"a": [1]}}), "of format 3"),
        "of a true format": ('{"format": true}', "of format 3; it is of True"),
        "with NaN": ('{"format": 1, "a": NaN}', "NaN is no number"),
        "with an infinity": ('{"format": 1, "a": -Infinity}', "-Infinity is no number"),
        "with a key twice": ('{"format": 1, "format": 1}', "a key comes twice"),
        "deep": (deep, "RecursionError"),
        "deep in an object": ('{"a":' * 99_999 + "1" + "}" * 99_999, "RecursionError"),
        "of many digits": ('{"format": ' + "1" * 9999 + "}", "must be as"),
        "of a huge number": ('{"format": 1e999}', "of format 3"),
        "with files elsewhere": (
            json.dumps(
                {"format": 3, "versions": {}, "model": {}, "files": {"../../etc/passwd": {}}}
            ),
            "describe a model",
        ),
    }


def weights(folder):
    """Tensors that do not fit the manifest, by what is wrong with them."""
    good = load_tensors((folder / WEIGHTS).read_bytes())
    of = lambda **changes: tensors({**good, **changes})
    without = lambda name: tensors({n: v for n, v in good.items() if n != name})
    header = lambda text: struct.pack("<Q", len(text)) + text.encode()
    number, default, costs = "number its tensors", "default network", "costs must"
    broken = "must be as 'outweigh run' writes it"
    nan = good["0"].copy()
    nan[1, 0, 0] = np.nan
    inf = good["5"].copy()
    inf[0, 0] = -np.inf
    far = f'{{"0":{{"dtype":"F32","shape":[9],"data_offsets":[0,{1 << 40}]}}}}'
    wide = f'{{"0":{{"dtype":"F32","shape":[{1 << 62},{1 << 62}],"data_offsets":[0,4]}}}}'
    return {
        "of no tensors": (tensors({}), "raised KeyError|as many tensors"),
        "without costs": (without("costs"), "raised KeyError"),
        "without the first": (without("0"), number),
        "with another name": (of(**{"00": good["0"]}), number),
        "with one more": (of(**{"6": good["0"]}), default),
        "with one less": (without("5"), "as many tensors"),
        "with a NaN": (of(**{"0": nan}), "finite"),
        "with an infinity": (of(**{"5": inf}), "finite"),
        "of other numbers": (of(**{"0": good["0"].astype("float64")}), default),
        "of whole numbers": (of(**{"0": good["0"].astype("int32")}), default),
        "of complex numbers": (of(**{"0": good["0"].astype("complex64")}), "KeyError"),
        "of another shape": (of(**{"2": np.ones((2, 64, 65), "float32")}), default),
        "of another rank": (of(**{"2": np.ones((2, 64 * 64), "float32")}), default),
        "of no rank": (of(**{"2": np.ones((), "float32")}), "for each seed"),
        "of other seeds": (of(**{"2": np.ones((3, 64, 64), "float32")}), "for each seed"),
        "with costs of more classes": (of(costs=1 - np.eye(3)), "raised ValueError"),
        "with costs in a row": (of(costs=np.ones(4)), costs),
        "with costs of NaN": (of(costs=np.full((2, 2), np.nan)), costs),
        "with costs that reward mistakes": (of(costs=np.eye(2)), "mistakes cost more"),
        "of no bytes": (b"", broken),
        "of a pickle": (pickle.dumps({"0": 1}), broken),
        "of a header without end": (b"\xff" * 8 + b"{}", broken),
        "of a header that is no JSON": (header("{" * 99), broken),
        "of a deep header": (header('{"0":' + "[" * 99_999), broken),
        "of tensors elsewhere": (header(far), broken),
        "of tensors too large to count": (header(wide) + b"0000", broken),
    }


class Harm:
    """Does harm when unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def zipped(files, compression=zipfile.ZIP_STORED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def schema_of(data) -> dict:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return json.loads(archive.read("schema.json"))


def with_schema(data, change) -> bytes:
    """A skops file with a changed description of what it holds."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return zipped(files | {"schema.json": json.dumps(change(json.loads(files["schema.json"])))})


def node(loader, module, name, content=None, **more):
    return {
        "__loader__": loader,
        "__module__": module,
        "__class__": name,
        "__id__": 1,
        "content": content,
        "protocol": 2,
        **more,
    }


def features(folder, mark):
    """Preprocessing that is none, by what is wrong with it."""
    good = (folder / FEATURES).read_bytes()
    recipe = skops.io.loads(good)
    plain, writes, parts = "plain numbers and texts", "must be as 'outweigh run' writes", "once"
    recipe_of = lambda **changes: skops.io.dumps({**recipe, **changes})
    command = json.dumps(f"touch {mark}")
    told = node("JsonNode", "builtins", "str", command)
    run = node("FunctionNode", "posix", "system")
    held = node("TupleNode", "builtins", "tuple", [told])
    nothing = node("JsonNode", "builtins", "str", "null")
    partly = {"func": run, "args": held, "kwds": nothing, "namespace": nothing}
    called = node("ConstructorFromReduceNode", "os", "system", held)
    method = {"func": "system", "obj": node("ObjectNode", "os", "system")}
    inner = json.dumps(node("ListNode", "builtins", "list", ["HERE"]))
    begin, end = inner.split('"HERE"')
    begins = (begin.replace('"__id__": 1', f'"__id__": {i}') for i in range(3000))
    deep = "".join(begins) + end * 3000
    shared = schema_of(good)["content"]["names"]
    again = lambda schema: schema | {"content": schema["content"] | {"missing": [shared] * 9}}
    known = lambda schema: (
        schema
        | {
            "content": schema["content"]
            | {"names": node("JsonNode", "builtins", "str", '["a", "b"]')}
        }
    )
    twice = lambda schema: json.loads(
        json.dumps(schema).replace(*[f'"{n}.npy"' for n in _array_ids(schema)[:2]])
    )
    future = lambda schema: schema | {"protocol": 99}
    array = lambda header: b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    vast = array("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\n")
    objects = array("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n")
    objects += pickle.dumps(Harm(mark))
    encoder = OneHotEncoder().fit([["a"], ["b"]])
    stranger = FunctionTransformer(np.exp)
    return {
        "os.system in a partial": (
            _dumped(node("PartialNode", "functools", "partial", partly)),
            plain,
        ),
        "os.system": (_dumped(run), "'posix.system'"),
        "os.system called": (_dumped(called), "'os.system'"),
        "os.system as a method": (_dumped(node("MethodNode", "os", "system", method)), plain),
        "os.system as a type": (_dumped(node("TypeNode", "os", "system")), "'os.system'"),
        "an operator": (
            _dumped(node("OperatorFuncNode", "operator", "methodcaller", attrs=held)),
            "'operator.methodcaller'",
        ),
        "a partial": (skops.io.dumps(partial(print, "x")), "'functools.partial'"),
        "a fitted encoder": (skops.io.dumps({"numbers": encoder}), "OneHotEncoder"),
        "a function of NumPy's": (skops.io.dumps(stranger), plain),
        "a random generator": (skops.io.dumps(np.random.default_rng(0)), "Generator"),
        "a set": (skops.io.dumps({"a": {1, 2}}), "'builtins.set'"),
        "a class of ours": (_dumped(node("ObjectNode", "outweigh._cli", "app")), plain),
        "a module that is not there": (_dumped(node("TypeNode", "nowhere", "x")), "'nowhere.x'"),
        "a loader that is not there": (_dumped(node("NoNode", "builtins", "list", [])), plain),
        "a node of no type": (_dumped({"__loader__": "ListNode", "protocol": 2}), "KeyError"),
        "a pickle": (pickle.dumps(Harm(mark)), writes),
        "a pickle in the archive": (zipped({"schema.json": pickle.dumps(Harm(mark))}), writes),
        "an array of pickles": (_with_array(good, objects), writes),
        "a vast array": (_with_array(good, vast), writes),
        "no array": (_with_array(good, b"nonsense"), writes),
        "a bomb": (
            zipped({"schema.json": b" " * (1 << 30)}, zipfile.ZIP_DEFLATED),
            "unpacks to more than it takes",
        ),
        "an array that is a bomb": (
            zipped({"schema.json": "{}", "1.npy": bytes(1 << 28)}, zipfile.ZIP_BZIP2),
            "unpacks to more than it takes",
        ),
        "a list in itself 3,000 times": (zipped({"schema.json": deep}), writes),
        "JSON nested deep": (zipped({"schema.json": "[" * 99_999}), "RecursionError"),
        "a part told again and again": (with_schema(good, again), parts),
        "an array told twice": (with_schema(good, twice), parts),
        "a list in a text": (with_schema(good, known), parts),
        "of a version to come": (with_schema(good, future), writes),
        "no archive": (b"PK\x03\x04" + b"\0" * 99, writes),
        "no bytes": (b"", writes),
        "an archive of nothing": (zipped({}), writes),
        "an archive of a list": (zipped({"schema.json": "[]"}), writes),
        "an archive cut short": (good[: len(good) // 2], writes),
        "nothing but a list": (skops.io.dumps([]), "be a recipe"),
        "a recipe with more": (recipe_of(more=1), "be a recipe"),
        "names for others": (recipe_of(names=["a"]), "name each feature"),
        "features of other columns": (_of_other_columns(), "default network for its features"),
    }


def _dumped(root) -> bytes:
    return zipped({"schema.json": json.dumps(root)})


def _array_ids(schema) -> list[int]:
    found = []
    for part in (schema["content"]["numbers"]["content"], schema["content"]["others"]["content"]):
        found += [array["file"].removesuffix(".npy") for array in part.values() if "file" in array]
    return found


def _with_array(data, content) -> bytes:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return zipped(files | {next(name for name in files if name.endswith(".npy")): content})


def _of_other_columns() -> bytes:
    return skops.io.dumps(written(by_hand(number_columns(np.eye(3), "abc")).features))
