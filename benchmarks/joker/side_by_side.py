"""Our exact road and The Joker's rejection, on the same systems with the same priors: seconds, draws, evidence.

    python -m venv /tmp/joker && /tmp/joker/bin/pip install -r benchmarks/joker/requirements.txt
    PYTHONPATH=workflow/src .venv/bin/python benchmarks/joker/side_by_side.py /tmp/joker/bin/python [prior draws]

The Joker's semi-amplitude is normal, K ~ N(0, s) with omega uniform; ours is that of a, b ~ N(0, s). Its evidence from
ours is Z E[2 s / (sqrt(2 pi) K)], the mean over our draws.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
from common import machine, show

from starpop.inference.densities import density_from_settings
from starpop.orbits.orbit_draws import draw_orbits
from starpop.orbits.period_likelihood import compile_kernels, period_likelihood
from starpop.orbits.system_model import SystemModel
from starpop.populations.simulate import Survey, simulate_system

RANGE, BASELINE, LARGEST_E = (2.0, 500.0), 1000.0, 0.95
MODEL = SystemModel(30, 50, orbit="keplerian")
DRAWS = 1000
CASES = [(visits, signal) for visits in (8, 15, 24) for signal in (1, 5, 50)]


def systems() -> list:
    """A system of e = 0.5 for each number of visits, and its amplitude over the errors."""
    simulated = []
    for visits, signal in CASES:
        rng = np.random.default_rng([visits, signal])
        survey = Survey((visits, visits), (BASELINE, BASELINE), (10 / signal, 10 / signal))
        model = SystemModel(7, 20, orbit="keplerian")
        name = f"{visits} visits, K about {signal} errors"
        simulated.append(simulate_system(name, rng.uniform(*np.log(RANGE)), survey, model, rng, 0.5)[0])
    return simulated


def ours(visits) -> dict[str, float]:
    """Seconds to the nodes and for independent draws, and The Joker's evidence from them."""
    flat = density_from_settings({"density": "power_law", "beta": [-1, 1]}, RANGE)
    began = time.perf_counter()
    likelihood = period_likelihood(visits, MODEL, RANGE)
    found = time.perf_counter()
    draws = draw_orbits(likelihood, flat, (np.zeros(1),), DRAWS, np.random.default_rng(1))
    drawn = time.perf_counter()
    amplitude = np.hypot(draws["a"], draws["b"])
    ratio = 2 * MODEL.amplitude_sd_kms / (np.sqrt(2 * np.pi) * amplitude)
    ln_evidence = likelihood.ln_evidence(flat.ln_pdf(likelihood.ln_period, 0.0)) + np.log(ratio.mean())
    error = ratio.std() / ratio.mean() / np.sqrt(DRAWS)
    return {"nodes": found - began, "draws": drawn - found, "ln_evidence": ln_evidence, "error": error}


def main(python: str, prior_draws: int = 1_000_000) -> None:
    """Print the table."""
    compile_kernels("keplerian")
    simulated = systems()
    given = {
        "period_range_days": RANGE,
        "largest_e": LARGEST_E,
        "amplitude_sd_kms": MODEL.amplitude_sd_kms,
        "systemic_velocity_sd_kms": MODEL.systemic_velocity_sd_kms,
        "prior_draws": prior_draws,
        "systems": [
            {name: getattr(visits, name).tolist() for name in ("time_days", "rv_kms", "rv_err_kms")}
            for visits in simulated
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "systems.json"
        path.write_text(json.dumps(given))
        command = [python, str(Path(__file__).with_name("theirs.py")), str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = []
    for visits, line in zip(simulated, said.splitlines(), strict=True):
        own, theirs = ours(visits), json.loads(line)
        error = np.hypot(own["error"], theirs["ln_evidence_error"])
        rows.append(
            [
                visits.system,
                own["nodes"],
                own["draws"],
                theirs["seconds_prior"],
                theirs["seconds_rejection"],
                theirs["kept"],
                theirs["seconds_rejection"] / (own["nodes"] + own["draws"]),
                own["ln_evidence"] - theirs["ln_evidence"],
                error,
            ]
        )
    columns = ["system", "ours: nodes [s]", f"{DRAWS} draws [s]", f"The Joker: {prior_draws:,} prior draws [s]"]
    columns += ["rejection [s]", "kept", "rejection / ours", "difference of ln evidence", "its error"]
    print(machine())
    show("Our exact road and The Joker", columns, rows)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
