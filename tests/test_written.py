"""Written: a number has its digits, its sign and a sign of percent that stands apart."""

import re

from hypothesis import given
from hypothesis import strategies as st

from outweigh._written import with_sign, written

NUMBERS = st.floats(-1e6, 1e6)


@given(NUMBERS, st.sampled_from(["{:.4g}", "{:.3f}", "1:{:.4g}"]))
def test_a_number_is_written_by_its_format(value, form):
    assert written(value, form) == form.format(value)


@given(NUMBERS, st.integers(0, 3))
def test_a_sign_of_percent_stands_apart(share, digits):
    text = written(share, f"{{:.{digits}%}}")
    number, apart, sign = text.partition(" ")
    assert (apart, sign) == (" ", "%")
    assert abs(float(number) - 100 * share) <= 0.51 * 10**-digits + 1e-6


@given(NUMBERS)
def test_a_gain_has_one_sign_and_one_digit_and_0_has_but_one(value):
    text = with_sign(value)
    assert re.fullmatch(r"[+-]\d+\.\d", text)
    assert text != "-0.0"


def test_what_is_no_number_is_a_dash():
    assert written(None, "{:.1%}") == with_sign(None) == "–"
