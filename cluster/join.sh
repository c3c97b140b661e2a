#!/usr/bin/env bash
# Let this machine's GPUs and CPUs take part in the Ray cluster that cluster/head.sh has started:
#
#   cluster/join.sh 10.0.0.5:6379
#
# ~/.ray/auth_token must be a copy of the one there.
set -euo pipefail
address=${1:?cluster/head.sh has printed an address, such as 10.0.0.5:6379: give it}

export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
umask 077
chmod 600 ~/.ray/auth_token
ray start --address="$address"
