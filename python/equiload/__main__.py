"""Run the command line: ``python -m equiload``."""

import sys


def main() -> int:
    """Run the command line, or say what it needs."""
    try:
        import typer  # noqa: F401
    except ImportError:
        print('equiload: the command line needs: pip install "equiload[cli]"', file=sys.stderr)
        return 2
    from .cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
