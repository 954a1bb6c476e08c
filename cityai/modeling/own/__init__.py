"""Models that a city brings by `models.py`: fitted and asked in closed processes, kept as text."""
