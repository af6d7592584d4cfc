"""Entry point. Checks the Python version before importing modules that old ones can't parse."""

import sys

if sys.version_info < (3, 10):
    sys.exit(
        "Tollgate's local stack needs Python 3.10 or newer; this is %d.%d.\n"
        "Choose a newer one: make PYTHON=python3.12 …" % sys.version_info[:2]
    )

from infra.local.cli import main

sys.exit(main())
