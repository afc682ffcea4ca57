#!/bin/bash
# A stage inside a Slurm job. Arguments: `python`, or `accelerate launch` with its options; then the stage's script and its.
set -euo pipefail
if [ "$1" = python ]; then
  exec srun --kill-on-bad-exit=1 "$@"
fi
# One accelerate on each node. They meet on the job's first; other jobs may run there, so the port is the job's own.
# Not `head`: it closes the pipe after a line, which pipefail would take for a failure of scontrol.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 10000))
exec srun --kill-on-bad-exit=1 bash -c '
  exec accelerate launch --num_machines "$SLURM_NNODES" --num_processes $((SLURM_NNODES * SLURM_GPUS_PER_NODE)) \
    --machine_rank "$SLURM_NODEID" --main_process_ip "$MASTER_ADDR" --main_process_port "$MASTER_PORT" "$@"' bash "${@:3}"
