"""Statistical disclosure control: primary and complementary suppression, rounding, attack."""
