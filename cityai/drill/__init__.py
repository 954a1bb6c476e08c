"""Drills for reviewers: a card of the invented city with one planted fault."""
