#!/bin/bash
#SBATCH --job-name=clusteropt-train
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --open-mode=append

# One training run on sixteen processes, which find each other through Slurm; the same theta as with one.

srun clusteropt train es settings.toml --out mine.h5 --resume
code=$?
if [ $code -eq 75 ]; then # stopped before the end of the job, or a process has gone
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
