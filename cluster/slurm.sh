#!/usr/bin/env bash
# Run the pipeline on several nodes that Slurm gives:
#
#   sbatch cluster/slurm.sh         # in a checkout on a file system that all nodes share, after `make ray`
#
# Every node runs the same command. On the first one it starts the head of a Ray cluster and then the pipeline, on the
# others it joins; all of it ends with the pipeline. A job that ran out of time, or lost its first node, goes on from the
# finished rows and fits when it is submitted again.
#SBATCH --job-name=pricefuse
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --gpus-per-node=4
#SBATCH --exclusive
#SBATCH --no-kill
#SBATCH --time=12:00:00
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
# shellcheck source=/dev/null
source .venv/bin/activate
export RAY_USAGE_STATS_ENABLED=0 RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300

# This script runs on the first node. If that has several addresses, NETWORK=10.1. sbatch cluster/slurm.sh chooses.
address=$(hostname --all-ip-addresses | tr ' ' '\n' | grep --max-count=1 "^${NETWORK:-.}")
export RAY_ADDRESS="$address:$((20000 + SLURM_JOB_ID % 10000))"  # a port of this job's own

# A token of this job's own: whoever lacks it cannot have the cluster run code.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$PWD/tmp/ray-token-$SLURM_JOB_ID"
umask 077
mkdir -p tmp
python -c 'import secrets; print(secrets.token_hex(32), end="")' > "$RAY_AUTH_TOKEN_PATH"
trap 'rm -f "$RAY_AUTH_TOKEN_PATH"' EXIT

export PRICEFUSE_WORKERS=ray
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" --no-kill --wait=0 \
  ray symmetric-run --address "$RAY_ADDRESS" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" \
    --temp-dir="/tmp/ray-$SLURM_JOB_ID" \
  -- make repro
