"""MLflow, and the only place that knows it.

It costs seconds to load, so nothing here loads it before it is needed.

door: how MLflow is loaded. server: the tracking store. process: is the one who wrote this alive?
runs: a run that is never left RUNNING. names, measures: what is logged, under which names.
results: the final log. model: the model, without pickle; pyfunc_model: the script in it.
"""
