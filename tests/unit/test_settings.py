"""A mistake in the configuration is said with its key, its value and what is allowed."""

import copy
from dataclasses import fields

import pytest
import yaml

from conftest import ROOT
from starpop.densities import Density, density_from_settings
from starpop.errors import InputError
from starpop.settings import as_json, check, choose_catalog, resolve

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


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
    small = yaml.safe_load((ROOT / "config" / "small.yaml").read_text())
    merged = copy.deepcopy(CONFIG)
    for key, value in small.items():
        merged[key] = merged[key] | value if isinstance(value, dict) else value
    check(merged, SCHEMA)


APO = CONFIG["catalogs"]["apogee"]["observatory"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("perod_range_days", [1, 2], "perod_range_days: unknown key.*Did you mean 'period_range_days'"),
        ("sampler.chain", 4, r"sampler\.chain: unknown key; allowed here: backend.*Did you mean 'chains'"),
        ("catalogs.twin.columns.velocity", "v", r"catalogs\.twin\.columns\.velocity: unknown key"),
        ("sampler.backend", "nutpi", "sampler.backend: 'nutpi' is not one of 'nutpie', 'pymc'. Did you mean 'nutpie'"),
        ("sampler.chains", "4", r"sampler\.chains: '4' is of type str; expected integer"),
        ("sampler.chains", 1, r"sampler\.chains: 1: 1 is less than the minimum of 2"),
        ("sampler.chains", None, "sampler: missing key chains"),
        ("period_range_days", [1.5], r"period_range_days: \[1.5\]"),
        ("period_range_days", [20, 1.5], r"period_range_days: \[20, 1.5\] is empty"),
        ("population_models.normal.mu", [10, 1], r"population_models\.normal\.mu: \[10, 1\] is empty"),
        ("orbit_prior.amplitude_sd_kms", 0, "orbit_prior.amplitude_sd_kms: 0"),
        ("system_models.jitter.noise", "jiter", "jitter.noise: 'jiter' is not one of 'reported', 'scaled', 'jitter'"),
        ("system_models.jitter.harmonics", 4, r"system_models\.jitter\.harmonics: 4 is not one of 1, 2, 3"),
        ("system_models.jitter.trend", 3, r"system_models\.jitter\.trend: 3 is not one of 0, 1, 2"),
        ("system_models.jitter.times", "bjd", "jitter.times: 'bjd' is not one of 'reported', 'barycentric'"),
        ("noise_prior.ln_jitter_kms.sd", 0, r"noise_prior\.ln_jitter_kms\.sd: 0"),
        ("catalog", "twinn", "catalog: 'twinn' is not one of apogee, twin, auto. Did you mean 'twin'"),
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
        (
            "calibration.population_models.jitter",
            {"density": "normal", "mu": [1, 2], "ln_sigma": [-1, 0]},
            r"calibration\.population_models\.jitter: a system model has this name too",
        ),
        (
            "calibration.population_models.power_law.beta",
            [3, -3],
            r"calibration\.population_models\.power_law\.beta: \[3, -3\] is empty",
        ),
        ("calibration.system_models.trend.noise", "jiter", r"trend\.noise: 'jiter' is not one of .*mean 'jitter'"),
        ("figures.colors.data", "black", "figures.colors.data: 'black' must match"),
        ("diagnostics.strict", "yes", "diagnostics.strict: 'yes' is of type str; expected boolean"),
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
        ("student_t", {"density": "student"}, r"mine\.density: 'student' is not one of 'normal', .*'student_t'"),
        ("normal", {"density": None}, r"population_models\.mine: missing key density\."),
        ("student_t", {"ln_nu": None}, r"population_models\.mine: missing key ln_nu\."),
        ("power_law", {"mu": [1, 10]}, r"mine\.mu: unknown key; allowed here: density, beta, period_range_days\."),
        ("normal", {"period_range_days": [1, 9]}, r"mine\.period_range_days: unknown key; allowed here: density, mu,"),
        ("histogram", {"bin": 3}, r"mine\.bin: unknown key; .* Did you mean 'bins'"),
        ("histogram", {"bins": 1}, r"mine\.bins: 1: 1 is less than the minimum of 2"),
        ("power_law", {"beta": [3, -3]}, r"mine\.beta: \[3, -3\] is empty; the lower end stands first"),
        ("truncated_normal", {"period_range_days": [20, 2]}, r"mine\.period_range_days: \[20, 2\] is empty"),
        ("normal_mixture", {"weight": [0, 2]}, r"mine\.weight\.1: 2: 2 is greater than the maximum of 1"),
        ("normal_mixture", {"separation": [-1, 2]}, r"mine\.separation\.0: -1: -1 is less than the minimum of 0"),
    ],
)
def test_a_mistake_in_a_population_is_said_once_with_its_key(density, change, message):
    entry = {"density": density, **POPULATIONS[density]} | change
    entry = {key: value for key, value in entry.items() if value is not None}
    with pytest.raises(InputError, match=message) as error:
        check(changed("population_models", {"mine": entry}), SCHEMA)
    assert str(error.value).count("\n") == 1


