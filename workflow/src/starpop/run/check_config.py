"""The configuration is checked as a whole: every mistake is said at once, before any job starts."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starpop.run.cluster_settings import cluster_ranges, contradictory_clusters
from starpop.run.errors import InputError, not_among
from starpop.run.files import paths_of, unusable
from starpop.run.home import at_home
from starpop.run.schema import conform
from starpop.run.settings import (
    AUTO,
    RESERVED,
    SHARE,
    keplerian_models,
    looked_for,
    populations_of,
)

# The catalogue whose table comes with the workflow.
EMBEDDED = "twin"
# Of the range of an amplitude, how many times the lower end the higher may be: each factor of e takes ten scans.
MOST_SPANNED = 1e5
# How far beyond the ln of its range the mean of an amplitude's density may be (as `inference.amplitudes`).
BEYOND = 1.0
# The densities of ln P that are normalised on a range.
BOUNDED = ("truncated_normal", "power_law", "histogram")


def check(
    config: Mapping[str, Any], schema_path: str | Path, layers: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The configuration as it is meant (`schema.conform`), or an InputError that lists everything wrong with it."""
    meant, problems = conform(config, schema_path, layers)
    raise_if_any(problems or contradictory_simulations(meant))
    meant["catalogs"] = {name: with_table(name, entry) for name, entry in meant["catalogs"].items()}
    raise_if_any(contradictions(meant))
    return meant


