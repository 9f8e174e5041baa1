"""A data block: nothing breaks out of it, and tables come back as they were."""

import base64
import json
import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from outweigh.report._block import block, packed, varints


def unpacked(text, n_tables, knots, scale):
    """Read tables as the page's script does."""
    raw = iter(zlib.decompress(base64.b64decode(text)))

    def number():
        n = shift = 0
        while True:
            byte = next(raw)
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    tables = []
    for _ in range(n_tables):
        table, total = [], 0
        for _ in range(knots):
            total += number()
            table.append(total / scale)
        tables.append(table[::-1])
    assert next(raw, None) is None
    return tables


@given(
    st.recursive(st.text() | st.integers() | st.none(), lambda of: st.dictionaries(st.text(), of))
)
def test_a_block_reads_back_and_has_no_character_that_html_reads(data):
    written = str(block(data))
    assert json.loads(written) == data
    assert not set(written) & set("<>&\u2028\u2029")


@given(
    st.lists(
        st.lists(st.integers(0, 10**9), min_size=5, max_size=5).map(lambda t: sorted(t)[::-1]),
        max_size=4,
    )
)
def test_tables_of_whole_counts_come_back_to_the_count(tables):
    assert unpacked(packed((t, 1) for t in tables), len(tables), 5, 1) == tables


@given(st.lists(st.floats(0, 1000), min_size=3, max_size=3).map(lambda t: sorted(t)[::-1]))
def test_tables_of_weights_come_back_within_half_a_part(table):
    scale = 2.0**17
    [back] = unpacked(packed([(table, scale)]), 1, 3, scale)
    assert all(abs(a - b) <= 0.5 / scale for a, b in zip(back, table, strict=True))


def test_a_number_takes_a_byte_for_each_seven_bits():
    sizes = {0: 1, 127: 1, 128: 2, 2**14 - 1: 2, 2**14: 3, 2**35: 6, 2**53: 8}
    assert {n: len(varints(np.array([n]))) for n in sizes} == sizes
