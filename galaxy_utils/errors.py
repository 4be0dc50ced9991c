"""The one error that people are meant to read."""


class UserError(Exception):
    """Something the user can mend; the message says what, where and how.

    The command line prints the message alone, without a traceback, and exits
    with status 2.
    """
