"""`python -m tidemill` is the `tidemill` command."""

from __future__ import annotations

import sys

from tidemill.command import main

sys.exit(main())
