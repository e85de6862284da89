"""What the configuration means, once it is checked (`check_config`): every choice spelt out, and each rule's share."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starpop.run.cluster_settings import cluster_cases
from starpop.run.files import paths_of
from starpop.run.home import at_home

# Names of folders beside the catalogues', the system models' and the population models'.
RESERVED = {
    "catalogs": {"cluster", "benchmarks", "model_graphs", "simulated", "calibration", "recovery"},
    "system_models": {"figures"},
    "population_models": {
        *("figures", "periods", "exact", "posteriors", "orbits", "criticism", "residuals", "focus_system"),
    },
}
# The prior of each noise model's number.
NOISE_PRIORS = {"scaled": "ln_error_scale", "jitter": "ln_jitter_kms"}
# What the prior of an eccentricity has that does not say.
ECCENTRICITY = {"beta": [1, 1], "up_to": 0.95}
AUTO = "auto"
# What a catalogue's entry says of the use that is made of its table, and not of the table.
OF_TABLES_USE = ("period_range_days", "selection")
# Systems of a simulated catalogue that one job simulates.
SHARE = 10_000
# Of a user's table some visits of a system, and of each exact draw its parameters, twice; what a batch may take of
# either, so that no job is long and what it loads takes little of its time, and of batches.
BYTES_A_SYSTEM, BYTES_A_DRAW = 1000, 128
SYSTEMS_A_BATCH, BYTES_A_BATCH, MOST_BATCHES = 6250, 1e9, 4096
# Of fewer systems so many batches, of so many each at least, for the cores of a machine.
BATCHES_OF_FEW, FEW_A_BATCH = 4, 2500
# The catalogues of the tutorial, and what ``density: auto`` and ``mu: auto`` mean there.
TUTORIAL, TUTORIAL_MU = ("apogee", "twin"), [1, 10]


def resolve(config: Mapping[str, Any], catalog: str) -> dict[str, Any]:
    """The configuration with every model complete for a catalogue, and with a calibration's cases.

    A rule that takes a system model, or a case, so depends on nothing that this does not use. A range of periods that
    is still ``auto`` then is that of the catalogue's cadence (`visits.period_range`).
    """
    models = {name: complete(model, config) for name, model in config["system_models"].items()}
    populations = {name: meant(model, catalog, config) for name, model in config["population_models"].items()}
    calibration = dict(config["calibration"]) | {"cases": cases(config["calibration"])}
    entries = {
        name: {key: value for key, value in entry.items() if key not in OF_TABLES_USE}
        for name, entry in config["catalogs"].items()
    }
    if "simulation" in entries[catalog]:
        drawn_from = {"system_model": models, "population_model": populations}
        chosen = entries[catalog]["simulation"]
        entries[catalog]["simulation"] = chosen | {key: of[chosen[key]] for key, of in drawn_from.items()}
    resolved = {"system_models": models, "population_models": populations, "calibration": calibration}
    single = {"batches": number_of_batches(config, catalog), "period_range_days": looked_for(config, catalog)}
    single["selection"] = config["catalogs"][catalog].get("selection", {}) if pairs(config, catalog) else {}
    return dict(config) | resolved | {"catalogs": entries} | single | of_one_rule(config)


def of_one_rule(config: Mapping[str, Any]) -> dict[str, Any]:
    """Sections without what one of their rules alone takes, and that apart, which so reruns no other."""
    sampler, diagnostics = dict(config["sampler"]), dict(config["diagnostics"])
    apart = {"sampled_systems": sampler.pop("sampled_systems"), "strict": diagnostics.pop("strict")}
    return {"sampler": sampler, "diagnostics": diagnostics} | apart


def number_of_batches(config: Mapping[str, Any], catalog: str) -> int:
    """The jobs that a catalogue's systems are spread over: as configured, or by the size of its table and draws.

    A power of two, so that a table that grows a little is divided as before.
    """
    if config["batches"] != AUTO:
        return int(config["batches"])
    entry = config["catalogs"][catalog]
    if "simulation" in entry:
        systems = entry["simulation"]["systems"]
    else:
        systems = sum(Path(path).stat().st_size for path in paths_of(entry) if Path(path).is_file()) / BYTES_A_SYSTEM
    draws = BYTES_A_DRAW * config["draws"]["exact"]
    batches = systems / min(SYSTEMS_A_BATCH, max(BYTES_A_BATCH / draws, 1))
    batches = max(batches, min(systems / FEW_A_BATCH, BATCHES_OF_FEW))
    return min(2 ** max(math.ceil(math.log2(batches)), 0), MOST_BATCHES) if batches else 1


def looked_for(config: Mapping[str, Any], catalog: str) -> Any:
    """The range of periods [d] of a catalogue: the configuration's, else that of its entry; else ``auto``."""
    chosen = config["period_range_days"]
    return config["catalogs"][catalog].get("period_range_days", AUTO) if chosen == AUTO else chosen


def meant(population: Mapping[str, Any], catalog: str, priors: Mapping[str, Any]) -> dict[str, Any]:
    """A population model with what ``auto`` means: the tutorial's for its catalogues, else normalised on the range.

    Eccentricities go as far as those of the system models.
    """
    tutorial, chosen = catalog in TUTORIAL, dict(population)
    if chosen["density"] == AUTO:
        chosen["density"] = "normal" if tutorial else "truncated_normal"
    if chosen.get("mu") == AUTO and tutorial:
        chosen["mu"] = TUTORIAL_MU
    if "eccentricity" in chosen:
        largest = (ECCENTRICITY | priors["orbit_prior"]["eccentricity"])["up_to"]
        chosen["eccentricity"] = dict(chosen["eccentricity"]) | {"up_to": largest}
    return chosen


