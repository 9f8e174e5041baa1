"""What can go wrong, and what a caller can catch.

::

    OutweighError
    ├── UsageError      (ValueError)  options that make no sense together      exit 2
    ├── DataError       (ValueError)  a table that cannot serve                exit 65
    │   ├── TableError                it cannot be read, or a column is wrong
    │   ├── SplitError                its rows cannot be divided as asked
    │   └── BundleError               a saved model is damaged, or holds what it must not
    ├── NetworkError    (ValueError)  a network that cannot be trained here    exit 65
    └── SettingError                  a setting that cannot be trained on some rows: it ends, the
                                      other settings go on                     exit 65

Each message is one line: what must hold, what came, what to do.
"""


class OutweighError(Exception):
    """Any error that outweigh raises on purpose."""

    exit_code = 1


class UsageError(OutweighError, ValueError):
    """Options or arguments that make no sense."""

    exit_code = 2


class DataError(OutweighError, ValueError):
    """Data that cannot serve the study."""

    exit_code = 65


class TableError(DataError):
    """A table that cannot be read, or whose columns cannot serve."""


class SplitError(DataError):
    """Rows that cannot be divided as asked."""


class BundleError(DataError):
    """A saved model that is damaged, or holds what it must not."""


class NetworkError(OutweighError, ValueError):
    """A network that cannot be trained here."""

    exit_code = 65


class SettingError(OutweighError):
    """A setting that cannot be trained on some rows; a study goes on without it."""

    exit_code = 65
