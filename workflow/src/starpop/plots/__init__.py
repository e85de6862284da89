"""The figures, each a function from products to a matplotlib figure."""