def complete(choices: Mapping[str, Any], priors: Mapping[str, Any]) -> dict[str, Any]:
    """A system model with its defaults and, of ``orbit_prior`` and ``noise_prior``, what it uses."""
    model: dict[str, Any] = {"orbit": "circular", "offsets": False, "times": "reported"} | dict(choices)
    used = ["amplitude_sd_kms", "systemic_velocity_sd_kms"]
    used += ["trend_sd_kms_per_year"] if model["trend"] else []
    used += ["offset_sd_kms"] if model["offsets"] else []
    used += ["amplitude_scaling"] if priors["orbit_prior"].get("amplitude_scaling", "constant") != "constant" else []
    model["orbit_prior"] = {key: priors["orbit_prior"][key] for key in used}
    if model["orbit"] == "keplerian":
        model["orbit_prior"]["eccentricity"] = ECCENTRICITY | priors["orbit_prior"]["eccentricity"]
    if model["noise"] in NOISE_PRIORS:
        model["noise_prior"] = priors["noise_prior"][NOISE_PRIORS[model["noise"]]]
    return model


def cases(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """What each case of a calibration is, by its name: that of what distinguishes it from the base."""
    systems, populations = calibration["system_models"], calibration["population_models"]
    base = calibration["base"]
    common = {key: calibration[key] for key in ("catalogs", "draws", "period_range_days", "survey")}

    def case(kind: str, system_model: str, population_model: str) -> dict[str, Any]:
        return common | {
            "systems": calibration["systems"][kind],
            "system_model": complete(systems[system_model], calibration),
            "population_model": meant(populations[population_model], TUTORIAL[0], calibration),
        }

    of_systems = {name: case("system_models", name, base["population_model"]) for name in systems}
    with_base = {
        name: base["keplerian_system_model" if "eccentricity" in model else "system_model"]
        for name, model in populations.items()
        if name != base["population_model"]
    }
    of_populations = {name: case("population_models", model, name) for name, model in with_base.items()}
    of_samples = {
        name: case("population_models", base["system_model"], asked["population_model"])
        | {"selection": {key: value for key, value in asked.items() if key != "population_model"}}
        for name, asked in calibration["selections"].items()
    }
    return of_systems | of_populations | of_samples | cluster_cases(calibration)


def keplerian_models(config: Mapping[str, Any]) -> list[str]:
    """The system models whose orbits have an eccentricity."""
    return [name for name, model in config["system_models"].items() if model.get("orbit") == "keplerian"]


def is_one_star(config: Mapping[str, Any], catalog: str) -> bool:
    """Whether the entry of a catalogue names the one star of its table."""
    return "system" in config["catalogs"][catalog]


def populations_of(config: Mapping[str, Any], catalog: str) -> Mapping[str, Any]:
    """The population models that are fitted to a catalogue: to one star none, which is no population."""
    return {} if is_one_star(config, catalog) else config["population_models"]


def pairs(config: Mapping[str, Any], catalog: str) -> list[tuple[str, str]]:
    """Each system model with each population model, one with eccentricities with Keplerian orbits only."""
    keplerian = keplerian_models(config)
    return [
        (system, population)
        for system in config["system_models"]
        for population, model in populations_of(config, catalog).items()
        if "eccentricity" not in model or system in keplerian
    ]


def without_population(config: Mapping[str, Any], catalog: str) -> str:
    """Why no population is fitted, and what is so not used."""
    why = "One star makes no population" if is_one_star(config, catalog) else "There is no population model"
    unused = [f"population_models ({', '.join(config['population_models'])})"] if config["population_models"] else []
    unused += ["the selection"] if "selection" in config["catalogs"][catalog] else []
    return f"{why}: each system is fitted alone{'; not used: ' + ', '.join(unused) if unused else ''}."


def lookup(config: Mapping[str, Any], path: str) -> Any:
    """The value at a path of keys, such as "draws/systems"."""
    value: Any = config
    for key in path.split("/"):
        value = value[key]
    return value


def as_json(config: Mapping[str, Any], paths: Mapping[str, str]) -> str:
    """Parts of the configuration as one line of JSON: the same text for the same values, whatever their order."""
    return json.dumps({name: lookup(config, path) for name, path in paths.items()}, sort_keys=True)


def catalog_name(path: str) -> str:
    """A name of a catalogue, which becomes a folder's, from that of a file."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", Path(path.removesuffix(".gz")).stem).strip("_") or "mine"
    # on some disks Twin and twin are one folder
    return f"my_{name}" if name.lower() in (*RESERVED["catalogs"], *TUTORIAL, AUTO) else name


def cluster_name(table: Mapping[str, Any]) -> str:
    """The name of a table of parallaxes, for its folder: that of its file, without the ending, or of the first."""
    first, *others = paths_of(table)
    name = re.sub(r"[^\w-]+", "_", Path(first).stem)
    return f"{name}_and_{len(others)}_more" if others else name


def as_overlay(config: Mapping[str, Any], catalog: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """What gives a checked configuration again where it is laid over another: of the catalogues that of its run.

    Parameters
    ----------
    config : as it is checked
    catalog : that is analysed
    base : what it is laid over, as it stands in its file
    """
    entry, own = dict(config["catalogs"][catalog]), base["catalogs"].get(catalog, {})
    if "simulation" in entry:  # whose table `check_config` names
        del entry["path"], entry["columns"]
    elif "path" in own and at_home(own["path"]) == entry["path"]:
        entry["path"] = own["path"]
    overlay = dict(config) | {"catalog": catalog, "catalogs": {catalog: entry}}
    for section in ("system_models", "population_models"):
        overlay[section] = dict(config[section]) | dict.fromkeys(base[section].keys() - config[section].keys())
    return overlay
