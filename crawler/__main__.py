"""``python -m crawler``, and the ``crawler`` command."""

from crawler.cli import main

if __name__ == "__main__":
    main()
