"""Inference on clustered ratios: influence functions, standard errors, simultaneous intervals."""
