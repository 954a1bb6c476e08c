"""The review: signed acts of people on a card, in a chain that shows what was changed."""
