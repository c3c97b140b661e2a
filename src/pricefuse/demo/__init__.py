"""Generate a synthetic grocery catalog whose best reachable score is known; all of it is invented."""
