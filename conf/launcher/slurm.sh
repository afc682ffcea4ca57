#!/bin/bash
# Runs a stage inside a Slurm job. Arguments: `python` or `accelerate launch` with options, then the script with its own.
set -euo pipefail
# All cores of a node for its one task: the default is one, and since Slurm 22.05 srun does not take sbatch's.
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_ON_NODE
if [ "$1" = python ]; then
  exec srun --kill-on-bad-exit=1 "$@"
fi
# One accelerate per node. They rendezvous on the job's first node, on a port derived from the job id, as other jobs may
# run there. Not `head`, which closes the pipe after one line: pipefail would report scontrol as failed.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 10000))
exec srun --kill-on-bad-exit=1 bash -c '
  exec accelerate launch --num_machines "$SLURM_NNODES" --num_processes $((SLURM_NNODES * SLURM_GPUS_PER_NODE)) \
    --machine_rank "$SLURM_NODEID" --main_process_ip "$MASTER_ADDR" --main_process_port "$MASTER_PORT" "$@"' bash "${@:3}"
