"""pricefuse: predict a product's price from its catalog text and image."""

import os

# Idle OpenMP threads sleep instead of spinning: on a machine that does anything else, threads that spin for each other
# made the encoders up to twice as slow. It is read when torch is imported, so that it stands here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
