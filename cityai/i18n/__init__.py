"""Sentences with places, their catalogues, and the translator of pages."""
