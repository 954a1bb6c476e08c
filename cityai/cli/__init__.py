"""The commands: parse, call, print. No logic, and nothing heavy until a command needs it.

Exit codes: 0 the command was completed (also when findings fail: they are results); 1 it could not
be completed; 2 a mistake in what the user wrote or gave.
"""

try:
    from cityai.cli.main import main
except KeyboardInterrupt:  # Ctrl-C while the libraries of the terminal are loaded
    raise SystemExit("cityai: stopped before it began") from None

__all__ = ["main"]
