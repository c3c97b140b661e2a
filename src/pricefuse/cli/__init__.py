"""The command `pricefuse`: prices for new products, checks, comparisons, the model card and the report."""
