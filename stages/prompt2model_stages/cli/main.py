"""`p2m`: run, serve, look at, plan and validate Prompt2Model resources on this machine.

Exit codes: 0 done, 1 stopped midway (everything paid for is kept, the same command goes on), 2 refused before the start
(nothing written), 130 ended with Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from prompt2model_api.environment_names import P2M_CATALOGS, P2M_RUNS
from prompt2model_stages.catalogs.building.hub import PER_MINUTE
from prompt2model_stages.catalogs.entries import Kind
from prompt2model_stages.cli import commands
from prompt2model_stages.tracking.ui import PORT as UI_PORT

RUNS = click.option(
    "--runs",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    envvar=P2M_RUNS,
    show_default=True,
    help="The folder with all runs.",
)
PORT = click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="First port tried.")


def _address(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Refuses an address that names no place."""
    scheme, _, place = (value or "").partition("://")
    if value is not None and not value.strip():
        raise click.BadParameter("It is empty: name a folder or an s3:// address, or leave the option out.")
    if scheme.lower() in ("s3", "gs", "gcs") and not place.strip("/"):
        raise click.BadParameter(f"{value} names no bucket: write it as {scheme}://my-bucket/catalogs.")
    return value


CATALOGS = click.option(
    "--catalogs",
    envvar=P2M_CATALOGS,
    callback=_address,
    help="Folder or s3:// address of the catalogs to search, made by `p2m catalog build`; without it, the shipped ones.",
)
ALL = "all"
SPLITS = ("train", "validation", "test-own", "test-retrieved", "test-transformed", "test-generated", ALL)
FILE = click.argument("file", type=click.Path(path_type=Path))
NAME = click.argument("name")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """From a prompt to an answering model, on one machine."""


@main.command()
@FILE
@RUNS
@PORT
@CATALOGS
@click.option("--exit", "exit_", is_flag=True, help="End after the report instead of serving until Ctrl-C.")
def run(file: Path, runs: Path, port: int, catalogs: str | None, exit_: bool) -> None:
    """Run the Prompt2Model in FILE, from its prompt to an answering service."""
    if catalogs:
        os.environ[P2M_CATALOGS] = catalogs  # the stages are processes of their own
    sys.exit(commands.run(Console(), file, runs, port, keep_serving=not exit_))


@main.command()
@NAME
@RUNS
@PORT
@click.option("--namespace", default="default", show_default=True)
def serve(name: str, runs: Path, port: int, namespace: str) -> None:
    """Serve the model of an earlier run until Ctrl-C."""
    sys.exit(commands.serve(Console(), name, namespace, runs, port))


@main.command()
@RUNS
@click.option("--port", type=click.IntRange(1, 65535), default=UI_PORT, show_default=True)
@click.argument("name", required=False)
def ui(runs: Path, port: int, name: str | None) -> None:
    """Open MLflow with all runs of the folder."""
    sys.exit(commands.ui(Console(), runs, port))


@main.command()
@RUNS
@click.option("--namespace", default="default", show_default=True)
@click.argument("name", required=False)
def status(runs: Path, namespace: str, name: str | None) -> None:
    """Show where the resources stand; with NAME, each stage and condition."""
    sys.exit(commands.status(Console(), name, namespace, runs))


@main.command()
@NAME
@RUNS
@click.option("--namespace", default="default", show_default=True)
@click.option("--seed", type=int, help="Draws the rows that are shown; without it, the resource's own.")
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path),
    help="Write the rows into this file instead: .parquet, .jsonl, or .chat.jsonl for OpenAI's chat form.",
)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    help="With --export: this split alone. Without it all of them; in chat form each into a file of its own.",
)
@click.option("--force", is_flag=True, help="With --export: replace the file.")
def data(
    name: str, runs: Path, namespace: str, seed: int | None, file: Path | None, split: str | None, force: bool
) -> None:
    """Show what the data of a resource is like: sizes, lengths, labels, leaks, cost; or write it into a file."""
    from prompt2model_stages.cli import data as commands_of_data  # other commands need none of what it imports

    if file is None and (split is not None or force):
        raise click.UsageError("--split and --force are of an export: add --export FILE.")
    if file is None:
        sys.exit(commands_of_data.show(Console(), name, namespace, runs, seed))
    if seed is not None:
        raise click.UsageError("--seed draws the rows that are shown, and --export writes all: leave one of them out.")
    sys.exit(commands_of_data.write(Console(), name, namespace, runs, file, split or ALL, force=force))


