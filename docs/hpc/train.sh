#!/bin/bash
#SBATCH --job-name=clusteropt-train
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --open-mode=append

# One training run on sixteen processes, which find each other through Slurm; the same theta as with one.

srun clusteropt train es settings.toml --out mine.h5 --resume
code=$?
# stopped before the end of the job, or a process has gone (srun gives the highest code, that of the one that was killed or aborted)
if [ $code -eq 75 ] || [ $code -eq 134 ] || [ $code -eq 137 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
