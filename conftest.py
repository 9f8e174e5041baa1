"""Every example that a reader can copy is run: in docstrings, in the README, in the docs."""

import os
import shlex
import sys
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

os.environ["KERAS_BACKEND"] = "jax"
os.environ["NO_COLOR"] = "1"
os.environ["COLUMNS"] = "100"
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker a core: more threads are in the way
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


class Console(CodeBlockParser):
    """Runs the ``$ outweigh …`` lines of a console block, and compares what they print, if told.

    Other commands, such as those that set the project up, are left alone.
    """

    language = "console"

    def evaluate(self, example: Example) -> None:
        """Run each command of the block."""
        for block in example.parsed.split("$ ")[1:]:
            command, _, expected = block.partition("\n")
            arguments = shlex.split(command, comments=True)
            if arguments[0].removeprefix(".venv/bin/") == "outweigh":
                printed = _printed(arguments[1:])
                same = OutputChecker().check_output(expected, printed, ELLIPSIS)
                assert not expected.strip() or same, f"$ {command}\n{printed}"


def _printed(arguments: list[str]) -> str:
    """Run the command line in this process, and give its stdout."""
    from contextlib import redirect_stdout
    from io import StringIO
    from unittest.mock import patch

    from outweigh._cli import main

    out = StringIO()
    with redirect_stdout(out), patch.object(sys, "argv", ["outweigh", *arguments]):
        try:
            main()
        except SystemExit as ended:
            assert not ended.code, f"{arguments} exited with {ended.code}"  # noqa: PT017  (0 is fine)
    return out.getvalue()


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many of scikit-learn's own checks our estimators pass."""
    ended = {
        outcome: sum("test_estimator_checks.py" in test.nodeid for test in tests)
        for outcome, tests in terminalreporter.stats.items()
        if outcome in ("passed", "xfailed", "failed")
    }
    if any(ended.values()):
        said = ", ".join(f"{n} {outcome}" for outcome, n in ended.items())
        terminalreporter.write_line(f"scikit-learn's checks of estimators: {said}")


@pytest.fixture(scope="module")
def _folder_of_its_own(tmp_path_factory: pytest.TempPathFactory):
    """Let a document's blocks write files where they disturb nobody."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("document"))
    yield
    os.chdir(before)


_docstrings = Sybil(parsers=[DocTestParser(ELLIPSIS)], patterns=["src/**/*.py"])
_documents = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS), Console()],
    patterns=["README.md", "docs/*.md"],
    fixtures=["_folder_of_its_own"],
)
pytest_collect_file = (_docstrings + _documents).pytest()
