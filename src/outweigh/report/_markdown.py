"""Markdown: text that came with the data becomes text, and nothing else.

A card is read by renderers that differ: CommonMark, GitHub's, with or without HTML, with links
made of whatever looks like one. So a text from the data is one line that stands behind words of
ours, HTML's own characters are entities, and whatever any of these renderers would read as more
than a character has a backslash before it. Punctuation that is harmless where it stands, as in
``power:0.4667``, stays as it is.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST = 300
"""Characters of a text that a card shows; of longer ones, the beginning and the end."""

DROPPED = {"Cc", "Cf", "Cs"}
"""Controls, marks that turn or hide text, halves of a pair."""

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

MARKS = re.compile(
    r"""
    [\\`*{}\[\]|~^$\#@]               # always
    | (?<![A-Za-z0-9])_ | _(?![A-Za-z0-9])  # emphasis; not in a_b
    | [.](?=[^\W\d])                  # a name of the web; no decimal point, no end of a sentence
    | :(?![\d\s]) | :$                # a scheme, a sign; no ratio
    | /(?=/) | (?<=/)/                # a scheme left out
    | =(?==) | (?<==)= | -(?=-) | (?<=-)-  # a rule, a dash
    | ^[-+=]                          # a list
    """,
    re.VERBOSE,
)


def plain(text: object) -> str:
    r"""Write a text on one line: what is white is a space, what steers or hides is left out.

    Examples
    --------
    >>> plain("a \u202e\tb\n")
    'a b'
    """
    white = " ".join(str(text).split())
    kept = "".join(c for c in white if unicodedata.category(c) not in DROPPED)
    line = " ".join(kept.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST - 60]}…{line[-59:]}"
    return line


def escaped(text: object) -> str:
    r"""Write a text so that Markdown shows the very characters; what shows nothing is ``(empty)``.

    Examples
    --------
    >>> print(escaped("power:0.4667"), escaped("[a](b)"), escaped("<b>"), escaped(""))
    power:0.4667 \[a\](b) &lt;b&gt; (empty)
    """
    line = plain(text)
    if not line:
        return "(empty)"
    marked = MARKS.sub(lambda found: f"\\{found[0]}", line)
    return "".join(ENTITIES.get(c, c) for c in marked)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of cells that are Markdown already: names at the left, numbers at the right."""
    ruled = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruled, *rows))


def items(lines: Iterable[str]) -> str:
    """Write a list of lines that are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)