def with_table(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A catalogue's entry with its table: the embedded one's, or, if it is simulated, a file of each share of it."""
    if "simulation" not in entry:
        embedded = name == EMBEDDED and isinstance(entry["path"], str)
        return dict(entry) | ({"path": at_home(entry["path"])} if embedded else {})
    columns = {key: key for key in ("system", "time", "rv", "rv_err")}
    shares = range(-(-entry["simulation"]["systems"] // SHARE))
    files = [f"results/simulated/{name}/visits/{share}.fits" for share in shares]
    return dict(entry) | {"path": files, "columns": columns}


def choose_catalog(config: Mapping[str, Any]) -> tuple[str, str]:
    """The catalogue to analyse, and a line that says which it is and why.

    Raises
    ------
    InputError : a file of the catalogue or of the cluster's table cannot be read, or a system model asks for what the
        catalogue has not
    """
    paths = {name: paths_of(entry) for name, entry in config["catalogs"].items()}
    name, why = config["catalog"], ""
    if name == "auto" and all(os.access(path, os.F_OK) for path in paths["apogee"]):
        name, why = "apogee", ", the tutorial's table"
    elif name == "auto":
        name, why = "twin", ", the simulated stand-in; `snakemake --cores 1 fetch_apogee` gets the tutorial's table"
    raise_if_any([*unusable_files(config, name), *unsuited_models(config, name)])
    simulation = config["catalogs"][name].get("simulation")
    table = f"{simulation['systems']} systems, simulated" if simulation else ", ".join(paths[name])
    line = f"Catalogue: {name} ({table}){why}."
    told = "instrument" in config["catalogs"][name]["columns"]
    if told and not any(model.get("offsets") for model in config["system_models"].values()):
        line += " It tells instruments, and no system model has offsets: true, so that their zero points count as one."
    return name, line


def raise_if_any(problems: Iterable[str]) -> None:
    """Raise an InputError that lists the mistakes of a configuration, if there are any."""
    if listed := list(problems):
        raise InputError("the configuration has mistakes:\n  - " + "\n  - ".join(listed))


def unusable_files(config: Mapping[str, Any], catalog: str) -> Iterable[str]:
    """Files of the user's, of the catalogue to analyse and of the cluster, that are not there or cannot be read."""
    tables = {f"catalogs.{catalog}": config["catalogs"][catalog]}
    if "simulation" in config["catalogs"][catalog]:
        tables = {}
    if "masses" in config["catalogs"][catalog]:
        tables[f"catalogs.{catalog}.masses"] = config["catalogs"][catalog]["masses"]
    if "table" in config["cluster"]:
        tables["cluster.table"] = config["cluster"]["table"]
    for where, entry in tables.items():
        fetched = where == "catalogs.apogee" and "url" in entry
        fetch = "run `snakemake --cores 1 fetch_apogee --config catalog=auto`, or " if fetched else ""
        for path in paths_of(entry):
            if said := unusable(path, fetch):
                yield f"{where}.path: {said}"


def contradictory_model(where: str, model: Mapping[str, Any]) -> Iterable[str]:
    """A jitter of each instrument where there is no jitter, or where it is not integrated over."""
    if "each" in model and model["noise"] != "jitter":
        yield f"{where}.each: {model['each']}, but noise: {model['noise']} has no jitter; leave it out."
    elif model.get("each") == "instrument" and model.get("orbit") == "keplerian":
        yield (
            f"{where}.each: instrument, which is integrated over for circular orbits alone; leave it out, for one "
            "jitter a system, or set orbit: circular."
        )


def unsuited_models(config: Mapping[str, Any], catalog: str) -> Iterable[str]:
    """Choices of the models that the catalogue to analyse has nothing for, or that its range of periods forbids."""
    entry = config["catalogs"][catalog]
    populations = populations_of(config, catalog)
    yield from narrow_populations("", populations, looked_for(config, catalog))
    asked, least = entry.get("selection", {}).get("visits"), config["systems"]["min_visits"]
    if asked is not None and asked < least:
        yield (
            f"catalogs.{catalog}.selection.visits: {asked:g}, but of stars with fewer than {least} visits none is "
            f"used (systems.min_visits); expected {least} or more, or leave it out."
        )
    keplerian = keplerian_models(config)
    for name, population in populations.items():
        if "amplitude" in population and "selection" in entry:
            yield (
                f"population_models.{name}.amplitude: {population['amplitude']['density']}, but catalogue {catalog} "
                "has a selection, which is corrected for in populations of periods alone; leave out one."
            )
        if "eccentricity" in population and not keplerian:
            yield (
                f"population_models.{name}.eccentricity: {population['eccentricity']['density']}, but no system model "
                "has an eccentricity; give one orbit: keplerian, or leave this out."
            )
        elif "eccentricity" in population and "selection" in entry:
            yield (
                f"population_models.{name}.eccentricity: {population['eccentricity']['density']}, but catalogue "
                f"{catalog} has a selection, which is corrected for in populations of periods alone; leave out one."
            )
        elif "eccentricity" in population and config["orbit_prior"]["eccentricity"].get("beta", [1, 1]) != [1, 1]:
            yield (
                f"population_models.{name}.eccentricity: {population['eccentricity']['density']} takes the place of "
                "each system's own prior, which must then be uniform: set orbit_prior.eccentricity.beta to [1, 1]."
            )
    for name, model in config["system_models"].items():
        needing = {"offsets": model.get("offsets"), "each": model.get("each") == "instrument"}
        for key in (key for key, needs in needing.items() if needs and "instrument" not in entry["columns"]):
            yield (
                f"system_models.{name}.{key}: {str(model[key]).lower()}, but catalogue {catalog} tells no "
                f"instruments; name its column as catalogs.{catalog}.columns.instrument, or leave {key} out."
            )
        if model.get("times") == "barycentric" and "observatory" not in entry:
            yield (
                f"system_models.{name}.times: 'barycentric', but catalogue {catalog} has no observatory to correct "
                f"from; add catalogs.{catalog}.observatory and coordinates, or set times: reported."
            )


def contradictions(config: Mapping[str, Any]) -> Iterable[str]:
    """What a schema cannot say: names that must exist, ranges that must ascend, folders that must not collide."""
    known = [*config["catalogs"], "auto"]
    if config["catalog"] not in known:
        yield not_among("catalog", config["catalog"], known)
    lacking = {"apogee", "twin"} - config["catalogs"].keys()
    if config["catalog"] == "auto" and lacking:
        yield (
            "catalog: 'auto' chooses between apogee and twin, and catalogs has no "
            f"{' and no '.join(sorted(lacking))}; name one of {', '.join(config['catalogs'])}."
        )
    for section, reserved in RESERVED.items():
        for name in config[section]:
            if name in reserved:
                yield f"{section}.{name}: this name is taken by a folder of the results; choose another."
    for section in RESERVED:
        yield from colliding_folders(section, config[section])
    for name, entry in config["catalogs"].items():
        yield from contradictory_entry(f"catalogs.{name}", entry)
        yield from contradictory_coordinates(f"catalogs.{name}", entry)
    if config["systems"]["keep"] == []:
        yield "systems.keep: [] keeps no system; name some, or set it to all."
    if "table" in config["cluster"]:
        yield from contradictory_table("cluster.table", config["cluster"]["table"])
    ranges = cluster_ranges(config)
    for section in ("calibration", "recovery"):
        survey = config[section]["survey"]
        ranges |= {f"{section}.survey.{key}": survey[key] for key in ("visits", "baseline_days", "rv_err_kms")}
    ranges["calibration.period_range_days"] = config["calibration"]["period_range_days"]
    for where, models in (("calibration.", config["calibration"]), ("", config)):
        yield from contradictory_amplitudes(where, models["population_models"])
        for name, model in models["population_models"].items():
            entries = {"": model} | {f"{part}.": model.get(part, {}) for part in ("eccentricity", "amplitude")}
            ranges |= {
                f"{where}population_models.{name}.{part}{key}": value
                for part, entry in entries.items()
                for key, value in entry.items()
                if isinstance(value, list)
            }
        for name, model in models["system_models"].items():
            yield from contradictory_model(f"{where}system_models.{name}", model)
    where_looked = {"period_range_days": config["period_range_days"]}
    for name, entry in config["catalogs"].items():
        where_looked[f"catalogs.{name}.period_range_days"] = entry.get("period_range_days", AUTO)
    ranges |= {key: value for key, value in where_looked.items() if value != AUTO}
    for key, (low, high) in ranges.items():
        if not low < high:
            yield f"{key}: [{low}, {high}] is empty; the lower end stands first."
    calibration = config["calibration"]
    yield from narrow_populations("calibration.", calibration["population_models"], calibration["period_range_days"])
    yield from contradictory_cases(config["calibration"])
    yield from contradictory_selections(config["calibration"])
    yield from contradictory_clusters(config["calibration"])


def contradictory_amplitudes(where: str, populations: Mapping[str, Any]) -> Iterable[str]:
    """What populations say of their amplitudes and cannot mean; `where` is their section."""
    for name, population in populations.items():
        own, key = population.get("amplitude", {}), f"{where}population_models.{name}.amplitude"
        low, high = own.get("range_kms", (1, 1))
        if high > MOST_SPANNED * low:
            yield (
                f"{key}.range_kms: [{low}, {high}]; expected ends of which one is at most {MOST_SPANNED:,.0f} times "
                "the other."
            )
        if own and "eccentricity" in population:
            yield f"{key}: {own['density']}, and it has an eccentricity, which cannot stand beside it; leave out one."
        if own.get("mu", AUTO) != AUTO:
            low, high = math.log(low), math.log(high)
            if not low - BEYOND <= min(own["mu"]) <= max(own["mu"]) <= high + BEYOND:
                yield (
                    f"{key}.mu: {own['mu']}; expected it within {BEYOND:g} of the ln of range_kms, {low:.3g} to "
                    f"{high:.3g}."
                )


def contradictory_simulations(config: Mapping[str, Any]) -> Iterable[str]:
    """What a simulated catalogue is to be drawn from and cannot be."""
    for name, entry in config["catalogs"].items():
        simulation, where = entry.get("simulation"), f"catalogs.{name}.simulation"
        if simulation is None:
            continue
        for key in ("system_model", "population_model"):
            if simulation[key] not in (known := config[f"{key}s"]):
                yield not_among(f"{where}.{key}", simulation[key], known)
        chosen = config["system_models"].get(simulation["system_model"], {})
        if chosen.get("offsets") or chosen.get("times") == "barycentric" or chosen.get("each") == "instrument":
            yield (
                f"{where}.system_model: instruments and light-travel times are not simulated; name a model without "
                "offsets, times: barycentric, and each: instrument."
            )
        if looked_for(config, name) == AUTO:
            yield f"catalogs.{name}.period_range_days: auto, but its visits are still to be simulated; give a range."
        for key in ("visits", "baseline_days", "rv_err_kms"):
            low, high = simulation["survey"][key]
            if not low <= high:
                yield f"{where}.survey.{key}: [{low}, {high}] is empty; the lower end stands first."


def narrow_populations(where: str, populations: Mapping[str, Any], looked_for: Sequence[float] | str) -> Iterable[str]:
    """Populations that end within the range [d] where periods are looked for; `where` is their section."""
    if looked_for == AUTO:
        return
    low, high = map(float, looked_for)
    for name, model in populations.items():
        start, end = model.get("period_range_days", [low, high])
        if "fraction" in model and (start, end) != (low, high):
            yield (
                f"{where}population_models.{name}.period_range_days: [{start}, {end}], but a fraction is of stars "
                f"that have a period where they are looked for, in [{low:g}, {high:g}]; leave it out."
            )
        if low < start < end or start < end < high:
            yield (
                f"{where}population_models.{name}.period_range_days: [{start}, {end}] ends within the range where "
                f"periods are looked for, {where}period_range_days of [{low:g}, {high:g}]; narrow that instead."
            )


def colliding_folders(section: str, names: Iterable[str]) -> Iterable[str]:
    """Names that differ by capitals only, which are one folder on some disks."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield f"{section}.{name}: it differs from {other!r} by capitals only; one of them needs another name."


def contradictory_entry(where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    """What a catalogue's entry says of its table and cannot mean; `where` is its path of keys."""
    columns, time = entry["columns"], entry.get("time", {})
    if ("system" in columns) == ("system" in entry):
        yield (
            f"{where}: name the column of the systems' names as columns.system, or, of a table of one system alone, "
            "its name as system: " + ("not both." if "system" in entry else "neither is there.")
        )
    if "format" in time and "zero_jd" in time:
        yield f"{where}.time: format {time['format']!r} and zero_jd {time['zero_jd']} cannot both be; leave out one."
    if "mass_err" in columns and "mass" not in columns:
        yield f"{where}.columns.mass_err: {columns['mass_err']!r} is the error of no mass; name columns.mass too."
    if "masses" in entry:
        yield from contradictory_table(f"{where}.masses", entry["masses"])
    if "masses" in entry and "mass" in columns:
        yield f"{where}.masses: the masses stand in columns.mass, {columns['mass']!r}, too; leave out one."
    if "url" in entry and not isinstance(entry["path"], str):
        yield f"{where}.url: it is of one file, and path names {len(entry['path'])}; leave out url."
    yield from contradictory_table(where, entry)
    for name, asked in entry.get("rows", {}).items():
        low, high = asked.get("at_least"), asked.get("at_most")
        if low is not None and high is not None and low > high:
            yield f"{where}.rows.{name}: nothing is at least {low} and at most {high}."


def contradictory_table(where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    """What an entry says of any table and cannot mean: of its format, columns and units."""
    columns = entry["columns"]
    if "hdu" in entry and entry.get("format", "fits") != "fits":
        yield f"{where}.hdu: {entry['hdu']!r} is of FITS files, but format is {entry['format']!r}."
    by_column: dict[str, str] = {}
    for key, name in columns.items():
        other = by_column.setdefault(name, key)
        if other != key:
            yield f"{where}.columns.{key}: {name!r} is columns.{other} too; each needs a column of its own."
    for key in entry.get("units", {}):
        if key not in columns and key not in ("ra", "dec"):
            yield f"{where}.units.{key}: it is the unit of no column; name columns.{key}."


def contradictory_coordinates(where: str, entry: Mapping[str, Any]) -> Iterable[str]:
    """What a catalogue's entry says of its stars' coordinates and cannot mean; `where` is its path of keys."""
    columns, source = entry["columns"], entry.get("coordinates")
    named = [key for key in ("ra", "dec") if key in columns]
    instead = "coordinates: name where the systems' names are such as 2M01282954+8522331"
    if len(named) == 1:
        yield f"{where}.columns.{named[0]}: {columns[named[0]]!r} stands alone; name both ra and dec, or neither."
    for key in ("ra", "dec"):
        if key in entry.get("units", {}) and key not in columns:
            yield f"{where}.units.{key}: {entry['units'][key]!r} is the unit of no column; name columns.{key}."
    if source == "columns" and not named:
        yield f"{where}.coordinates: 'columns' needs columns.ra and columns.dec; name them, or set {instead}."
    if source == "name" and named:
        yield f"{where}.coordinates: 'name', but columns.{named[0]} is named too; leave out one of them."
    if source and "observatory" not in entry:
        yield f"{where}.coordinates: {source!r} is of no use without an observatory; add one, or leave this out."
    if "observatory" in entry and not source and not named:
        yield (
            f"{where}.observatory: {dict(entry['observatory'])} needs the stars' coordinates; name columns.ra and "
            f"columns.dec, or set {instead}."
        )


def contradictory_cases(calibration: Mapping[str, Any]) -> Iterable[str]:
    """What a calibration says of its cases and cannot mean."""
    for kind, name in calibration["base"].items():
        known = calibration[f"{kind.removeprefix('keplerian_')}s"]
        if name not in known:
            yield not_among(f"calibration.base.{kind}", name, known)
    of_base = calibration["base"]["population_model"]
    if "eccentricity" in calibration["population_models"].get(of_base, {}):
        yield (
            f"calibration.base.population_model: {of_base!r} has a density of the eccentricity, and goes with all "
            "system models; name one of periods alone."
        )
    keplerian = calibration["base"]["keplerian_system_model"]
    if keplerian in calibration["system_models"] and keplerian not in keplerian_models(calibration):
        yield f"calibration.base.keplerian_system_model: {keplerian!r} has not orbit: keplerian; name one that has."
    for name in calibration["system_models"].keys() & calibration["population_models"].keys():
        yield f"calibration.population_models.{name}: a system model has this name too; each names a case of its own."


def contradictory_selections(calibration: Mapping[str, Any]) -> Iterable[str]:
    """What a calibration says of samples of stars and cannot mean."""
    populations = calibration["population_models"]
    for name, asked in calibration["selections"].items():
        where, chosen = f"calibration.selections.{name}", asked["population_model"]
        if name in calibration["system_models"].keys() | populations.keys():
            yield f"{where}: a system model or a population has this name too; each names a case of its own."
        if chosen not in populations:
            yield not_among(f"{where}.population_model", chosen, populations)
            continue
        has_ends = populations[chosen]["density"] in BOUNDED
        if not has_ends or {"eccentricity", "amplitude"} & populations[chosen].keys():
            yield (
                f"{where}.population_model: {chosen!r}; expected a population of periods alone, with a density that "
                f"ends where they are looked for: {', '.join(BOUNDED)}."
            )
