"""The errors that are the user's to mend: bad input, a folder that cannot be written, bad data.
The command line prints one as a single line and exits with its code; Python users catch them."""


class LearnError(Exception):
    """Something the user can mend; the text says what is wrong and what to do.

    >>> LearnError("no").exit_code
    2
    """

    exit_code = 2


class UsageError(LearnError, ValueError):
    """An argument that makes no sense, or a name that is not known."""


class DataError(LearnError, ValueError):
    """A table that cannot be learned from: NaN in a cell, too few rows, one class only."""


class MissingPackageError(LearnError, ImportError):
    """An optional package is not installed; the text has the command that installs it."""


class RunFolderError(LearnError, OSError):
    """A run folder that exists, is somebody else's, or cannot be written."""
