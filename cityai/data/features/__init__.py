"""What the model may look at, computed from what was known when the question was asked."""
