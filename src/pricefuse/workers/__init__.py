"""Who computes the missing records: this process, several processes of this machine, or a Ray cluster."""
