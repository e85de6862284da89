"""What all rules share: the checked configuration, and the parameters that decide what reruns."""

import json
import os
import socket
import sys
from itertools import product
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.rules import RuleProxy


def workflow_folder():
    """The folder that `rules` is in; workflow.basedir is that of the workflow that uses this one, if it is a module."""
    rules_folder = workflow.current_basedir
    if isinstance(rules_folder, os.PathLike):
        return Path(rules_folder).parent
    if not hasattr(rules_folder, "hosted_repo"):
        raise WorkflowError(f"{rules_folder}: take this module from a folder, or with github() or gitlab().")
    # of a module in a repository elsewhere Snakemake gets single files: get all, so that the package is whole
    tree = rules_folder.hosted_repo.repo.git.ls_tree("-r", "--name-only", rules_folder.ref, "workflow").splitlines()
    needed = [
        rules_folder.join(f"../../{name}")
        for name in tree
        if name.endswith((".py", ".yaml", ".rst", ".html", ".css", ".js"))
    ]
    copies = [workflow.sourcecache.get_path(file) for file in needed]
    return Path(os.path.commonpath(copies))


WORKFLOW = workflow_folder()

# One thread each for the numerical libraries, so that sums do not depend on the machine's cores.
os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
# The scripts import the package from here, unless it is installed with the workflow in it.
if (WORKFLOW / "src").is_dir():
    sys.path.insert(0, str(WORKFLOW / "src"))
    os.environ |= {"PYTHONPATH": os.pathsep.join(filter(None, [sys.path[0], os.getenv("PYTHONPATH")]))}

from starpop.run import files, products, provenance, status
from starpop.run.check_config import check, choose_catalog
from starpop.run.errors import InputError
from starpop.run.files import paths_of
from starpop.run.home import HOME, at_home
from starpop.run.settings import (
    TUTORIAL,
    as_json,
    as_overlay,
    cluster_name,
    keplerian_models,
    pairs,
    resolve,
    without_population,
)

try:
    config = check(config, WORKFLOW / "schemas" / "config.schema.yaml", map(load_configfile, workflow.configfiles))
    CATALOG, catalog_line = choose_catalog(config)
    RESOLVED = resolve(config, CATALOG)
    PAIRS = pairs(config, CATALOG)  # of a system model and a population model
    files.check_writable(".", ".snakemake", *map(workflow.modifier.modify_path, ["logs/", "results/"]))
except InputError as error:
    raise WorkflowError(str(error)) from None

# A job whose run is no more writes nothing (`files.product`).
os.environ[files.RUN] = f"{socket.gethostname()}:{os.getpid()}"

if workflow.is_main_process:
    logger.info(catalog_line)
    if not PAIRS:
        logger.info(without_population(config, CATALOG))
    # where no other run is under way, or was killed
    if not any(Path(".snakemake/locks").glob("*")):
        for damaged in files.set_aside_damaged(workflow.modifier.modify_path("results/")):
            logger.warning(damaged)

