"""Mathematics that knows no star: priors, densities, quadrature, sampling."""
