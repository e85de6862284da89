"""From the user's table to the visits that all rules read."""


rule prepare_visits:
    """Pass the user's table through the gate: the visits used, the systems, and the rows rejected with a reason."""
    input:
        table=catalog_table,
        masses=mass_table,
    output:
        visits="results/{catalog}/visits.fits",
        systems="results/{catalog}/systems.ecsv",
        rejected="results/{catalog}/rejected.ecsv",
    params:
        settings=settings("systems", catalog="catalogs/{catalog}"),
        data=digest(users_table),
        masses=digest(mass_table),
        code=source_digest("prepare_visits"),
    log:
        "logs/prepare_visits/{catalog}.log",
    benchmark:
        "results/benchmarks/prepare_visits/{catalog}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/prepare_visits.py"
