"""The commands: parse, call, print. No logic, and nothing heavy until a command needs it.

Exit codes: 0 the command was completed (also when findings fail: they are results); 1 it could not
be completed; 2 a mistake in what the user wrote or gave.
"""

from cityai.cli.main import main

__all__ = ["main"]
