"""A mistake in the configuration is said with its key, its value and what is allowed."""

import copy
import json
from contextlib import nullcontext
from dataclasses import fields

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from conftest import ROOT
from starpop.inference.densities import Density, TruncatedNormal, density_from_settings
from starpop.inference.eccentricities import EccentricityPrior, Rayleigh
from starpop.orbits.conditions import Conditions
from starpop.orbits.system_model import SystemModel
from starpop.run.check_config import check, choose_catalog, with_table
from starpop.run.errors import InputError
from starpop.run.settings import as_json, as_overlay, cases, cluster_name, pairs, resolve, without_population

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
FIELD = {"fraction": [0, 1], "mean_distance_kpc": 0.5, "sd_kpc": 0.3}
TWIN = CONFIG["catalogs"]["twin"]
SIMULATION = {
    "systems": 100,
    "system_model": "tutorial",
    "population_model": "normal",
    "parameters": {"mu": 3.0, "lnsigma": 0.2},
    "survey": {"visits": [3, 20], "baseline_days": [900, 1000], "rv_err_kms": [0.1, 0.1]},
    "seed": 1,
}
MASSES = {"path": "m.csv", "columns": {"system": "s", "mass": "m"}}


def changed(path, value):
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    target = config
    for key in parents:
        target = target[key]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return config


def test_the_shipped_configurations_are_right():
    check(CONFIG, SCHEMA)
    for path in sorted((ROOT / "config").glob("*.yaml")):
        if path.name != "config.yaml":
            overlay = yaml.safe_load(path.read_text())
            check(laid_over(overlay), SCHEMA, [CONFIG, overlay])


