"""What lrlab raises on purpose.

::

    LrlabError            a failure: exit code 1
    └── UserError         the user can mend it: exit code 2
        ├── SpecError     ... in the sweep's YAML file
        └── NotPermitted  ... by a right on the tracking server

Every message says what is wrong, where, and what to do.
"""


class LrlabError(Exception):
    """Something failed that lrlab can explain; the command exits with 1."""

    exit_code = 1


class UserError(LrlabError):
    """The request cannot be carried out as given; the command exits with 2."""

    exit_code = 2


class NotPermitted(UserError):
    """The tracking server does not let this user do it."""


class SpecError(UserError):
    """The sweep's spec is not valid; the message names file, line and key."""
