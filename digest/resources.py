"""Where the program's own files are: in the wheel beside the code, in a checkout one folder up."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def templates() -> Path:
    """Give the folder that holds `email/` and `web/` as shipped."""
    packaged = PACKAGE / "templates"
    return packaged if packaged.is_dir() else PACKAGE.parent / "templates"
