"""A digest: the same for the same values, whatever holds them, and another for all others."""

import hashlib
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest

from outweigh._digest import digest


def of(values):
    return digest([("a", values)])


def test_a_digest_can_be_computed_with_other_tools():
    said = b'["a", [["<i8", [2]]]]\n' + (1).to_bytes(8, "little") + (2).to_bytes(8, "little")
    assert of(np.array([1, 2])) == hashlib.sha256(said).hexdigest()
    text = b'["a", [["|b1", [2]], ["<i8", [2]], ["|u1", [2]]]]\n'
    text += bytes([1, 0]) + (2).to_bytes(8, "little") + bytes(8) + "é".encode()
    assert of(pa.array(["é", None], pa.large_string())) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("values", "same"),
    [
        (np.array([[1.0, 2], [3, 4]]), np.asfortranarray([[1.0, 2], [3, 4]])),
        (np.array([1.0, 2]), np.array([1.0, 2]).astype(">f8")),
        (np.array([1, 2]), np.array([1, 0, 2, 0])[::2]),
        (pa.array(["a", None, "bc"]), pa.array(["x", "a", None, "bc"]).slice(1)),
        (pa.array(["a", "bc"]), pa.chunked_array([["a"], ["bc"]])),
        (pa.array(["a", "bc"]), pa.array(["a", "bc"], pa.large_string())),
        (pa.array([1.5, None]), pa.array([7, 1.5, None]).slice(1)),
        (pa.array([date(2024, 2, 29)]), pa.array([datetime(2024, 2, 29)], pa.timestamp("us"))),
        (
            pa.array([datetime(2024, 2, 29)], pa.timestamp("ns")),
            pa.array([datetime(2024, 2, 29)], pa.timestamp("s")),
        ),
    ],
)
def test_how_values_are_held_does_not_matter(values, same):
    assert of(values) == of(same)


def test_other_values_have_other_digests():
    held = [
        pa.array(["ab", "c"]),
        pa.array(["a", "bc"]),
        pa.array(["abc"]),
        pa.array(["ab", "c", ""]),
        pa.array(["ab", "c", None]),
        pa.array([1.0, None]),
        pa.array([1.0, 0.0]),
        pa.array([1, 0]),
        pa.array([True, False]),
        np.array([1.0, 0.0]),
        np.array([[1.0, 0.0]]),
        np.array([[1.0], [0.0]]),
        np.array([1, 0]),
        np.array([1.0, -0.0]),
        np.array([1.0, np.nan]),
        np.zeros((2, 0)),
        np.zeros((3, 0)),
        [],
        ["a", "b"],
        "ab",
    ]
    digests = [of(values) for values in held]
    assert len({*digests}) == len(held)


def test_names_and_places_count():
    one, two = np.array([1.0]), np.array([2.0])
    several = [
        [("a", one), ("b", two)],
        [("b", one), ("a", two)],
        [("b", two), ("a", one)],
        [("a", one)],
        [("a", one), ("b", two), ("c", one)],
    ]
    assert len({digest(parts) for parts in several}) == len(several)
