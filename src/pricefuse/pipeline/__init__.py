"""What the stage scripts share: parameters, profiles, and how a stage starts and ends."""
