"""Starts MLflow with logins and workspaces. Arguments are those of `mlflow server`.

MLflow reads the address of its users' database from a file alone; the file is written here, since the address may hold a
password. MLflow takes the administrator's password at its first start alone; it is set here at every start, so that the
Secret is what counts, after it was changed or made again too. Users and runs are in the same database.
"""

from __future__ import annotations

import configparser
import os
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Becomes the server."""
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(write_configuration())
    set_password(os.environ["MLFLOW_AUTH_ADMIN_USERNAME"], os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"])
    command = [sys.executable, "-m", "mlflow", "server", "--app-name=basic-auth", "--enable-workspaces", *sys.argv[1:]]
    os.execv(sys.executable, command)


def write_configuration() -> Path:
    """The configuration of MLflow's logins: who has no grant has no right."""
    settings = {
        "default_permission": "NO_PERMISSIONS",
        "grant_default_workspace_access": "false",
        "database_uri": os.environ["MLFLOW_BACKEND_STORE_URI"].replace("%", "%%"),  # the file's own escape
        "auth_cache_ttl_seconds": "60",  # a password is not hashed again for each of a recorder's many requests
    }
    configuration = configparser.ConfigParser(interpolation=None)
    configuration["mlflow"] = settings
    file = Path(tempfile.mkdtemp(prefix="mlflow-")) / "auth.ini"
    with file.open("w") as written:
        configuration.write(written)
    return file


def set_password(name: str, password: str) -> None:
    """Makes an administrator that is there already take the password of the environment."""
    from mlflow.server.auth import store
    from mlflow.server.auth.config import read_auth_config

    store.init_db(read_auth_config().database_uri)
    if store.has_user(name) and not store.authenticate_user(name, password):
        store.update_user(name, password=password, is_admin=True)


if __name__ == "__main__":
    main()
