"""`python -m modelworks`: the same as the command `modelworks`."""

import sys

from modelworks.cli import main

if __name__ == "__main__":
    sys.exit(main())
