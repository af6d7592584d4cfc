"""Tests of columns.py: which long lines are accepted."""

from __future__ import annotations

import unittest

from infra.local.columns import is_too_long

URL = "https://docs.aws.amazon.com/" + "a" * 80


class Columns(unittest.TestCase):
    """Part of `python3 -m infra.local lint tests`"""

    def test_limit(self) -> None:
        self.assertFalse(is_too_long("x " * 50))
        self.assertTrue(is_too_long("x " * 50 + "x"))

    def test_lines_that_can_not_be_wrapped(self) -> None:
        for line in (f"    /// (<{URL}>).", f"# {URL}", f'    "{URL}",'):
            self.assertFalse(is_too_long(line), line)

    def test_a_long_piece_does_not_excuse_wrappable_text(self) -> None:
        self.assertTrue(is_too_long(f"# Documented at {URL[:90]}"))

    def test_embedded_json_in_yaml(self) -> None:
        line = '    [{"expression": "' + "SUM(a, b) " * 10 + '"}]'
        self.assertTrue(is_too_long(line))
        self.assertFalse(is_too_long(line, is_yaml=True))


if __name__ == "__main__":
    unittest.main()
