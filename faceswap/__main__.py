"""``python -m faceswap``, for where scripts are not on the path."""

from faceswap.cli import main

if __name__ == "__main__":
    main()
