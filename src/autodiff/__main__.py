"""``python -m autodiff``: see `autodiff.cli`."""

from autodiff.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
