"""Price new products by a price model, without the pipeline."""

from pricefuse.pricer.pricer import Priced, Pricer, PricerWarning

__all__ = ["Priced", "Pricer", "PricerWarning"]
