"""Impact evaluation: whether what a city did with a prediction changed anything, and for whom."""