APO = CONFIG["catalogs"]["apogee"]["observatory"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("perod_range_days", [1, 2], "perod_range_days: unknown key.*Did you mean 'period_range_days'"),
        ("sampler.chain", 4, r"sampler\.chain: unknown key; allowed here: backend.*Did you mean 'chains'"),
        ("catalogs.twin.columns.velocity", "v", r"catalogs\.twin\.columns\.velocity: unknown key"),
        (
            "sampler.backend",
            "nutpi",
            "sampler.backend: 'nutpi' is not one of 'nutpie', 'pymc', 'none'. Did you mean 'nutpie'",
        ),
        ("sampler.chains", "4", r"sampler\.chains: '4' is of type str; expected integer"),
        ("sampler.chains", 1, r"sampler\.chains: 1: 1 is less than the minimum of 2"),
        ("sampler.chains", None, "sampler: missing key chains"),
        ("period_range_days", [1.5], r"period_range_days: \[1.5\] is a list of 1; expected at least 2"),
        ("period_range_days", [1, 5, 20], r"period_range_days: \[1, 5, 20\] is a list of 3; expected at most 2"),
        ("period_range_days", [20, 1.5], r"period_range_days: \[20, 1.5\] is empty"),
        ("population_models.normal.mu", [10, 1], r"population_models\.normal\.mu: \[10, 1\] is empty"),
        ("orbit_prior.amplitude_sd_kms", 0, "orbit_prior.amplitude_sd_kms: 0"),
        ("system_models.jitter.noise", "jiter", "jitter.noise: 'jiter' is not one of 'reported', 'scaled', 'jitter'"),
        ("system_models.jitter.orbit", "keplarian", "orbit: 'keplarian' is not one of 'circular', .* 'keplerian'\\?"),
        ("orbit_prior.eccentricity.up_to", 1, r"orbit_prior\.eccentricity\.up_to: 1: .* maximum of 0\.98"),
        ("orbit_prior.eccentricity.up_to", 0, r"orbit_prior\.eccentricity\.up_to: 0: "),
        ("orbit_prior.eccentricity.beta", [1, 0.4], r"eccentricity\.beta\.1: 0\.4: .* minimum of 0\.5"),
        ("orbit_prior.eccentricity.beta", [1], r"eccentricity\.beta: \[1\] is a list of 1; expected at least 2"),
        ("orbit_prior.eccentricity.upto", 0.5, r"eccentricity\.upto: unknown key; .* Did you mean 'up_to'"),
        (
            "system_models.jitter.harmonics",
            1,
            r"system_models\.jitter\.harmonics: unknown key; .*\. Write orbit: circular instead, or leave it out\.",
        ),
        (
            "system_models.jitter.harmonics",
            3.0,
            r"jitter\.harmonics: unknown key; .*\. Write orbit: keplerian instead",
        ),
        ("calibration.system_models.scaled.harmonics", 2, r"scaled\.harmonics: .*\. Write orbit: keplerian instead"),
        (
            "orbit_prior.eccentricity_scale",
            0.1,
            r"orbit_prior\.eccentricity_scale: unknown key; .*\. Write eccentricity: {up_to: \.\.\.} instead\.",
        ),
        (
            "calibration.orbit_prior.eccentricity_scale",
            0.1,
            r"calibration\.orbit_prior\.eccentricity_scale: unknown key; .* Write eccentricity: ",
        ),
        ("system_models.jitter.trend", 3, r"system_models\.jitter\.trend: 3 is not one of 0, 1, 2"),
        ("system_models.jitter.each", "night", r"jitter\.each: 'night' is not one of 'system', 'instrument'"),
        (
            "system_models.tutorial.each",
            "instrument",
            r"tutorial\.each: instrument, but noise: reported has no jitter",
        ),
        (
            "system_models.jitter",
            {"trend": 0, "noise": "jitter", "orbit": "keplerian", "each": "instrument"},
            r"jitter\.each: instrument, which is integrated over for circular orbits alone",
        ),
        (
            "calibration.system_models.scaled.each",
            "instrument",
            r"calibration\.system_models\.scaled\.each: instrument, but noise: scaled has no jitter",
        ),
        ("system_models.jitter.times", "bjd", "jitter.times: 'bjd' is not one of 'reported', 'barycentric'"),
        ("noise_prior.ln_jitter_kms.sd", 0, r"noise_prior\.ln_jitter_kms\.sd: 0"),
        ("catalog", "twinn", "catalog: 'twinn' is not one of apogee, twin, auto. Did you mean 'twin'"),
        ("catalogs.twin.selection", {}, r"catalogs\.twin\.selection: "),
        ("catalogs.twin.selection", {"delta_rv": 1}, "unknown key; .* Did you mean 'delta_rv_kms'"),
        ("catalogs.twin.selection", {"visits": 0}, r"selection\.visits: 0: 0 is less than the minimum of 1"),
        ("catalogs.twin.selection", {"delta_rv_kms": 0}, r"selection\.delta_rv_kms: 0"),
        ("detection.simulations", 100, r"detection\.simulations: 100: 100 is less than the minimum of 200"),
        ("systems.keep", "some", "systems.keep: 'some' is not allowed; the word all, or a list of system names"),
        (
            "system_models",
            {"figures": CONFIG["system_models"]["tutorial"]},
            "system_models.figures: this name is taken",
        ),
        ("catalogs.my/stars", CONFIG["catalogs"]["twin"], "'my/stars' must match"),
        ("calibration.draws", 100, r"calibration\.draws: 100 is not one of 19, 39, 99, 199"),
        (
            "calibration.base.system_model",
            "tutorail",
            r"calibration\.base\.system_model: 'tutorail' is not one of tutorial.*Did you mean 'tutorial'",
        ),
        ("calibration.base.population_model", "beta", "'beta' has a density of the eccentricity, and goes with all"),
        ("calibration.base.keplerian_system_model", "jitter", r"keplerian_system_model: 'jitter' has not orbit: kepl"),
        (
            "calibration.population_models.jitter",
            {"density": "normal", "mu": [1, 2], "ln_sigma": [-1, 0]},
            r"calibration\.population_models\.jitter: a system model has this name too",
        ),
        (
            "calibration.clusters.jitter",
            CONFIG["calibration"]["clusters"]["cluster_with_field"],
            r"calibration\.clusters\.jitter: a system model has this name too; each names a case of its own",
        ),
        (
            "calibration.clusters.cluster_with_field.stars",
            [200, 50],
            r"clusters\.cluster_with_field\.stars: \[200, 50\] is empty",
        ),
        ("cluster.prior.ln_error_factor", [1, -1], r"cluster\.prior\.ln_error_factor: \[1, -1\] is empty"),
        ("cluster.prior.field", FIELD | {"fraction": [0.4, 0.4]}, r"prior\.field\.fraction: \[0\.4, 0\.4\] is empty"),
        (
            "cluster.prior.field",
            FIELD | {"fraction": [0, 1.5]},
            r"field\.fraction.*1\.5 is greater than the maximum of 1",
        ),
        (
            "cluster.prior.field",
            {"fraction": [0, 1]},
            r"cluster\.prior\.field: missing keys mean_distance_kpc",
        ),
        (
            "calibration.population_models.power_law.beta",
            [3, -3],
            r"calibration\.population_models\.power_law\.beta: \[3, -3\] is empty",
        ),
        ("calibration.system_models.trend.noise", "jiter", r"trend\.noise: 'jiter' is not one of .*mean 'jitter'"),
        ("figures.colors.data", "black", r"figures.colors.data: 'black' must match .* \(a colour, between quotes, as"),
        (
            "diagnostics.strict",
            "yes",
            "diagnostics.strict: 'yes' is of type str; expected boolean. true and false stand without quotes",
        ),
        ("seed", "42", "seed: '42' is of type str; expected integer. A number stands without quotes; within"),
        (
            "period_range_days",
            [1.5, "20 d"],
            r"period_range_days\.1: '20 d' is of type str; expected number\. A number",
        ),
        ("period_range_days", "1.5, 20", r"expected array\. A list stands between brackets: \[a, b\]"),
        (
            "system_models.jitter.trend",
            "2",
            r"trend: '2' is not one of 0, 1, 2\. A number stands without",
        ),
        ("focus_system", 51, r"focus_system: 51 is of type int; expected string\. Put it between quotes"),
        ("catalogs.twin.columns.rv", False, r"columns\.rv: False is of type bool; expected string\. Put it between"),
        ("sampler.chains", 2.5, r"sampler\.chains: 2\.5 is of type float; expected integer\."),
        ("orbit_prior.amplitude_sd_kms", float("nan"), r"amplitude_sd_kms: nan is of type float; .* must be finite"),
        ("cluster.prior.mean_distance_kpc", float("inf"), r"mean_distance_kpc: inf is .* must be finite"),
        ("draws.exact", 1e300, r"draws\.exact: 1e\+300 is of type float; expected integer"),
        ("draws.exact", "1e400", r"draws\.exact: inf is of type float; expected integer\. It must be finite"),
        ("batches", 10**6, "batches: 1000000: 1000000 is greater than the maximum of 10000"),
        ("batches", 0.0, r"batches: 0\.0: 0\.0 is less than the minimum of 1"),
    ],
)
def test_a_mistake_is_said_with_its_key_and_what_is_allowed(path, value, message):
    with pytest.raises(InputError, match=message):
        check(changed(path, value), SCHEMA)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"observatory": APO},
            r"twin\.observatory: {'longitude_deg': -105.82.*name columns.ra and columns.dec, or set ",
        ),
        ({"observatory": APO | {"latitude_deg": 98.0}}, r"twin\.observatory\.latitude_deg: 98.0: .* maximum of 90"),
        ({"observatory": APO | {"height_m": "2788"}}, r"height_m: '2788' is of type str; expected number"),
        ({"observatory": APO | {"height": 2788}}, r"height: unknown key; .* Did you mean 'height_m'"),
        ({"observatory": {"height_m": 2788}}, r"twin\.observatory: missing keys longitude_deg, latitude_deg"),
        ({"observatory": APO, "coordinates": "columns"}, r"coordinates: 'columns' needs columns\.ra and columns\.dec"),
        (
            {"observatory": APO, "coordinates": "names"},
            r"'names' is not one of 'columns', 'name'\. Did you mean 'name'",
        ),
        ({"coordinates": "name"}, r"coordinates: 'name' is of no use without an observatory; add one, or leave this"),
        ({"columns": {"ra": "RA"}}, r"twin\.columns\.ra: 'RA' stands alone; name both ra and dec, or neither"),
        ({"columns": {"dec": "DE"}, "observatory": APO}, r"twin\.columns\.dec: 'DE' stands alone"),
        (
            {"columns": {"ra": "RA", "dec": "DE"}, "observatory": APO, "coordinates": "name"},
            r"twin\.coordinates: 'name', but columns\.ra is named too; leave out one of them",
        ),
        ({"units": {"dec": "deg"}}, r"twin\.units\.dec: 'deg' is the unit of no column; name columns\.dec"),
    ],
)
def test_what_is_said_of_coordinates_must_go_together(entry, message):
    config = copy.deepcopy(CONFIG)
    twin = config["catalogs"]["twin"]
    config["catalogs"]["twin"] = twin | entry | {"columns": twin["columns"] | entry.get("columns", {})}
    with pytest.raises(InputError, match=message) as error:
        check(config, SCHEMA)
    assert str(error.value).count("\n") == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"columns": {"ra": "RA", "dec": "DE", "instrument": "telescope"}, "units": {"ra": "hourangle"}},
        {"columns": {"ra": "RA", "dec": "DE"}, "observatory": APO},
        {"columns": {"ra": "RA", "dec": "DE"}, "observatory": APO, "coordinates": "columns"},
        {"observatory": APO, "coordinates": "name"},
    ],
)
def test_what_goes_together_may_be_said_of_coordinates(entry):
    config = copy.deepcopy(CONFIG)
    twin = config["catalogs"]["twin"]
    config["catalogs"]["twin"] = twin | entry | {"columns": twin["columns"] | entry.get("columns", {})}
    check(config, SCHEMA)


