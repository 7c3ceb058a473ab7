"""`python -m backlit` is the `backlit` command, for machines whose PATH lacks the script."""

import sys

from .learn.command import main

if __name__ == "__main__":
    sys.exit(main())
