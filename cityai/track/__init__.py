"""MLflow, and the only place that knows it.

It costs seconds to load, so nothing here loads it before it is needed.

door: how MLflow is loaded. server: the tracking store. process: is the one who wrote this alive?
runs: a run that is never left RUNNING. names, tags: what things are called there.
measures, tables, pictures: a card as metrics, tables and images; batch: many in one call.
results: the final log, with children, run_names (what tells runs apart) and views (how its pages
show an experiment). mitigations: what was tried to close a gap.
model: the model, without pickle, registered; pyfunc_model: the script in it. fetch: its files.
registry: its versions and aliases, for promotions.
"""
