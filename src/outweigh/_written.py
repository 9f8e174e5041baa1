"""Written: numbers as tables, the card and the terminal show them, with the digits they ask for."""

NO_NUMBER = "–"


def written(value: float | None, form: str) -> str:
    """Write a number by a format; what is no number is a dash.

    A sign of percent stands apart, as it does along axes and in sentences.

    Examples
    --------
    >>> written(0.446, "{:.1%}"), written(712.06, "{:.4g}"), written(None, "{:.3f}")
    ('44.6 %', '712.1', '–')
    """
    return NO_NUMBER if value is None else form.format(value).replace("%", " %")


def with_sign(value: float | None) -> str:
    """Write a gain or a loss with its sign and one digit; 0 has but one sign.

    Examples
    --------
    >>> with_sign(8.26), with_sign(-1.9), with_sign(-0.04), with_sign(None)
    ('+8.3', '-1.9', '+0.0', '–')
    """
    return NO_NUMBER if value is None else f"{round(value, 1) + 0:+.1f}"
