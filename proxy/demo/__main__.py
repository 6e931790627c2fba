"""`python -m proxy.demo`: the story."""

import sys

from proxy.demo.story import main
from proxy.errors import DashcamError

if __name__ == "__main__":
    try:
        sys.exit(main())
    except DashcamError as error:
        sys.exit(f"{error.message}\n{error.hint or ''}".rstrip())
