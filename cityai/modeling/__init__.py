"""Predictions: folds, baselines, candidates, their blend, and intervals."""