# The user's table of parallaxes, in place of the tutorial's simulated cluster; the folder is its own.
CLUSTER_TABLE = config["cluster"].get("table")
CLUSTER = f"results/cluster/{cluster_name(CLUSTER_TABLE)}" if CLUSTER_TABLE else "results/cluster"
SYSTEM_MODELS = list(config["system_models"])
KEPLERIAN = keplerian_models(config)
POPULATION_MODELS = list(dict.fromkeys(population for _, population in PAIRS))
ECCENTRIC = [f"{s}/{p}" for s, p in PAIRS if "eccentricity" in config["population_models"][p]]
# Whether this is the tutorial's own analysis, to be held against the numbers that it prints.
PUBLISHED = CATALOG in TUTORIAL and ("tutorial", "normal") in PAIRS and not CLUSTER_TABLE
BATCHES = [f"{i:0{len(str(RESOLVED['batches'] - 1))}d}" for i in range(RESOLVED["batches"])]
# The simulated cluster and its graphs belong to the tutorial: a run of the user's own stars has only their cluster.
WITH_CLUSTER = CATALOG in TUTORIAL or bool(CLUSTER_TABLE)
GRAPHS = [*(["general", "plate", "cluster"] if WITH_CLUSTER else []), "system", *(["population"] if PAIRS else [])]
# Of a simulated catalogue, for the figures that show the truth.
SIMULATION = {"simulation": "catalogs/{catalog}/simulation"} if "simulation" in config["catalogs"][CATALOG] else {}
# What stars must show to be in the sample that populations are fitted to; nothing, if all of the table are.
SELECTION = RESOLVED["selection"]
# Pairs with a fraction of binaries, and who is one in a simulated catalogue.
FRACTIONS = [f"{s}/{p}" for s, p in PAIRS if "fraction" in config["population_models"][p]]
SHARES_OF_TABLE = [Path(path).name for path in paths_of(config["catalogs"][CATALOG])] if SIMULATION else []
TRUTHS = [f"results/simulated/{CATALOG}/truth/{name}" for name in SHARES_OF_TABLE]
CASES = list(RESOLVED["calibration"]["cases"])
# Jobs that a recovery study, and each case of a calibration, is spread over.
SHARES = 4
# What no name matches.
NONE = "(?!)"


wildcard_constraints:
    catalog=CATALOG,  # whose range, models and populations all rules are given
    system_model="|".join(SYSTEM_MODELS),
    population_model="|".join(POPULATION_MODELS) or NONE,
    case="|".join(CASES),
    batch=r"\d+",


def settings(*keys, **paths):
    """A rule's share of the configuration, as one line of JSON.

    Keys are taken by their own names; `name="path/of/{wildcard}"` takes what stands at a path. One parameter and not
    several: Snakemake does not notice when two parameters swap their values.
    """
    wanted = {key: key for key in keys} | paths

    def read(wildcards):
        filled = {name: path.format(**wildcards) for name, path in wanted.items()}
        return as_json(RESOLVED, filled)

    return read


def source_digest(script):
    """The digest of a rule's script and of all first-party code it imports."""
    return provenance.source_digest(WORKFLOW / "scripts" / f"{script}.py")


def given(path):
    """An input file that none of the rules makes; whether to rerun its bytes tell (`digest`), and not its time.

    It lies where the configuration says also if this is a module, whose other files have a prefix.
    """
    return ancient(local(path))


def digest(paths):
    """The digest of the bytes of such a file, or of those that a function of the wildcards names."""

    def read(wildcards):
        return provenance.data_digest(paths(wildcards) if callable(paths) else [paths])

    return read


def catalog_table(wildcards):
    """The files of the user's table, or of the simulated one."""
    entry = config["catalogs"][wildcards.catalog]
    return paths_of(entry) if "simulation" in entry else list(map(given, paths_of(entry)))


def users_table(wildcards):
    """The files of the user's table; of a simulated one none, which is made again where it should be."""
    return [] if SIMULATION else catalog_table(wildcards)


def if_there(path):
    """A product that is made when it is asked for only, with the digest of its bytes, if there is one."""
    made = workflow.modifier.modify_path(path)
    return {made: provenance.data_digest([made])} if os.path.isfile(made) else {}


def mass_table(wildcards):
    """The files of the user's table of the stars' masses, if there is one."""
    entry = config["catalogs"][wildcards.catalog].get("masses")
    return list(map(given, paths_of(entry))) if entry else []


def cluster_table(wildcards):
    """The files of the user's table of parallaxes."""
    return list(map(given, paths_of(CLUSTER_TABLE)))


def batches(pattern):
    """The products of all batches."""
    return expand(pattern, batch=BATCHES, allow_missing=True)


def of_models(pattern):
    """The products of all system models, of each in all batches."""
    models = [expand(pattern, system_model=model, batch=BATCHES, allow_missing=True) for model in SYSTEM_MODELS]
    return sum(models, [])