POPULATIONS = {
    "normal": {"mu": [1, 10], "ln_sigma": [-2, 3]},
    "truncated_normal": {"mu": [1, 10], "ln_sigma": [-2, 3], "period_range_days": [1, 30]},
    "student_t": {"mu": [1, 10], "ln_sigma": [-2, 3], "ln_nu": [0, 4]},
    "normal_mixture": {"mu": [0, 3], "separation": [0, 3], "ln_sigma": [-2, 1], "weight": [0.1, 0.9]},
    "power_law": {"beta": [-3, 3], "period_range_days": [1, 30]},
    "histogram": {"bins": 6, "ln_tau": [-2, 1], "period_range_days": [1, 30]},
}


def test_every_density_may_stand_in_the_configuration_with_all_of_its_keys():
    assert POPULATIONS.keys() == Density.registered.keys()
    for name, keys in POPULATIONS.items():
        entry = {"density": name, **keys}
        assert {f.name for f in fields(Density.registered[name])} == keys.keys()
        check(changed("population_models", {"mine": entry}), SCHEMA)
        assert isinstance(density_from_settings(entry, (1.5, 20.0)), Density.registered[name])


@pytest.mark.parametrize(
    ("density", "change", "message"),
    [
        (
            "student_t",
            {"density": "student"},
            r"mine\.density: 'student' is not one of 'auto', 'normal', .*'student_t'",
        ),
        ("normal", {"density": None}, r"population_models\.mine: missing key density\."),
        ("student_t", {"ln_nu": None}, r"population_models\.mine: missing key ln_nu\."),
        ("power_law", {"mu": [1, 10]}, r"mine\.mu: unknown key; allowed here: density, beta, period_range_days, "),
        ("normal", {"period_range_days": [1, 9]}, r"mine\.period_range_days: unknown key; allowed here: density, mu,"),
        ("histogram", {"bin": 3}, r"mine\.bin: unknown key; .* Did you mean 'bins'"),
        ("histogram", {"bins": 1}, r"mine\.bins: 1: 1 is less than the minimum of 2"),
        ("power_law", {"beta": [3, -3]}, r"mine\.beta: \[3, -3\] is empty; the lower end stands first"),
        ("truncated_normal", {"period_range_days": [20, 2]}, r"mine\.period_range_days: \[20, 2\] is empty"),
        ("normal_mixture", {"weight": [0, 2]}, r"mine\.weight\.1: 2: 2 is greater than the maximum of 1"),
        ("normal_mixture", {"separation": [-1, 2]}, r"mine\.separation\.0: -1: -1 is less than the minimum of 0"),
        ("normal", {"eccentricity": {}}, r"mine\.eccentricity: missing key density\."),
        (
            "normal",
            {"eccentricity": {"density": "ray"}},
            r"eccentricity\.density: 'ray' is not one of 'uniform', 'beta'",
        ),
        ("normal", {"eccentricity": {"density": "rayleigh"}}, r"mine\.eccentricity: missing key ln_sigma\."),
        (
            "normal",
            {"eccentricity": {"density": "rayleigh", "ln_sigma": [0, -1]}},
            r"mine\.eccentricity\.ln_sigma: \[0, -1\] is empty; the lower end stands first",
        ),
        (
            "normal",
            {"eccentricity": {"density": "uniform", "up_to": 0.5}},
            r"mine\.eccentricity\.up_to: unknown key; allowed here: density\.",
        ),
        (
            "normal",
            {"eccentricity": {"density": "beta", "ln_alpha": [-2, 1], "ln_beta": [0, 1]}},
            r"mine\.eccentricity\.ln_alpha\.0: -2: -2 is less than the minimum of -0\.69",
        ),
    ],
)
def test_a_mistake_in_a_population_is_said_once_with_its_key(density, change, message):
    entry = {"density": density, **POPULATIONS[density]} | change
    entry = {key: value for key, value in entry.items() if value is not None}
    with pytest.raises(InputError, match=message) as error:
        check(changed("population_models", {"mine": entry}), SCHEMA)
    assert str(error.value).count("\n") == 1


def laid_over(changes, base=CONFIG):
    """The configuration with a file laid over it, as Snakemake does it."""
    config = copy.deepcopy(base)
    update_config(config, changes)
    return config


@pytest.mark.parametrize(
    "changes",
    [
        {"catalog": "twin"},
        {"catalog": "apogee", "system_models": {"tutorial": None}},
        yaml.safe_load((ROOT / "config" / "survey.yaml").read_text()),
    ],
    ids=["twin", "one model", "survey"],
)
def test_a_run_can_be_had_again_by_laying_its_configuration_over_the_base(changes):
    config = check(laid_over(changes), SCHEMA)
    overlay = as_overlay(config, config["catalog"], CONFIG)
    again = check(laid_over(yaml.safe_load(yaml.safe_dump(overlay))), SCHEMA)
    assert again == config


@pytest.mark.parametrize(
    ("path", "written", "meant"),
    [
        ("draws.exact", 1.0e3, 1000),
        ("draws.exact", "1e3", 1000),
        ("draws.exact", "1.0e4", 10000),
        ("batches", 2.0, 2),
        ("batches", "1e2", 100),
        ("seed", 42.0, 42),
        ("orbit_prior.amplitude_sd_kms", 100.0, 100),
        ("orbit_prior.amplitude_sd_kms", "1e-3", 0.001),
        ("orbit_prior.amplitude_sd_kms", "1E2", 100),
        ("period_range_days", ["15e-1", 20.0], [1.5, 20]),
        ("orbit_prior.eccentricity.beta", [1.0, "2e0"], [1, 2]),
        ("system_models.jitter.trend", "1e0", 1),
        ("calibration.draws", 199.0, 199),
        ("population_models.normal.mu", ["-1e0", 1e1], [-1, 10]),
        ("recovery.survey.visits", [6.0, 36.0], [6, 36]),
    ],
)
def test_a_number_is_the_same_however_it_is_written(path, written, meant):
    keys = {"value": path.replace(".", "/")}
    right = as_json(check(changed(path, meant), SCHEMA), keys)
    assert as_json(check(changed(path, written), SCHEMA), keys) == right == json.dumps({"value": meant})


