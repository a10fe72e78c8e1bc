"""The `digest` command: parses, calls, prints. Results go to stdout, everything else to stderr.

Exit 0 is done, 1 failed, 2 misused. A command is one module with `register`; `program.py` lists them.
"""

from digest.cli.program import program


def main() -> None:
    """Run the command line of this process, and end it with the command's exit code."""
    program()()
