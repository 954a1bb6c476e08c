"""`python -m cityai` is the command `cityai`."""

from cityai.cli import main

main()
