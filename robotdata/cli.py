"""The command `robotdata`: one door to the product's processes and to Django's commands."""

from __future__ import annotations

import importlib.util
import os
import sys

HELP = """usage: robotdata COMMAND [OPTIONS]

  run        start web, worker and rig on this machine
  rig        run one robot with its cameras (no web packages needed)
  station    let the pages set up and run the rigs of this computer (no web packages needed)
  signin     print a one-use sign-in link
  token      print a new API token
  add        add datasets from a folder or a zip file
  import     make takes of files of other recorders (HDF5, zarr, MCAP, bags, videos)
  verify     check a dataset against its format
  repair     put right what is wrong in a dataset, after saying what
  convert    make a dataset v3.0 of one of version v2.0 or v2.1, or v2.1 of v3.0
  edit       split, merge, copy, trim or relabel a dataset
  rename     give a dataset another title or folder name
  trash      list deleted datasets, delete, restore or remove one
  disk       what everything takes on the disk, and free it
  push       send a dataset to the Hugging Face Hub or a bucket
  log        write an episode as an MCAP file (Foxglove, Lichtblick)
  recover    update the database from the folders after a crash
  rebuild    rebuild the database from the folders
  --version  print the version

`robotdata COMMAND --help` shows the options of a command. Every other Django command works, too.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name (default: the process's own) and return its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(HELP)
        return 0 if words else 2
    if words[0] == "--version":
        sys.stdout.write(f"robotdata {version()}\n")
        return 0
    if words[0] == "rig":
        from robotdata.rig.process import main as run_rig

        return run_rig(words[1:])
    if words[0] == "station":
        from robotdata.station.process import main as run_station

        return run_station(words[1:])
    return manage(words)


def manage(words: list[str]) -> int:
    """Run a command of Django's; 2 where its packages are not installed."""
    if importlib.util.find_spec("django") is None:
        from robotdata.distribution import extra_command

        sys.stderr.write(
            f"`robotdata {words[0]}` needs the web packages: install them with `{extra_command('web')}`. "
            "`robotdata rig` runs without them.\n"
        )
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "robotdata.settings")
    from django.core.exceptions import ImproperlyConfigured

    try:
        if words[:1] == ["run"]:  # Django would import every model before any process is started
            from recorder.management.commands.run import Command

            Command().run_from_argv(["robotdata", *words])
        else:
            from django.core.management import execute_from_command_line

            execute_from_command_line(["robotdata", *words])
    except ImproperlyConfigured as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


def version() -> str:
    """Return the installed version, or where the code runs from when it is not installed."""
    from robotdata.distribution import installed_version  # with the whole of `email`

    return installed_version() or "of a checkout that is not installed"
