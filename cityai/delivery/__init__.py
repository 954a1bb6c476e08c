"""After a run: what the logged model says about a moment that is still to come.

model: the record of a logged model, after every check that it fits the project.
predict: the map of `cityai predict`. tables: the list as CSV and Parquet. sheets: one page a case.
"""
