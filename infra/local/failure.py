"""What went wrong, in words for whoever started the stack."""


class Failure(Exception):
    """An expected failure: its text is shown as it is, without a traceback."""
