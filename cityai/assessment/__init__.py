"""Judgement: how well a forecast does, for whom, and why it says what it says."""
