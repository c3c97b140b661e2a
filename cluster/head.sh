#!/usr/bin/env bash
# Start a Ray cluster on the machine where the pipeline will run, and let its GPUs and CPUs take part:
#
#   cluster/head.sh 10.0.0.5        # this machine's address in the private network
#
# Then, on each other machine, cluster/join.sh. docs/scaling.md says what must be the same on all of them.
set -euo pipefail
address=${1:?this machine has an address in the private network, such as 10.0.0.5: give it}
port=${2:-6379}

export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
umask 077  # the token, and what Ray leaves in /tmp/ray, are for nobody else
ray get-auth-token --generate > /dev/null
chmod 600 ~/.ray/auth_token
ray start --head --node-ip-address="$address" --port="$port" --include-dashboard=false --disable-usage-stats

echo
echo "The others:  copy ~/.ray/auth_token there, then  cluster/join.sh $address:$port"
echo "This one:    RAY_AUTH_MODE=token RAY_ADDRESS=$address:$port PRICEFUSE_WORKERS=ray make repro"
echo "In the end:  ray stop, everywhere"
