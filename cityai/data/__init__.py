"""What the city knew, and when."""
