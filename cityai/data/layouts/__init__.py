"""How rows are laid out: densely (every entity at every origin and step), or as they are listed."""
