"""The pipeline: from a specification to a published card."""
