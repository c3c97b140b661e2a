"""Read parameters, apply profiles, and run stages: what the stage scripts share."""