def populations(pattern):
    """The products of all population models that go with a system model."""

    def paired(wildcards):
        models = [population for system, population in PAIRS if system == wildcards.system_model]
        return expand(pattern, **wildcards, population_model=models)

    return paired


def all_pairs(pattern):
    """The products of all pairs of a system model and a population model."""
    return sum([expand(pattern, system_model=s, population_model=p, allow_missing=True) for s, p in PAIRS], [])


# Of every figure its category and its caption, by the pattern of its PNG.
PICTURES = {}


def picture(folder, name, category):
    """The files of one figure; its PNG stands in the reports, with its caption of report/."""
    path = f"{folder}/figures/{name}.png"
    caption = products.caption_of(path, WORKFLOW / "report")
    PICTURES[path] = {"category": category, "caption": caption.read_text(encoding="utf-8")}
    png = report(
        path,
        caption=f"../report/{caption.name}",
        category=category,
        labels={"figure": name},
    )
    return [png, f"{folder}/figures/{name}.pdf"]


def outputs():
    """The outputs of the rules so far, for the configured catalogue with all its models and batches."""
    every = [path for rule in workflow.rules if rule in workflow.modifier.rules for path in RuleProxy(rule).output]
    left_out = () if WITH_CLUSTER else workflow.modifier.modify_path(f"{CLUSTER}/")
    every = [path for path in every if not path.startswith(left_out)]
    of_pairs = [path for path in every if "{population_model}" in path]
    others = [path for path in every if path not in of_pairs]
    return expand(all_pairs(of_pairs) + others, catalog=CATALOG, system_model=SYSTEM_MODELS, batch=BATCHES)


def captions(figures):
    """What is known of some figures, in their order, as one line of JSON."""

    def read(wildcards):
        return json.dumps(list(figures.values()))

    return read


def pictures():
    """Every figure of the rules so far, by its path: its category, its caption, and what its wildcards stand for."""
    found = {}
    for pattern, said in PICTURES.items():
        for system_model, population_model in PAIRS or product(SYSTEM_MODELS, [""]):
            of = {"catalog": CATALOG, "system_model": system_model, "population_model": population_model}
            found[pattern.format(**of)] = said | of
    return found


def asked(wildcards):
    """What gives the configuration of this run again, laid over that of the workflow, as one line of JSON."""
    base = HOME / "config" / "config.yaml"  # a module that is taken from a repository has no file but the workflow's
    return json.dumps(as_overlay(config, CATALOG, load_configfile(base) if base.is_file() else config))


def print_verdict():
    """The last lines of a run: whether all fits of the catalogue passed their diagnostics, and which orbits did not."""
    from starpop.run import store  # which takes a second to load

    folder = Path(workflow.modifier.modify_path("results/")) / CATALOG
    if not workflow.is_main_process or not (folder / "diagnostics.csv").is_file():
        return
    rejected = folder / "rejected.ecsv"
    # which the gate has said long before, and in a terminal the bars have passed over
    if rejected.is_file() and (count := len(store.read_table(rejected))):
        logger.info(f"Rows of the table that were not used, each with its reason: {count}, in {rejected}")
    logger.info(status.of_fits(store.read_csv(folder / "diagnostics.csv")))
    for model in SYSTEM_MODELS:
        path = folder / model / "orbits.csv"
        if path.is_file():
            orbits = store.read_csv(path)
            for said in filter(None, (status.of_orbits(orbits), status.of_stars(orbits))):
                logger.warning(f"{path}: {said}")
        detected = folder / model / "figures" / "detection.png"
        if detected.is_file() and not SELECTION:  # which the report does not have
            logger.info(f"How likely an orbit is found: {detected}")
    if (folder / "report.html").is_file():
        logger.info(f"All of it on one page: {folder / 'report.html'}")


onsuccess:
    print_verdict()
