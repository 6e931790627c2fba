"""`python -m proxy.demo`: the story."""

import sys

from proxy.demo.story import main

if __name__ == "__main__":
    sys.exit(main())
