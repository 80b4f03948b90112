"""The exceptions a user may see: a line that names what is wrong and the mend."""


class InputError(ValueError):
    """Bad usage or bad input; the command line prints it as one line and exits with 2.

    The message names the file or key, says what is wrong with it and what would be right.
    """


class MethodError(InputError):
    """A method that cannot be used, such as a plugin that does not import; the others still run."""
