"""The tables that many rooms share, their types apart from the functions that make them."""
