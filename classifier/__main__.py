"""``python -m classifier``, for where scripts are not on the path."""

from classifier.cli import main

if __name__ == "__main__":
    main()
