"""From a city's tables to `Events`: one reader, and what each layout of the main table chooses."""
