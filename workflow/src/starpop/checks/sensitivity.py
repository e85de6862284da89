"""How the hyper-parameters move under other priors, from the same draws: no model is fitted anew.

Draws of all parameters theta from p(theta | D) are, with the weights

    w = p'(theta) / p(theta),        normalised to one,

draws under the prior p' instead of p. The largest weights are smoothed, and the sample is as good as 1 / sum(w^2)
independent draws; where these are few, or the weights' tail is too heavy for smoothing, the row says so.

| prior | what changes |
|---|---|
| as configured | nothing |
| flat in scales | uniform in the scale s where it is in ln s, within the same range: w ~ s |
| normal hyper-priors | normal about the range's middle, of a quarter of its width, where it is uniform |
| amplitude sd x f | f = 1/2 and 2: of a and b, unless the population has a density of their scale |
| systemic velocity sd x f | f = 1/2 and 2: of v0 |
| noise mean - sd, noise mean + sd | the normal prior of ln jitter, or of ln error scale, shifted by its own width |

Besides the hyper-parameters there are two quantities that every density has: ``mean_ln_period``, the mean of ln P, and
``ln_sd_ln_period``, ln of its standard deviation, both of the population within the range of periods scanned. A
population of amplitudes has the same of ln K [km/s], ``mean_ln_amplitude`` and ``ln_sd_ln_amplitude``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from starpop.inference.densities import density_from_settings
from starpop.inference.density import Density, Range
from starpop.inference.priors import Uniform
from starpop.inference.weighted import HDI_PROBABILITY, smoothed
from starpop.orbits.fitted import are_a_sample
from starpop.orbits.noise import UncertainNoise
from starpop.orbits.system_model import SystemModel

COLUMNS = (
    "system_model",
    "population_model",
    "prior",
    "parameter",
    "mean",
    "sd",
    "hdi_3%",
    "hdi_97%",
    "mcse_mean",
    "shift_in_sd",
    "sd_ratio",
    "ess",
    "pareto_k",
    "status",
)
AS_CONFIGURED = "as configured"
DERIVED = ("mean_ln_period", "ln_sd_ln_period")
OF_AMPLITUDES = ("mean_ln_amplitude", "ln_sd_ln_amplitude")
HEAVIEST_TAIL = 0.7
FACTORS = {"0.5": 0.5, "2": 2.0}


def ln_weights(
    density: Density, model: SystemModel, draws: Mapping[str, np.ndarray], sample: bool = False
) -> Iterator[tuple[str, np.ndarray]]:
    """Each other prior, and the (S,) ln of the draws' weights under it, up to a constant.

    Parameters
    ----------
    density, model : the population and the system model, with the priors that the draws were made under
    draws : (S,) hyper-parameters, and (S, N) parameters of the systems
    sample : whether these are a sample of all systems, or of stars that may have no orbit, who do not tell what other
        priors of each would do, or may not be seen, which depends on these priors
    """
    uniform = {name: prior for name, prior in density.parameters.items() if isinstance(prior, Uniform)}
    scales = [draws[name] for name in uniform if name.startswith("ln")]
    if scales:
        yield "flat in scales", np.sum(scales, axis=0)
    middles = [(draws[name] - 0.5 * (p.low + p.high)) / (0.25 * (p.high - p.low)) for name, p in uniform.items()]
    yield "normal hyper-priors", -0.5 * np.sum(np.square(middles), axis=0)

    if sample:
        return
    terms = {"systemic velocity sd": draws["v0"][None] / model.systemic_velocity_sd_kms}
    if density.of_s is None:
        amplitude_sd = model.amplitude_sd_kms * model.amplitude_scale(np.exp(-draws["lnP"]), draws.get("e", 0.0))
        terms = {"amplitude sd": np.stack([draws["a"], draws["b"]]) / amplitude_sd} | terms
    for name, values in terms.items():
        square = np.sum(values**2, axis=(0, 2))
        for label, factor in FACTORS.items():
            yield f"{name} x {label}", 0.5 * square * (1 - factor**-2)

    # of instruments those that a system has no visits of would only add the scatter of their prior
    if isinstance(model.noise, UncertainNoise) and model.noise.parameter in draws:
        tilt = np.sum((draws[model.noise.parameter] - model.noise.mean) / model.noise.sd, axis=1)
        yield "noise mean - sd", -tilt
        yield "noise mean + sd", tilt


def prior_sensitivity(
    density: Density,
    model: SystemModel,
    draws: Mapping[str, np.ndarray],
    period_range_days: Range,
    ess_min: float,
    independent: float = 1.0,
    sample: bool = False,
) -> pd.DataFrame:
    """One row a prior and hyper-parameter, or derived quantity: moments, interval, and how good the weights are.

    Parameters
    ----------
    density, model, draws, sample : as `ln_weights`
    period_range_days : the range scanned [d]
    ess_min : effective draws below which a row cannot be believed
    independent : share of the draws that count as independent ones
    """
    hyper = {name: draws[name] for name in density.parameters}
    low, high = np.log(period_range_days)
    of_x = density.of_periods
    centre, width = of_x.moments((low, high), *(hyper[name] for name in of_x.parameters))
    quantities = hyper | dict(zip(DERIVED, (centre, np.log(width)), strict=True))
    if density.of_s is not None:
        own = density.parameters_of_s(tuple(hyper.values()))
        centre_k, width_k = density.of_s.of_ln_amplitude.moments(*own)
        quantities |= dict(zip(OF_AMPLITUDES, (centre_k, np.log(width_k)), strict=True))
    size, rows = len(centre), []
    for prior, ln_weight in ((AS_CONFIGURED, np.zeros(size)), *ln_weights(density, model, draws, sample)):
        weight, shape = smoothed(ln_weight, independent)
        effective = independent / np.sum(weight**2)
        status = _status(effective, shape, size, ess_min)
        for name, values in quantities.items():
            mean = float(weight @ values)
            sd = float(np.sqrt(weight @ (values - mean) ** 2))
            error = float(np.sqrt(np.sum((weight * (values - mean)) ** 2) / independent))
            interval = shortest_interval(values, weight, HDI_PROBABILITY)
            moved = (mean - values.mean()) / values.std(), sd / values.std()
            rows.append((prior, name, mean, sd, *interval, error, *moved, effective, shape, status))
    return pd.DataFrame(rows, columns=COLUMNS[2:])


def of_fit(tree: xr.DataTree, ess_min: float) -> pd.DataFrame:
    """The prior sensitivity of an exact fit, whose priors stand in its attributes."""
    settings = json.loads(tree.attrs["settings"])
    posterior = tree["posterior"].to_dataset().isel(chain=0)
    # the draws of a sampler are not independent of each other
    effective = float(tree["exact"].to_dataset()["value"].sel(statistic="ess_bulk").min())
    return prior_sensitivity(
        density_from_settings(settings["population"], settings["period_range_days"]),
        SystemModel.from_settings(settings["model"]),
        {str(name): draws.values for name, draws in posterior.data_vars.items()},
        settings["period_range_days"],
        ess_min,
        min(effective / posterior.sizes["draw"], 1.0),
        are_a_sample(tree) or "binary" in posterior or "seen" in tree.children,
    )


def _status(effective: float, shape: float, size: int, ess_min: float) -> str:
    """Whether a reweighting can be believed."""
    if effective < ess_min:
        return f"not known: {effective:.0f} effective of {size} draws; take more (draws.exact), or fit with this prior"
    if shape > HEAVIEST_TAIL:
        return f"not known: heavy weights, Pareto k {shape:.2f}; fit with this prior"
    return "ok"


def shortest_interval(values: np.ndarray, weight: np.ndarray, probability: float) -> tuple[float, float]:
    """The shortest interval that holds a probability of weighted draws."""
    order = np.argsort(values)
    values, cumulated = values[order], np.cumsum(weight[order])
    last = np.searchsorted(cumulated, cumulated - weight[order] + probability * cumulated[-1])
    first = np.flatnonzero(last < len(values))
    best = first[np.argmin(values[last[first]] - values[first])]
    return float(values[best]), float(values[last[best]])
