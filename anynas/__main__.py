"""`python -m anynas` is the command `anynas`."""

import sys

from anynas.cli import main

if __name__ == "__main__":
    sys.exit(main())
