"""All systems together: the density of ln P."""


rule fit_population:
    """Sample the hierarchical model: the density's parameters, and the orbit of every system."""
    input:
        visits="results/{catalog}/visits.fits",
        periods=batches("results/{catalog}/{system_model}/periods/{batch}.nc"),
    output:
        posterior="results/{catalog}/{system_model}/{population_model}/posterior.nc",
    params:
        settings=settings(
            "period_range_days",
            "orbit_prior",
            "sampler",
            "seed",
            model="system_models/{system_model}",
            population="population_models/{population_model}",
            draws="draws/population",
        ),
        code=source_digest("fit_population"),
    log:
        "logs/fit_population/{catalog}/{system_model}/{population_model}.log",
    benchmark:
        "results/benchmarks/fit_population/{catalog}/{system_model}/{population_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    script:
        "../scripts/fit_population.py"
