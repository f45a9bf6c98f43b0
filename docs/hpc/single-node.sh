#!/bin/bash
#SBATCH --job-name=clusteropt
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=32
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append

# All structures below starts/ on one node, again and again until all are done.

clusteropt batch starts --out results --optimizer lbfgs &
batch=$!
trap 'kill -USR1 $batch' USR1 TERM # Slurm tells the script, the script the program
wait $batch
code=$?
while kill -0 $batch 2>/dev/null; do # a signal has ended the waiting
    wait $batch
    code=$?
done
if [ $code -eq 75 ]; then # stopped early: the same command goes on
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