def test_what_is_a_text_or_may_be_one_stays_as_it_is_written():
    rows = {"release": {"is": [2.0, "1e4"]}, "flag": {"is_not": 3.0}}
    entry = check(changed("catalogs.twin", TWIN | {"rows": rows, "hdu": "1e1"}), SCHEMA)["catalogs"]["twin"]
    assert json.dumps(entry["rows"]) == '{"release": {"is": [2.0, "1e4"]}, "flag": {"is_not": 3.0}}'
    assert entry["hdu"] == "1e1"
    assert check(changed("focus_system", "1e4"), SCHEMA)["focus_system"] == "1e4"


def test_the_configuration_that_is_checked_is_not_changed():
    config = laid_over({"draws": {"exact": "1e3"}, "system_models": {"jitter": None}})
    before = copy.deepcopy(config)
    check(config, SCHEMA)
    assert config == before


def test_null_leaves_out_what_a_file_laid_over_does_not_want():
    overlay = {
        "catalog": "mine",
        "catalogs": {"apogee": None, "twin": None, "mine": CONFIG["catalogs"]["twin"]},
        "system_models": {"tutorial": None, "jitter": None, "mine": {"trend": 0, "noise": "scaled"}},
        "population_models": {"normal": None, "flat": {"density": "power_law", "beta": [-3, 3]}},
        "cluster": {"table": None},
        "calibration": {"system_models": {"combined": None}, "population_models": {"histogram": None}},
    }
    meant = check(laid_over(overlay), SCHEMA, [CONFIG, overlay])
    assert list(meant["catalogs"]) == list(meant["system_models"]) == ["mine"]
    assert list(meant["population_models"]) == ["flat"]
    assert "table" not in meant["cluster"]
    assert not {"combined", "histogram"} & resolve(meant, "mine")["calibration"]["cases"].keys()


def test_null_leaves_out_an_optional_key_of_an_entry():
    assert "observatory" in CONFIG["catalogs"]["apogee"]
    meant = check(laid_over({"catalogs": {"apogee": {"observatory": None, "coordinates": None}}}), SCHEMA)
    assert not {"observatory", "coordinates"} & meant["catalogs"]["apogee"].keys()


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"system_models": {"tutorial": None, "jitter": None}}, r"system_models: {} is empty; at least one entry is"),
        ({"population_models": None}, "configuration: missing key population_models; null leaves a key out, and"),
        ({"system_models": None}, "configuration: missing key system_models; null leaves a key out, and this one is"),
        ({"systems": {"keep": None}}, "systems: missing key keep; null leaves a key out, and this one is needed"),
        ({"sampler": {"chains": None}}, "sampler: missing key chains; null leaves a key out"),
        ({"sampler": {"chain": None}}, r"sampler\.chain: unknown key; .* Did you mean 'chains'"),
        ({"catalog": None}, "configuration: missing key catalog; null leaves a key out"),
        ({"period_range_days": [1.5, None]}, r"period_range_days\.1: None is of type NoneType; expected number"),
        (
            {"system_models": {"tutoral": None}},
            r"system_models\.tutoral: null, or no value, leaves out an entry, and none has this name; "
            r"there are jitter, tutorial\. "
            "Did you mean 'tutorial'",
        ),
        (
            {"calibration": {"system_models": {"scale": None}}},
            r"calibration\.system_models\.scale: null, or no value, .* Did you mean 'scaled'",
        ),
        (
            {"calibration": {"clusters": {"cluster_with_feild": None}}},
            r"calibration\.clusters\.cluster_with_feild: null, or no value, .* Did you mean 'cluster_with_field'",
        ),
        (
            {"catalog": "mine", "catalogs": {"mine": None}},
            r"catalogs\.mine: null, or no value, .* there are apogee, twin",
        ),
        ({"catalogs": {"twin": None}}, r"catalog: 'auto' chooses between .* catalogs has no twin; name one"),
        (
            {"calibration": {"system_models": {"tutorial": None}}},
            r"calibration\.base\.system_model: 'tutorial' is not one of jitter",
        ),
    ],
)
def test_null_leaves_out_no_more_than_can_be_spared(overlay, message):
    with pytest.raises(InputError, match=message) as error:
        check(laid_over(overlay), SCHEMA, [CONFIG, overlay])
    assert str(error.value).count("\n") == 1


def test_null_may_leave_out_what_another_file_added():
    added = {"system_models": {"mine": CONFIG["system_models"]["jitter"]}}
    nulled = {"system_models": {"mine": None}}
    config = laid_over(nulled, laid_over(added))
    assert list(check(config, SCHEMA, [CONFIG, added, nulled])["system_models"]) == ["tutorial", "jitter"]


@pytest.mark.parametrize("name", [2020, True, 1.5])
def test_a_name_that_yaml_takes_for_something_else_is_said(name):
    with pytest.raises(InputError, match=rf"catalogs: {name} is of type \w+; expected string\. Put it between quotes"):
        check(laid_over({"catalogs": {name: CONFIG["catalogs"]["twin"]}}), SCHEMA)


def test_all_mistakes_are_said_at_once():
    config = changed("sampler.chains", "4")
    config["draw"] = {}
    with pytest.raises(InputError) as error:
        check(config, SCHEMA)
    assert "draw: unknown key" in str(error.value)
    assert "sampler.chains" in str(error.value)


def test_each_case_of_a_calibration_differs_from_the_base_in_one_model_and_has_the_priors_it_uses():
    cases = resolve(CONFIG, "twin")["calibration"]["cases"]
    given = CONFIG["calibration"]
    kinds = ("system_models", "population_models", "selections", "clusters")
    assert len(cases) == sum(len(given[kind]) for kind in kinds) - 1
    assert cases["cluster_with_field"] == given["clusters"]["cluster_with_field"] | {"catalogs": 500, "draws": 199}
    assert cases["jitter"]["population_model"] == given["population_models"]["truncated_normal"]
    assert cases["jitter"]["system_model"]["noise_prior"] == given["noise_prior"]["ln_jitter_kms"]
    assert "noise_prior" not in cases["student_t"]["system_model"]
    assert cases["student_t"]["system_model"] == cases["tutorial"]["system_model"]
    assert "eccentricity" not in cases["tutorial"]["system_model"]["orbit_prior"]


def test_a_rules_share_of_the_configuration_is_the_same_text_whatever_its_order():
    one = as_json({"a": {"x": 1, "y": [1, 2]}, "b": 3}, {"a": "a", "deep": "a/x"})
    other = as_json({"b": 3, "a": {"y": [1, 2], "x": 1}}, {"deep": "a/x", "a": "a"})
    assert one == other == '{"a": {"x": 1, "y": [1, 2]}, "deep": 1}'


