"""`python -m cosearch.cli` is `cosearch`."""

from cosearch.cli import main

if __name__ == "__main__":
    main()
