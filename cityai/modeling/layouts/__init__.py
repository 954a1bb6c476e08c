"""Folds and labels by layout of the rows: dense (a panel), or listed (cases)."""