def test_auto_takes_the_real_table_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "twin.ecsv").write_text("a table")
    name, line = choose_catalog(CONFIG)
    assert name == "twin"
    assert "fetch_apogee" in line
    (tmp_path / "data" / "apogee-binaries.fits").write_text("a table")
    assert choose_catalog(CONFIG)[0] == "apogee"
    assert choose_catalog(CONFIG | {"catalog": "twin"})[0] == "twin"


def test_a_configured_catalogue_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"catalogs\.apogee\.path: no file .* fetch_apogee .* put the table there"):
        choose_catalog(CONFIG | {"catalog": "apogee"})


def test_every_file_that_is_not_there_is_said_of_catalogue_and_cluster_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night1.csv").write_text("a table")
    columns = {"star": "s", "parallax": "p", "parallax_error": "e"}
    config = laid_over(
        {
            "catalog": "mine",
            "catalogs": {"mine": TWIN | {"path": ["night1.csv", "nihgt1.csv", "night2.csv"]}},
            "cluster": {"table": {"path": str(tmp_path / "nigth1.csv"), "columns": columns}},
        }
    )
    with pytest.raises(InputError) as error:
        choose_catalog(config)
    lines = str(error.value).splitlines()[1:]
    assert len(lines) == 3
    nearest = f"{tmp_path / 'night1.csv'}"
    assert lines[0].startswith(f"  - catalogs.mine.path: no file 'nihgt1.csv' in {tmp_path}; put the table there.")
    assert lines[1].endswith("Did you mean 'night1.csv'?")
    assert lines[2].startswith(f"  - cluster.table.path: no file '{tmp_path / 'nigth1.csv'}'; put the table there.")
    assert lines[2].endswith(f"Did you mean {nearest!r}?")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"offsets": True},
            "system_models.jitter.offsets: true, but catalogue twin tells no instruments; name its column as "
            r"catalogs\.twin\.columns\.instrument, or leave offsets out",
        ),
        (
            {"each": "instrument"},
            "system_models.jitter.each: instrument, but catalogue twin tells no instruments; name its column as "
            r"catalogs\.twin\.columns\.instrument, or leave each out",
        ),
        (
            {"times": "barycentric"},
            "system_models.jitter.times: 'barycentric', but catalogue twin has no observatory to correct from; add "
            r"catalogs\.twin\.observatory and coordinates, or set times: reported",
        ),
    ],
)
def test_a_model_that_the_catalogue_has_nothing_for_is_said(choice, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = copy.deepcopy(CONFIG) | {"catalog": "twin"}
    config["system_models"]["jitter"] |= choice
    with pytest.raises(InputError, match=message):
        choose_catalog(config)


def test_a_system_model_takes_the_priors_it_uses_and_no_others():
    config = copy.deepcopy(CONFIG)
    config["system_models"]["all"] = {"orbit": "keplerian", "trend": 1, "noise": "scaled", "offsets": True}
    models = resolve(config, "twin")["system_models"]
    assert set(models["tutorial"]["orbit_prior"]) == {"amplitude_sd_kms", "systemic_velocity_sd_kms"}
    assert "noise_prior" not in models["tutorial"]
    assert models["jitter"]["noise_prior"] == CONFIG["noise_prior"]["ln_jitter_kms"]
    assert set(models["all"]["orbit_prior"]) == set(CONFIG["orbit_prior"]) - {"amplitude_scaling"}
    config["orbit_prior"]["amplitude_scaling"] = "kepler"
    for model in resolve(config, "twin")["system_models"].values():
        assert SystemModel.from_settings(model).amplitude_scaling == "kepler"
    assert models["all"]["noise_prior"] == CONFIG["noise_prior"]["ln_error_scale"]
    assert models["all"]["times"] == "reported"


def test_an_orbit_is_circular_and_its_eccentricity_uniform_where_nothing_else_is_said():
    config = changed("orbit_prior.eccentricity", {"beta": [0.867, 3.03]})
    config["system_models"] = {"circle": {"trend": 0, "noise": "reported"}}
    config["system_models"]["ellipse"] = config["system_models"]["circle"] | {"orbit": "keplerian"}
    models = {
        name: SystemModel.from_settings(model)
        for name, model in resolve(check(config, SCHEMA), "twin")["system_models"].items()
    }
    assert models["circle"].orbit == "circular"
    assert models["ellipse"].eccentricity == EccentricityPrior(0.867, 3.03, 0.95)
    config["orbit_prior"]["eccentricity"] = {}
    model = resolve(check(config, SCHEMA), "twin")["system_models"]["ellipse"]
    assert SystemModel.from_settings(model).eccentricity == EccentricityPrior()


def test_eccentricities_of_a_population_go_with_keplerian_models_as_far_as_these():
    config = changed("population_models", {"both": {"density": "auto", "mu": "auto", "ln_sigma": [-2, 3]}})
    config["population_models"]["alone"] = dict(config["population_models"]["both"])
    config["population_models"]["both"]["eccentricity"] = {"density": "rayleigh", "ln_sigma": [-3, 0]}
    config["orbit_prior"]["eccentricity"] = {"up_to": 0.8}
    config["catalog"] = "twin"
    with pytest.raises(InputError, match=r"population_models\.both\.eccentricity: rayleigh, but no system model has"):
        choose_catalog(check(config, SCHEMA))
    config["system_models"] = {"circle": {"trend": 0, "noise": "reported"}}
    config["system_models"]["ellipse"] = config["system_models"]["circle"] | {"orbit": "keplerian"}
    checked = check(config, SCHEMA)
    assert pairs(checked, "twin") == [("circle", "alone"), ("ellipse", "both"), ("ellipse", "alone")]
    density = density_from_settings(resolve(checked, "twin")["population_models"]["both"], (1.5, 20))
    assert density.of_e == Rayleigh((-3, 0), 0.8)
    config["orbit_prior"]["eccentricity"] = {"beta": [0.867, 3.03]}
    with pytest.raises(InputError, match=r"must then be uniform: set orbit_prior\.eccentricity\.beta to \[1, 1\]"):
        choose_catalog(check(config, SCHEMA))


def test_a_star_alone_and_systems_without_a_population_model_are_in_no_pair():
    config = changed("catalogs.twin.system", "51 Peg")
    del config["catalogs"]["twin"]["columns"]["system"]
    checked = check(config, SCHEMA)
    assert pairs(checked, "twin") == []
    checked["catalogs"]["twin"]["selection"] = {"visits": 5}
    assert without_population(checked, "twin").endswith("not used: population_models (normal), the selection.")
    assert len(pairs(checked, "apogee")) == 2
    config["catalogs"]["twin"] |= {"path": "data/twin.ecsv"}
    of_e = {"density": "normal", "mu": [1, 10], "ln_sigma": [-2, 3]} | {"eccentricity": {"density": "uniform"}}
    config["catalog"], config["population_models"] = "twin", {"both": of_e}
    assert choose_catalog(check(config, SCHEMA))[0] == "twin"  # though no orbit has an eccentricity
    simulated = laid_over(yaml.safe_load((ROOT / "config" / "selection.yaml").read_text()))
    simulated["population_models"] = {}
    with pytest.raises(
        InputError, match=r"population_model: 'normal', but there is none of its kind; add it, or leave"
    ):
        check(simulated, SCHEMA)
    without = check(laid_over({"population_models": {"normal": None}}), SCHEMA)
    assert pairs(without, "apogee") == []
    assert without_population(without, "apogee") == "There is no population model: each system is fitted alone."


@pytest.mark.parametrize(("visits", "said"), [(8, ""), (7, r"selection\.visits: 7, but of stars with fewer than 8")])
def test_a_selection_asks_for_no_fewer_visits_than_systems_must_have(visits, said):
    config = changed("systems.min_visits", 8)
    config["catalog"], config["catalogs"]["twin"]["selection"] = "twin", {"visits": visits}
    with pytest.raises(InputError, match=said) if said else nullcontext():
        choose_catalog(check(config, SCHEMA))


def test_a_selection_is_not_of_the_table_and_not_of_populations_of_eccentricities():
    config = changed("catalogs.twin.selection", {"visits": 5, "ln_bayes_orbit": 3})
    config["catalog"] = "twin"
    resolved = resolve(check(config, SCHEMA), "twin")
    assert Conditions(**resolved["selection"]) == Conditions(5, ln_bayes_orbit=3)
    assert resolved["catalogs"] == resolve(check(CONFIG, SCHEMA), "twin")["catalogs"]
    assert resolve(check(config, SCHEMA), "apogee")["selection"] == {}
    config["system_models"]["jitter"]["orbit"] = "keplerian"
    choose_catalog(check(config, SCHEMA))
    config["population_models"]["normal"]["eccentricity"] = {"density": "rayleigh", "ln_sigma": [-3, 0]}
    with pytest.raises(InputError, match=r"normal\.eccentricity: rayleigh, but catalogue twin has a selection"):
        choose_catalog(check(config, SCHEMA))


def test_auto_needs_the_catalogues_it_chooses_between():
    config = copy.deepcopy(CONFIG)
    del config["catalogs"]["twin"]
    with pytest.raises(InputError, match=r"catalog: 'auto' chooses between .* catalogs has no twin; name one"):
        check(config, SCHEMA)


def test_a_population_may_not_end_within_the_scanned_range():
    config = copy.deepcopy(CONFIG)
    config["population_models"]["cut"] = POPULATIONS["truncated_normal"] | {"density": "truncated_normal"}
    config["population_models"]["cut"]["period_range_days"] = [2, 30]
    config["catalog"] = "twin"
    with pytest.raises(InputError, match=r"cut\.period_range_days: \[2, 30\] ends within the range .* of \[1.5, 20\]"):
        choose_catalog(check(config, SCHEMA))
    assert choose_catalog(check(config | {"period_range_days": [3, 20]}, SCHEMA))[0] == "twin"


def test_auto_is_the_tutorials_for_its_catalogues_and_normalised_for_any_other():
    config = copy.deepcopy(CONFIG)
    config["catalogs"]["mine"] = {**TWIN}
    del config["catalogs"]["mine"]["period_range_days"]
    for catalog in ("apogee", "twin"):
        resolved = resolve(check(config, SCHEMA), catalog)
        assert resolved["period_range_days"] == [1.5, 20]
        assert resolved["population_models"]["normal"] == {"density": "normal", "mu": [1, 10], "ln_sigma": [-2, 3]}
    resolved = resolve(check(config, SCHEMA), "mine")
    assert resolved["period_range_days"] == "auto"
    density = density_from_settings(resolved["population_models"]["normal"], (2.0, 300.0))
    assert density == TruncatedNormal(tuple(np.log([2, 300])), (-2, 3), (2.0, 300.0))
    for chosen in ([3, 40], "auto"):
        config["catalogs"]["mine"]["period_range_days"] = chosen
        assert resolve(check(config, SCHEMA), "mine")["period_range_days"] == chosen
    assert resolve(check(config | {"period_range_days": [1, 50]}, SCHEMA), "twin")["period_range_days"] == [1, 50]


def test_instruments_that_no_model_uses_are_said():
    config = copy.deepcopy(CONFIG)
    config["catalog"] = "mine"
    config["catalogs"]["mine"] = {**TWIN, "columns": {**TWIN["columns"], "instrument": "tel"}}
    assert "It tells instruments, and no system model has offsets: true" in choose_catalog(config)[1]
    config["system_models"]["jitter"]["offsets"] = True
    assert "instruments" not in choose_catalog(config)[1]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"format": "xls"}, r"twin\.format: 'xls' is not one of 'fits', 'ecsv', 'votable', 'parquet', 'csv', 'text'"),
        ({"formt": "csv"}, r"twin\.formt: unknown key; .* Did you mean 'format'"),
        ({"hdu": -1}, r"twin\.hdu: -1 is not allowed; the number or the name of a table in a FITS file"),
        ({"hdu": 1, "format": "csv"}, r"twin\.hdu: 1 is of FITS files, but format is 'csv'"),
        ({"path": []}, r"twin\.path: \[\] is not allowed; a file, or a list of files"),
        ({"path": ["a", "a"]}, r"twin\.path: \['a', 'a'\] is not allowed; a file, or a list of files, each once"),
        ({"path": 3}, r"twin\.path: 3 is not allowed; a file, or a list of files"),
        ({"system": "51 Peg"}, r"twin: name the column .* as columns\.system, or, .* its name as system: not both"),
        ({"columns": {"time": "t", "rv": "v", "rv_err": "e"}}, r"twin: name the column .*: neither is there"),
        ({"columns": {"system": "s", "time": "t", "rv": "v"}}, r"twin\.columns: missing key rv_err"),
        ({"columns": TWIN["columns"] | {"rv_err": "rv"}}, r"columns\.rv_err: 'rv' is columns\.rv too; each needs"),
        ({"time": {"format": "bjd"}}, r"time\.format: 'bjd' is not one of 'jd', 'mjd'"),
        ({"time": {"scale": "gps"}}, r"time\.scale: 'gps' is not one of 'utc', 'tai', 'tt', 'tdb', 'tcb'"),
        ({"time": {"zero": 2450000}}, r"time\.zero: unknown key; .* Did you mean 'zero_jd'"),
        ({"time": {"zero_jd": "2450000"}}, r"time\.zero_jd: '2450000' is of type str; expected number"),
        ({"time": {"format": "mjd", "zero_jd": 1}}, r"time: format 'mjd' and zero_jd 1 cannot both be; leave out one"),
        ({"rows": {"snr": {"over": 3}}}, r"rows\.snr\.over: unknown key; allowed here: at_least, at_most, is, is_not"),
        ({"rows": {"snr": {}}}, r"rows\.snr: {}"),
        ({"rows": {"snr": {"at_least": "ten"}}}, r"rows\.snr\.at_least: 'ten' is of type str; expected number"),
        ({"rows": {"snr": {"at_least": 9, "at_most": 3}}}, r"rows\.snr: nothing is at least 9 and at most 3"),
        ({"rows": {"flag": {"without_bits": [64]}}}, r"rows\.flag\.without_bits\.0: 64: 64 is greater than .* 62"),
        ({"rows": {"flag": {"without_bits": 3}}}, r"rows\.flag\.without_bits: 3 is of type int; expected array"),
        ({"rows": {"flag": {"is": {"a": 1}}}}, r"rows\.flag\.is: {'a': 1} is not allowed; a number, a text, true"),
        ({"errors": {"factor": 0}}, r"errors\.factor: 0"),
        ({"errors": {"floor": 0.1}}, r"errors\.floor: unknown key; .* Did you mean 'floor_kms'"),
        ({"errors": {}}, r"twin\.errors: {}"),
        ({"units": {"velocity": "km/s"}}, r"units\.velocity: unknown key; allowed here: time, rv, rv_err, ra, dec"),
        ({"url": "https://x", "path": ["a.csv", "b.csv"]}, r"twin\.url: it is of one file, and path names 2"),
        ({"masses": {"path": "m.csv", "columns": {"system": "s"}}}, r"masses\.columns: missing key mass"),
        (
            {"masses": MASSES, "columns": TWIN["columns"] | {"mass": "m"}},
            r"twin\.masses: the masses stand in columns\.mass, 'm', too; leave out one",
        ),
        (
            {"masses": {"path": "m.csv", "columns": {"system": "s", "mass": "m", "mass_err": "m"}}},
            r"twin\.masses\.columns\.mass_err: 'm' is columns\.mass too; each needs a column of its own",
        ),
        ({"masses": MASSES | {"hdu": 3, "format": "csv"}}, r"twin\.masses\.hdu: 3 is of FITS files"),
        ({"masses": MASSES | {"units": {"mass_err": "kg"}}}, r"twin\.masses\.units\.mass_err: it is the unit of no"),
        ({"url": "ftp://x"}, r"twin\.url: 'ftp://x' must match"),
        ({"sha256": "abc"}, r"twin\.sha256: 'abc' must match"),
    ],
)
def test_a_mistake_in_a_catalogues_entry_is_said(entry, message):
    config = copy.deepcopy(CONFIG)
    config["catalogs"]["twin"] = TWIN | entry
    with pytest.raises(InputError, match=message):
        check(config, SCHEMA)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"catalogs": CONFIG["catalogs"] | {"Twin": TWIN}},
            r"catalogs\.Twin: it differs from 'twin' by capitals only",
        ),
        ({"systems": CONFIG["systems"] | {"keep": []}}, r"systems\.keep: \[\] keeps no system"),
        (
            {"systems": CONFIG["systems"] | {"min_visits": 2}},
            r"systems\.min_visits: 2: 2 is less than the minimum of 3",
        ),
        ({"systems": CONFIG["systems"] | {"drop": [7]}}, r"systems\.drop\.0: 7 is of type int; expected string"),
        ({"catalogs": {}}, r"catalogs: {}"),
        ({"seed": -1}, r"seed: -1: -1 is less than the minimum of 0"),
        ({"batches": 0}, r"batches: 0: 0 is less than the minimum of 1"),
        ({"figures": CONFIG["figures"] | {"dpi": 10}}, r"figures\.dpi: 10: 10 is less than the minimum of 50"),
        ({"cluster": CONFIG["cluster"] | {"table": {"path": "x.fits"}}}, r"cluster\.table: missing key columns"),
        ({"period_range_days": "1.5-20"}, r"period_range_days: '1\.5-20' is of type str; expected array"),
    ],
)
def test_a_mistake_elsewhere_is_said(change, message):
    with pytest.raises(InputError, match=message):
        check(copy.deepcopy(CONFIG) | change, SCHEMA)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/Praesepe.csv", "Praesepe"),
        ("../a {b}/NGC 188, v2.1.fits", "NGC_188_v2_1"),
        (["east.csv", "west.csv"], "east_and_1_more"),
    ],
)
def test_a_cluster_has_the_name_of_its_file(path, name):
    assert cluster_name({"path": path}) == name


