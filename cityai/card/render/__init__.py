"""Pages from the record: HTML for people, Markdown for repositories, JSON for machines."""
