#!/bin/bash
#SBATCH --job-name=clusteropt
#SBATCH --array=1-16
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append

# The structures below starts/ in sixteen shares, each on its own, all into one folder. When all have ended, merge.sh joins them:
#     job=$(sbatch --parsable array.sh); sbatch --dependency=afterany:$job merge.sh

clusteropt batch starts --out results --optimizer lbfgs --shard auto &
batch=$!
trap 'kill -USR1 $batch' USR1 TERM
wait $batch
code=$?
while kill -0 $batch 2>/dev/null; do # a signal has ended the waiting
    wait $batch
    code=$?
done
if [ $code -eq 75 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit $code
