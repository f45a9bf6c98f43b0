#!/bin/bash
#SBATCH --job-name=clusteropt
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --open-mode=append

# Searches all compositions in formulas.txt, one at a time on each worker: a Dask scheduler here, a worker of eight cores for
# every task. search.toml has the settings. Needs pip install 'clusteropt[dask]'.

file=$PWD/scheduler-$SLURM_JOB_ID.json
dask scheduler --scheduler-file "$file" --port 0 --no-dashboard &
scheduler=$!
until [ -e "$file" ]; do
    kill -0 $scheduler || exit 1
    sleep 1
done
srun --cpu-bind=cores dask worker --scheduler-file "$file" --nthreads "$SLURM_CPUS_PER_TASK" --no-dashboard \
    --local-directory "${TMPDIR:-/tmp}" &
workers=$!
clusteropt search $(cat formulas.txt) --config search.toml --scheduler-file "$file"
code=$?
kill $workers $scheduler
exit $code
