"""Models of our own: each function returns one, and `models.own` names it."""

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder


def mine() -> Pipeline:
    """Gradient boosting of our own."""
    prepare = make_column_transformer(
        ("passthrough", make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        sparse_threshold=0,
    )
    return make_pipeline(prepare, HistGradientBoostingClassifier(max_leaf_nodes=7))