@main.command()
@FILE
@RUNS
def plan(file: Path, runs: Path) -> None:
    """Show what a run of FILE would do, why, and what it would ask of the teacher."""
    sys.exit(commands.plan(Console(), file, runs))


@main.command()
@FILE
def validate(file: Path) -> None:
    """Check FILE without running it."""
    sys.exit(commands.validate(Console(), file))


@main.command()
@click.argument("named", metavar="NAME|FILE")
@RUNS
@click.option("--port", type=click.IntRange(1, 65535), default=7860, show_default=True, help="First port tried.")
@click.option("--namespace", help="Of the resource; without it `default`, or with --cluster the kubeconfig's.")
@click.option("--cluster", is_flag=True, help="NAME is in a cluster: it is patched, with your own rights.")
@click.option("--context", help="Of the kubeconfig, with --cluster; without it the current one.")
def choose(named: str, runs: Path, port: int, namespace: str | None, cluster: bool, context: str | None) -> None:
    """Open a page to choose dataset and student of a resource; the choice is written into its file, or the cluster."""
    from prompt2model_stages.cli import choosing  # other commands need none of what it imports

    if context and not cluster:
        raise click.UsageError("--context is of a cluster: add --cluster.")
    place = choosing.in_cluster(named, namespace, context) if cluster else choosing.here(named, namespace, runs)
    sys.exit(choosing.choose(Console(), place, port))


@main.command()
@click.argument("named", metavar="NAME|FILE")
@RUNS
@click.option("--port", type=click.IntRange(1, 65535), default=7860, show_default=True, help="First port tried.")
@click.option("--namespace", default="default", show_default=True)
@click.option("--by", help="Your name beside your edits; without it, that of who is logged in.")
def review(named: str, runs: Path, port: int, namespace: str, by: str | None) -> None:
    """Open a page to read, correct and accept the generated examples of a resource that was run here."""
    from prompt2model_stages.cli import reviewing  # other commands need none of what it imports

    sys.exit(reviewing.review(Console(), named, namespace, runs, port, by))


@main.group()
def catalog() -> None:
    """Search the catalogs of datasets and models, or build your own from a hub."""


KIND = click.argument("kind", type=click.Choice([kind.value for kind in Kind]))


@catalog.command("build")
@KIND
@click.option(
    "--to",
    default="catalogs",
    envvar=P2M_CATALOGS,
    callback=_address,
    show_default=True,
    help="Folder or s3:// address; what is there is brought up to date.",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only what changed at the hub since this day; without it, since the last build.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many entries, to try it out.")
@click.option(
    "--per-minute", type=click.IntRange(1, 6000), default=PER_MINUTE, show_default=True, help="Requests to the hub."
)
@click.option(
    "--vectors/--no-vectors", default=True, show_default=True, help="Encode each text, for search by meaning."
)
def catalog_build(
    kind: str, to: str, since: datetime | None, limit: int | None, per_minute: int, vectors: bool
) -> None:
    """Build a catalog of what the hub at HF_ENDPOINT lists. A stopped build continues with the same command."""
    from prompt2model_stages.cli import catalogs  # other commands need none of what it imports

    if since is not None and since.replace(tzinfo=UTC) > datetime.now(UTC):
        raise click.BadParameter("It is still to come: name a day in the past (UTC).", param_hint="--since")
    day = since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else None
    sys.exit(catalogs.build_catalog(Console(), Kind(kind), to, day, limit, per_minute, vectors=vectors))


@catalog.command("search", context_settings={"ignore_unknown_options": True})
@KIND
@click.argument("words", nargs=-1, required=True)
@CATALOGS
@click.option("--most", type=click.IntRange(1, 200), default=25, show_default=True, help="Lines.")
def catalog_search(kind: str, words: tuple[str, ...], catalogs: str | None, most: int) -> None:
    """Show the datasets or models that are nearest to WORDS."""
    from prompt2model_stages.cli.catalogs import search_catalog

    if unknown := [word for word in words if word.startswith("--")]:  # -1 is a word of a query
        raise click.NoSuchOption(unknown[0])
    sys.exit(search_catalog(Console(), Kind(kind), " ".join(words), catalogs, most))


if __name__ == "__main__":
    main()
