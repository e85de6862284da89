"""Each system on its own: the periods it can have, and the orbit at the best of them."""


rule scan_periods:
    """The ln-likelihood of each period, with the orbit's coefficients integrated out, and its refined peaks."""
    input:
        visits="results/{catalog}/visits.fits",
    output:
        periods="results/{catalog}/{system_model}/periods/{batch}.nc",
    params:
        settings=settings(
            "period_range_days",
            "batches",
            model="system_models/{system_model}",
        ),
        code=source_digest("scan_periods"),
    log:
        "logs/scan_periods/{catalog}/{system_model}/{batch}.log",
    benchmark:
        "results/benchmarks/scan_periods/{catalog}/{system_model}/{batch}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/scan_periods.py"


rule draw_orbits:
    """Exact draws of the orbits of a batch, all modes in their proportions."""
    input:
        visits="results/{catalog}/visits.fits",
        periods="results/{catalog}/{system_model}/periods/{batch}.nc",
    output:
        exact="results/{catalog}/{system_model}/exact/{batch}.nc",
    params:
        settings=settings("period_range_days", "seed", model="system_models/{system_model}", draws="draws/exact"),
        code=source_digest("draw_orbits"),
    log:
        "logs/draw_orbits/{catalog}/{system_model}/{batch}.log",
    benchmark:
        "results/benchmarks/draw_orbits/{catalog}/{system_model}/{batch}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/draw_orbits.py"


rule fit_systems:
    """Sample the orbit of each system of a batch, started in its heaviest mode."""
    input:
        visits="results/{catalog}/visits.fits",
        periods="results/{catalog}/{system_model}/periods/{batch}.nc",
    output:
        posteriors="results/{catalog}/{system_model}/posteriors/{batch}.nc",
    params:
        settings=settings(
            "period_range_days",
            "batches",
            "sampler",
            "sampled_systems",
            "seed",
            model="system_models/{system_model}",
            draws="draws/systems",
        ),
        code=source_digest("fit_systems"),
    log:
        "logs/fit_systems/{catalog}/{system_model}/{batch}.log",
    benchmark:
        "results/benchmarks/fit_systems/{catalog}/{system_model}/{batch}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/fit_systems.py"


rule tabulate_orbits:
    """One row for every system of a batch, with a status."""
    input:
        visits="results/{catalog}/visits.fits",
        systems="results/{catalog}/systems.ecsv",
        periods="results/{catalog}/{system_model}/periods/{batch}.nc",
        exact="results/{catalog}/{system_model}/exact/{batch}.nc",
        posteriors="results/{catalog}/{system_model}/posteriors/{batch}.nc",
        criticism="results/{catalog}/{system_model}/criticism/{batch}.csv",
    output:
        orbits="results/{catalog}/{system_model}/orbits/{batch}.csv",
    params:
        settings=settings("period_range_days", "batches", model="system_models/{system_model}"),
        code=source_digest("tabulate_orbits"),
    log:
        "logs/tabulate_orbits/{catalog}/{system_model}/{batch}.log",
    benchmark:
        "results/benchmarks/tabulate_orbits/{catalog}/{system_model}/{batch}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/tabulate_orbits.py"


rule join_tables:
    """The orbits, checks and residuals of all batches, and every system that came in and was not used."""
    input:
        rejected="results/{catalog}/rejected.ecsv",
        orbits=batches("results/{catalog}/{system_model}/orbits/{batch}.csv"),
        criticism=batches("results/{catalog}/{system_model}/criticism/{batch}.csv"),
        residuals=batches("results/{catalog}/{system_model}/residuals/{batch}.csv"),
    output:
        orbits="results/{catalog}/{system_model}/orbits.csv",
        criticism="results/{catalog}/{system_model}/criticism.csv",
        residuals="results/{catalog}/{system_model}/residuals.csv",
    params:
        code=source_digest("join_tables"),
    log:
        "logs/join_tables/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/join_tables/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/join_tables.py"
