"""Assessment of ranked lists."""