@pytest.mark.parametrize(
    ("systems", "draws", "expected"),
    [
        (1, 10_000, 1),
        (700, 10_000, 1),
        (1000, 10_000, 2),
        (2500, 200, 1),
        (2501, 200, 2),
        (10_000, 200, 4),
        (25_000, 200, 4),
        (100_000, 200, 16),
        (10**9, 200, 4096),
    ],
)
def test_batches_are_by_the_systems_and_their_draws(systems, draws, expected):
    config = copy.deepcopy(CONFIG)
    config["catalogs"]["survey"] = {"period_range_days": [2, 500], "simulation": SIMULATION | {"systems": systems}}
    config["draws"]["exact"] = draws
    assert resolve(check(config, SCHEMA), "survey")["batches"] == expected


def test_batches_of_a_table_are_by_its_size_unless_they_are_configured(tmp_path):
    config = copy.deepcopy(CONFIG)
    path = tmp_path / "visits.csv"
    path.write_bytes(b"0" * 3_000_000)
    config["catalogs"]["mine"] = {"path": str(path), "columns": {"system": "s", "time": "t", "rv": "v", "rv_err": "e"}}
    assert resolve(check(config, SCHEMA), "mine")["batches"] == 4
    assert resolve(check(config | {"batches": 3}, SCHEMA), "mine")["batches"] == 3


