"""What `docs/shared-mlflow.md` promises: a server with PostgreSQL holds all that a run logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from cityai.card.record import CardRecord
from cityai.modeling.final import FinalModel
from cityai.track.door import import_mlflow
from cityai.track.measures import list_models, measure_card
from cityai.track.model import CANDIDATE
from cityai.track.pages import find_page
from cityai.track.results import Outcome, log_outcome
from cityai.track.runs import open_run
from cityai.track.server import VARIABLE, connect_tracking
from cityai.track.tables import make_tables
from tests.servers import Postgres, start_mlflow
from tests.track.conftest import place_of
from tests.track.test_model import check_described, load

DRIVER = "pg8000"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(find_spec(DRIVER) is None, reason=f"no {DRIVER} is installed"),
]


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    store = postgres.address.replace("postgresql:", f"postgresql+{DRIVER}:")
    with start_mlflow(store, tmp_path) as address:
        monkeypatch.setenv(VARIABLE, address)
        # Another test of this process may have told MLflow of its own store.
        import_mlflow()
        monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", address)
        yield address


def test_a_server_with_postgresql_holds_the_run_its_figures_and_the_candidate(
    server: str,
    postgres: Postgres,
    tmp_path: Path,
    card: CardRecord,
    final: FinalModel,
    frame: pd.DataFrame,
    make_outcome: Callable[..., Outcome],
) -> None:
    state = tmp_path / ".cityai"
    shared = connect_tracking(state)
    for number in (1, 2):
        with open_run(place_of(state), "with_model") as run:
            log_outcome(run, make_outcome(final=final))
        closed = shared.client.get_run(run.run_id)
        assert closed.info.status == "FINISHED"
        assert closed.data.metrics == measure_card(card).values
        version = shared.client.get_model_version_by_alias("with_model", CANDIDATE)
        assert (version.run_id, int(version.version)) == (run.run_id, number)
    (output,) = closed.outputs.model_outputs
    check_described(shared, shared.client.get_logged_model(output.model_id), run.run_id)
    plain = frame.astype({"entity_id": "str", "borough": "object"})
    pd.testing.assert_frame_equal(
        load(f"models:/with_model@{CANDIDATE}").predict(plain), final.predict(frame)
    )
    runs = shared.client.search_runs([run.experiment_id])
    children = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == run.run_id]
    assert {c.data.params["model"] for c in children} == {
        name.rpartition(".")[2] for name in list_models(card)
    }
    there = {f.path for f in shared.client.list_artifacts(run.run_id, "tables")}
    assert there == set(make_tables(card))
    assert "viewStateShareKey=compare" in find_page(state, server, "with_model")
    assert not state.exists()  # nothing of it is here
    held = postgres.read("select alias, version from registered_model_aliases")
    assert held == [(CANDIDATE, 2)]
