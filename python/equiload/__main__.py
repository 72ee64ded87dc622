"""Run the command line: ``python -m equiload``."""

import sys

from .cli import main

sys.exit(main())