def test_a_simulated_catalogue_has_its_table_in_shares_and_its_models_whole():
    config = copy.deepcopy(CONFIG)
    entry = {"period_range_days": [2, 500], "simulation": SIMULATION | {"systems": 10_001}}
    config["catalogs"]["survey"] = entry
    whole = check(config, SCHEMA)
    files = [f"results/simulated/survey/visits/{share}.fits" for share in (0, 1)]
    assert whole["catalogs"]["survey"]["path"] == files
    simulation = resolve(whole, "survey")["catalogs"]["survey"]["simulation"]
    assert simulation["system_model"]["orbit_prior"]["amplitude_sd_kms"] == 100
    assert simulation["population_model"]["mu"] == "auto"
    assert choose_catalog(whole | {"catalog": "survey"}) == ("survey", "Catalogue: survey (10001 systems, simulated).")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "mine.csv"}, "catalogs.survey.path: unknown key; allowed here: simulation, period_range_days"),
        ({"period_range_days": "auto"}, "catalogs.survey.period_range_days: auto, but its visits are still to be"),
        ({"simulation": SIMULATION | {"system_model": "jiter"}}, "'jiter' is not one of tutorial, jitter.*'jitter'"),
        (
            {"simulation": SIMULATION | {"system_model": "offs"}},
            "instruments and light-travel times are not simulated",
        ),
        ({"simulation": SIMULATION | {"systems": 0}}, "systems: 0: 0 is less than the minimum of 1"),
        (
            {"simulation": SIMULATION | {"survey": SIMULATION["survey"] | {"visits": [20, 3]}}},
            r"catalogs.survey.simulation.survey.visits: \[20, 3\] is empty",
        ),
    ],
)
def test_what_a_simulation_cannot_be_is_said(changes, message):
    config = copy.deepcopy(CONFIG)
    config["catalogs"]["survey"] = {"period_range_days": [2, 500], "simulation": SIMULATION} | changes
    config["system_models"]["offs"] = {"orbit": "circular", "trend": 0, "noise": "reported", "offsets": True}
    with pytest.raises(InputError, match=message):
        check(config, SCHEMA)


