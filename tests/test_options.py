"""Options in sentences: marked as code, and every text inert."""

import pytest

from outweigh.report._options import with_options


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("say --id 'a':", "say <code>--id</code> &#39;a&#39;:"),
        ("--duplicates-together: or", "<code>--duplicates-together</code>: or"),
        ("take --folds.", "take <code>--folds</code>."),
        ("a --- b -- c x--id --Id", "a --- b -- c x--id --Id"),
        ("<b>--id</b> --a<i>", "&lt;b&gt;--id&lt;/b&gt; <code>--a</code>&lt;i&gt;"),
    ],
)
def test_options_alone_are_marked(text, html):
    assert str(with_options(text)) == html
