"""The card: one record of facts, then pages made from it."""
