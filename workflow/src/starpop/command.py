"""From a table of radial velocities to the population of the binaries in it: the command `starpop`.

    starpop init mine.csv     # looks at a table and writes what it takes it for: starpop.yaml, to be confirmed
    starpop run -n            # what would run
    starpop run               # Snakemake, with the workflow of this package and the configuration of this folder
    starpop status            # of the last run in this folder: what is done, runs, failed, is left
    starpop report            # the report of its catalogue, as one page

`run` and `report` take any argument of Snakemake's. Of the workflow's own files, such as config/small.yaml, those are
taken that this folder does not have.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import textwrap
import webbrowser
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from starpop import __version__
from starpop.run import under_way
from starpop.run.check_config import check, choose_catalog
from starpop.run.errors import InputError, how_many
from starpop.run.files import replacing
from starpop.run.home import HOME, at_home
from starpop.run.stopping import TOLD, run_group

# Arguments of Snakemake that need no configuration.
ASKING = {"--version", "-v", "--help", "-h"}
BASE, MINE = "config/config.yaml", "starpop.yaml"
SCHEMA = HOME / "workflow" / "schemas" / "config.schema.yaml"
CONFIGFILES = ("--configfile", "--configfiles")
NOT_WRITTEN = (
    "{path} is not written. Mend the table, and say `starpop init` again; or, if it is not what it is taken for, "
    "write {path} yourself, of this with what is wrong put right:"
)
# Arguments of Snakemake's that say how many jobs run at once, or leave it to a profile.
HOW_MANY = re.compile(r"(--cores|--jobs|--profile|--executor|-[cje])(=.*)?|-[cj](\d+|all)")

# In a terminal, a line for each stage in the place of a paragraph for each job; but where these are asked for.
BARS = ["--logger=rich"]
NO_BARS = re.compile(r"(--logger|--profile|--quiet)(=.*)?|-q|--dry-?run|-n[a-zA-Z]*")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 0 if it is done."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    passed_on = given[:1] in (["run"], ["report"]) and not {"-h", "--help"} & set(given[1:2])
    options = parser().parse_args(given[:1] if passed_on else given)
    options.arguments = given[1:]
    try:
        return options.does(options)
    except (InputError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """What the command understands."""
    as_written = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="starpop", description=__doc__, formatter_class=as_written)
    top.add_argument("--version", action="version", version=f"starpop {__version__}")
    commands = top.add_subparsers(required=True)

    def command(name: str, does: Any, said: str, usage: str | None = None) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=said, description=said, usage=usage)
        added.set_defaults(does=does)
        return added

    added = command("init", init, f"look at a table, and write what it is taken for as {MINE}, to be confirmed")
    added.add_argument("tables", nargs="+", metavar="TABLE", help="the file of a table, or several of one table")
    added.add_argument("--format", help="its format, if the ending does not tell")
    added.add_argument("--hdu", help="the number or the name of a table in a FITS file")
    added.add_argument("--output", default=MINE, help="the configuration to write (%(default)s)")
    added.add_argument("--force", action="store_true", help="write it over another")
    passed = "[argument of snakemake ...]"
    command("run", run, "run the workflow in this folder", f"starpop run {passed}")
    command("status", status, "of the last run in this folder: what is done, runs, failed, and is left")
    command("report", report, "make the report of this folder's catalogue, and open it", f"starpop report {passed}")
    return top


def init(options: argparse.Namespace) -> int:
    """Write what a table is taken for, and what the gate of a run makes of it."""
    from starpop.gate.proposal import as_yaml, propose  # which takes a second to load

    path = Path(options.output)
    if path.exists() and not options.force:
        raise InputError(f"{path} is here, and may hold choices of yours; name another (--output), or add --force.")
    hdu = int(options.hdu) if (options.hdu or "").isdigit() else options.hdu
    given = {key: value for key, value in {"format": options.format, "hdu": hdu}.items() if value is not None}
    proposal = propose(options.tables, **given)
    the_rest = "" if options.output == MINE else f" --configfile {shlex.quote(options.output)}"
    written = as_yaml(proposal)
    try:
        said = [] if proposal.unknown else first_look(yaml.safe_load(written))
    except InputError as refusal:
        taken = textwrap.indent(written.partition("\n")[2], "  ")
        raise InputError(f"{refusal}\n{NOT_WRITTEN.format(path=path)}\n{taken}") from None
    with replacing(path) as temporary:
        temporary.write_text(written, encoding="utf-8")
    if proposal.unknown:
        print(f"{path} is written, but for what the table does not tell. Fill in:")
        print(*(f"  - {said}" for said in proposal.unknown), sep="\n")
        return 1
    print(f"{path} is written, each value with its reason. Through the gate of a run:")
    print(*(f"  {remark}" for remark in said), sep="\n")
    print(f"Confirm each line of it; then: starpop run{the_rest}")
    return 0


def first_look(proposed: Mapping[str, Any]) -> list[str]:
    """What the gate says of the table that a proposal is of, and where periods would be looked for."""
    from starpop.gate.catalog import Selection, prepare, read_catalog
    from starpop.orbits.visits import cadence_range

    config = checked([_layer(at_home(BASE)), proposed])
    name, _ = choose_catalog(config)
    entry = config["catalogs"][name]
    prepared = prepare(read_catalog(entry), entry, Selection(**config["systems"]))
    low, high = cadence_range(prepared.visits)
    count = len(prepared.systems)
    found = f"{how_many(count, 'system')}; periods are looked for from {low:g} to {high:g} d."
    return [*prepared.remarks, found]


def run(options: argparse.Namespace) -> int:
    """Run the workflow in this folder, if there is a configuration and it can be read."""
    files, _ = configfiles(options.arguments)
    if not files and not Path(BASE).exists() and ASKING.isdisjoint(options.arguments):
        raise InputError(
            f"there is no {MINE} here: `starpop init` a table, or name a --configfile. (The tutorial itself: "
            f"starpop run --configfile {at_home(BASE)})"
        )
    for file in files:
        _layer(file)
    return snakemake(options.arguments)


def status(options: argparse.Namespace) -> int:
    """Tell of the last run in this folder."""
    return under_way.main()


def report(options: argparse.Namespace) -> int:
    """Make the report of this folder's catalogue, and open it where there is somebody to see it."""
    files, _ = configfiles(options.arguments)
    if not files and not Path("results").is_dir():
        raise InputError(f"there is no {MINE} here, and no run; `starpop init` a table, or name a --configfile.")
    catalog, _ = choose_catalog(configuration([at_home(BASE), *files]))
    page = Path("results") / catalog / "report.html"
    code = snakemake([*options.arguments, "--", str(page)])
    if code == 0 and page.is_file():
        print(page)
        if sys.stdout.isatty():
            webbrowser.open(page.resolve().as_uri())
    return code


