class Failure(Exception):
    """An expected failure, printed for the user without a traceback."""
