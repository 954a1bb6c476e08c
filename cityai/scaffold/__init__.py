"""New workspaces and projects, and older projects brought up to date."""
