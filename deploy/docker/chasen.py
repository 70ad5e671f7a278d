#!/opt/chasen/bin/python
"""The console script `chasen` inside our images, where the house is copied in."""

import sys

from standalone.__main__ import main

sys.exit(main())
