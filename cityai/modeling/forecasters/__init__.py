"""What can predict: one protocol, and the forecasters that obey it.

A new one costs a file here (or, a city's own, `models.py`), and a loader in `formats` where it
brings a format of its own. The only door to LightGBM and scikit-learn.
"""
