"""`python -m proxy` is the console script."""

from proxy.cli import main

if __name__ == "__main__":
    main()