def test_all_mistakes_are_said_at_once():
    config = changed("sampler.chains", "4")
    config["draw"] = {}
    with pytest.raises(InputError) as error:
        check(config, SCHEMA)
    assert "draw: unknown key" in str(error.value)
    assert "sampler.chains" in str(error.value)


def test_each_case_of_a_calibration_differs_from_the_base_in_one_model_and_has_the_priors_it_uses():
    cases = resolve(CONFIG)["calibration"]["cases"]
    given = CONFIG["calibration"]
    assert len(cases) == len(given["system_models"]) + len(given["population_models"]) - 1
    assert cases["jitter"]["population_model"] == given["population_models"]["truncated_normal"]
    assert cases["jitter"]["system_model"]["noise_prior"] == given["noise_prior"]["ln_jitter_kms"]
    assert "noise_prior" not in cases["student_t"]["system_model"]
    assert cases["student_t"]["system_model"] == cases["tutorial"]["system_model"]
    assert "eccentricity_scale" not in cases["tutorial"]["system_model"]["orbit_prior"]


def test_a_rules_share_of_the_configuration_is_the_same_text_whatever_its_order():
    one = as_json({"a": {"x": 1, "y": [1, 2]}, "b": 3}, {"a": "a", "deep": "a/x"})
    other = as_json({"b": 3, "a": {"y": [1, 2], "x": 1}}, {"deep": "a/x", "a": "a"})
    assert one == other == '{"a": {"x": 1, "y": [1, 2]}, "deep": 1}'


def test_auto_takes_the_real_table_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, line = choose_catalog(CONFIG)
    assert name == "twin"
    assert "fetch_apogee" in line
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "apogee-binaries.fits").touch()
    assert choose_catalog(CONFIG)[0] == "apogee"
    (tmp_path / "data" / "twin.ecsv").touch()
    assert choose_catalog(CONFIG | {"catalog": "twin"})[0] == "twin"


def test_a_configured_catalogue_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"catalogs\.apogee\.path: no file .* fetch_apogee .* put the table there"):
        choose_catalog(CONFIG | {"catalog": "apogee"})


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"offsets": True},
            "system_models.jitter.offsets: true, but catalogue twin tells no instruments; name its column as "
            r"catalogs\.twin\.columns\.instrument, or leave offsets out",
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
    config["system_models"]["all"] = {"harmonics": 2, "trend": 1, "noise": "scaled", "offsets": True}
    models = resolve(config)["system_models"]
    assert set(models["tutorial"]["orbit_prior"]) == {"amplitude_sd_kms", "systemic_velocity_sd_kms"}
    assert "noise_prior" not in models["tutorial"]
    assert models["jitter"]["noise_prior"] == CONFIG["noise_prior"]["ln_jitter_kms"]
    assert set(models["all"]["orbit_prior"]) == set(CONFIG["orbit_prior"])
    assert models["all"]["noise_prior"] == CONFIG["noise_prior"]["ln_error_scale"]
    assert models["all"]["times"] == "reported"


def test_auto_needs_the_catalogues_it_chooses_between():
    config = copy.deepcopy(CONFIG)
    del config["catalogs"]["twin"]
    with pytest.raises(InputError, match=r"catalog: 'auto' chooses between .* catalogs has no twin; name one"):
        check(config, SCHEMA)


def test_a_population_may_not_end_within_the_scanned_range():
    config = copy.deepcopy(CONFIG)
    config["population_models"]["cut"] = POPULATIONS["truncated_normal"] | {"density": "truncated_normal"}
    config["population_models"]["cut"]["period_range_days"] = [2, 30]
    with pytest.raises(InputError, match=r"cut\.period_range_days: \[2, 30\] ends within the range"):
        check(config, SCHEMA)


TWIN = CONFIG["catalogs"]["twin"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"format": "xls"}, r"twin\.format: 'xls' is not one of 'fits', 'ecsv', 'votable', 'parquet', 'csv', 'text'"),
        ({"formt": "csv"}, r"twin\.formt: unknown key; .* Did you mean 'format'"),
        ({"hdu": -1}, r"twin\.hdu: -1 is not allowed; the number or the name of a table in a FITS file"),
        ({"hdu": 1, "format": "csv"}, r"twin\.hdu: 1 is of FITS files, but format is 'csv'"),
        ({"path": []}, r"twin\.path: \[\] is not allowed; a file, or a list of files"),
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