@pytest.mark.parametrize(
    ("population", "message"),
    [
        ({"density": "normal", "mu": [1, 3], "ln_sigma": [-1, 1], "fraction": [0, 1]}, "fraction: unknown key"),
        ({"density": "power_law", "beta": [-1, 1], "fraction": [0.5, 0.5]}, r"fraction: \[0.5, 0.5\] is empty"),
        (
            {"density": "power_law", "beta": [-1, 1], "fraction": [0, 2]},
            "fraction.1: 2: 2 is greater than the maximum",
        ),
    ],
)
def test_what_a_fraction_cannot_be_is_said(population, message):
    config = copy.deepcopy(CONFIG)
    config["population_models"]["field"] = population
    config["period_range_days"] = [2, 50]
    with pytest.raises(InputError, match=message):
        check(config, SCHEMA)


AMPLITUDE = {"density": "truncated_normal", "range_kms": [0.1, 100], "mu": "auto", "ln_sigma": [-1.6, 1]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"density": "normal"}, r"normal\.amplitude\.density: 'normal' is not one of 'truncated_normal', 'power_law'"),
        ({"range_kms": [5, 2]}, r"normal\.amplitude\.range_kms: \[5, 2\] is empty"),
        (
            {"range_kms": [0.001, 1000]},
            r"range_kms: \[0\.001, 1000\]; expected ends of which one is at most 100,000 times",
        ),
        ({"range_kms": [0, 2]}, r"normal.amplitude.range_kms.0: 0"),
        ({"ln_sigma": [-2, 1]}, r"normal.amplitude.ln_sigma.0: -2: -2 is less than the minimum of -1\.6"),
        ({"mu": [3, 1]}, r"normal\.amplitude\.mu: \[3, 1\] is empty"),
        ({"beta": [-1, 1]}, r"normal\.amplitude\.beta: unknown key"),
        (
            {"mu": [-8, 12]},
            r"normal\.amplitude\.mu: \[-8, 12\]; expected it within 1 of the ln of range_kms, -2\.3 to 4\.61",
        ),
    ],
)
def test_what_a_density_of_amplitudes_cannot_be_is_said(changed, message):
    with pytest.raises(InputError, match=message):
        check(changed_population({"amplitude": AMPLITUDE | changed}), SCHEMA)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"population_model": "fractio", "visits": 5}, r"selections\.mine\.population_model: 'fractio' is not one of"),
        ({"population_model": "normal", "visits": 5}, r"'normal'; expected a population of periods alone"),
        ({"population_model": "amplitude", "visits": 5}, r"'amplitude'; expected a population of periods alone"),
        ({"population_model": "fraction"}, r"calibration\.selections\.mine"),
    ],
)
def test_what_a_selection_of_a_calibration_cannot_be_is_said(asked, message):
    config = copy.deepcopy(CONFIG)
    config["calibration"]["selections"]["mine"] = asked
    with pytest.raises(InputError, match=message):
        check(config, SCHEMA)


def test_a_selection_is_a_case_of_its_own():
    of_case = cases(check(CONFIG, SCHEMA)["calibration"])["selected"]
    assert of_case["selection"] == {"delta_rv_kms": 2}
    assert of_case["population_model"]["fraction"] == [0, 1]


def changed_population(further):
    """The configuration with more in its population."""
    config = copy.deepcopy(CONFIG)
    config["population_models"]["normal"] |= further
    return config


def test_amplitudes_stand_beside_neither_eccentricities_nor_a_selection():
    config = changed_population({"amplitude": AMPLITUDE})
    config["catalog"] = "twin"
    choose_catalog(check(config, SCHEMA))
    for of_both in (config, config["calibration"]):
        both = copy.deepcopy(config)
        part = both if of_both is config else both["calibration"]
        part["population_models"]["normal"] |= {
            "amplitude": AMPLITUDE,
            "eccentricity": {"density": "rayleigh", "ln_sigma": [-3, 0]},
        }
        both["system_models"]["jitter"]["orbit"] = "keplerian"
        with pytest.raises(InputError, match=r"normal\.amplitude: truncated_normal, and it has an eccentricity"):
            check(both, SCHEMA)
    config["catalogs"]["twin"]["selection"] = {"visits": 5}
    with pytest.raises(InputError, match=r"normal\.amplitude: .* catalogue twin has a selection"):
        choose_catalog(check(config, SCHEMA))


def test_a_fraction_is_one_more_parameter_of_a_density():
    settings = {"density": "power_law", "beta": [-1, 1], "fraction": [0.1, 0.8]}
    density = density_from_settings(settings, (2, 50))
    assert list(density.parameters) == ["F", "beta"]
    assert density.parameters["F"].bounds == (0.1, 0.8)
    assert density.of_binaries == density_from_settings({"density": "power_law", "beta": [-1, 1]}, (2, 50))


def test_the_embedded_table_is_found_from_any_folder_and_no_other_is(tmp_path, monkeypatch):
    entries = {"twin": {"path": "data/twin.ecsv"}, "mine": {"path": "data/twin.ecsv"}}
    monkeypatch.chdir(ROOT)
    assert [with_table(*item)["path"] for item in entries.items()] == ["data/twin.ecsv"] * 2
    monkeypatch.chdir(tmp_path)
    found = [with_table(*item)["path"] for item in entries.items()]
    assert found == [str(ROOT / "data/twin.ecsv"), "data/twin.ecsv"]
