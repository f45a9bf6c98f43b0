#!/bin/bash
#SBATCH --job-name=clusteropt-merge
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=00:30:00

# Joins the shares of array.sh. Submit it with --dependency=afterany: a share in which a structure failed ends with code 3 or 4.

clusteropt merge results
