#!/bin/bash
#SBATCH --job-name=clusteropt
#SBATCH --ntasks=64
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --open-mode=append

# One batch on all cores of several nodes: a Dask scheduler here, a worker for every task. Needs pip install 'clusteropt[dask]'.

file=$PWD/scheduler-$SLURM_JOB_ID.json
dask scheduler --scheduler-file "$file" --port 0 --no-dashboard &
scheduler=$!
until [ -e "$file" ]; do
    kill -0 $scheduler || exit 1
    sleep 1
done
srun --cpu-bind=cores dask worker --scheduler-file "$file" --nthreads 1 --no-dashboard --local-directory "${TMPDIR:-/tmp}" &
workers=$!
clusteropt batch starts --out results --optimizer lbfgs --scheduler-file "$file"
code=$?
kill $workers $scheduler
if [ $code -eq 75 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
