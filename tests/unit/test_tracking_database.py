"""The address of MLflow's database, whatever its folder is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from prompt2model_stages.local.run_folder import RunFolder
from prompt2model_stages.tracking.database import database_file, database_uri, no_twin_folder
from prompt2model_stages.tracking.ui import ui_command

pytestmark = pytest.mark.unit

NAMES = ["plain", "a%2Fb", "what?", "C#", "two words", "50% off? #1: ü", "a%252Fb"]


@pytest.mark.parametrize("name", NAMES)
def test_what_sqlalchemy_reads_is_the_path(name: str, tmp_path: Path) -> None:
    from sqlalchemy.engine import make_url

    file = tmp_path / name / "mlflow.db"
    uri = database_uri(file)
    assert make_url(uri).database == str(file) and make_url(uri).query == {}
    assert database_file(uri) == file
    assert RunFolder(tmp_path / name, "default", "a").tracking_uri == uri
    assert uri in ui_command(tmp_path / name, 5000)


def test_a_usual_path_is_the_address_as_it_was(tmp_path: Path) -> None:
    assert database_uri(Path("/srv/my runs/ü/mlflow.db")) == "sqlite:////srv/my runs/ü/mlflow.db"
    assert database_file("http://mlflow:5000") is None


def test_the_folder_of_the_quoted_path_goes_again(tmp_path: Path) -> None:
    file = tmp_path / "a%2Fb" / "runs" / "mlflow.db"
    file.parent.mkdir(parents=True)
    twin = Path(database_uri(file).removeprefix("sqlite:///")).parent
    with no_twin_folder(database_uri(file)):
        twin.mkdir(parents=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a%2Fb"] and file.parent.exists()
    twin.mkdir(parents=True)
    with no_twin_folder(database_uri(file)):
        pass
    assert twin.exists(), "a folder that was there before is somebody's"
