"""Options of the command line in sentences, marked as code: no line ends at their hyphens."""

import re

from markupsafe import Markup, escape

OPTION = re.compile(r"(?<!\S)--[a-z]+(-[a-z]+)*")


def with_options(text: str) -> Markup:
    """Mark each option of a text that may come from elsewhere; give it as HTML.

    Examples
    --------
    >>> with_options("If a < b, say --id 'a': figures change.")
    Markup('If a &lt; b, say <code>--id</code> &#39;a&#39;: figures change.')
    """
    return Markup(OPTION.sub(r"<code>\g<0></code>", str(escape(text))))