def configuration(files: Sequence[str | Path]) -> dict[str, Any]:
    """The checked configuration of files, each laid over those before it, as Snakemake does it."""
    return checked([_layer(file) for file in files])


def checked(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same of what the files say."""
    return check(reduce(_laid_over, layers, {}), SCHEMA, layers)


def _layer(file: str | Path) -> dict[str, Any]:
    """What a file of the configuration says."""
    try:
        said = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such configuration in {Path.cwd()}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: this cannot be read as YAML: {error}") from None
    if not isinstance(said, dict):
        raise InputError(f"{file}: this is no configuration; expected keys with values, such as catalog: mine.")
    return said


def _laid_over(below: Any, above: Mapping[str, Any]) -> dict[str, Any]:
    laid = dict(below) if isinstance(below, Mapping) else {}
    for key, value in above.items():
        laid[key] = _laid_over(laid.get(key), value) if isinstance(value, Mapping) else value
    return laid


def snakemake(arguments: Sequence[str]) -> int:
    """Run Snakemake with the workflow and the configuration, and say so; what it ends with."""
    command = [sys.executable, "-m", "snakemake", *snakemake_arguments(arguments)]
    print(shlex.join(command), flush=True)
    code = run_group(command)
    if code == TOLD:
        print("Stopped. The same command goes on from here.", flush=True)
    return code


def snakemake_arguments(given: Sequence[str]) -> list[str]:
    """Arguments of the user's, and before them what they do not say: the workflow, the configuration, all cores."""
    files, others = configfiles(given)
    if not Path(BASE).exists():  # which the Snakefile reads by itself
        files = [at_home(BASE), *files]
    said = ["--configfile", *files] if files else []
    said += ["--snakefile", str(HOME / "Snakefile")]
    if not any(map(HOW_MANY.fullmatch, others)):
        said += ["--cores", "all"]
    if sys.stdout.isatty() and sys.stderr.isatty() and not any(map(NO_BARS.fullmatch, others)):
        said += BARS
    return [*said, *(at_home(word) if word.startswith("profiles/") else word for word in others)]


def configfiles(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files after --configfile, else that of this folder if there is one; and the other arguments."""
    files: list[str] = []
    others: list[str] = []
    given, reading = False, False
    for word in arguments:
        flag, equals, value = word.partition("=")
        if flag in CONFIGFILES:
            given = reading = True
            files += [value] if equals else []
        elif reading and not word.startswith("-"):
            files.append(word)
        else:
            reading = False
            others.append(word)
    if not given and Path(MINE).exists():
        files = [MINE]
    return list(map(at_home, files)), others


if __name__ == "__main__":
    sys.exit(main())
