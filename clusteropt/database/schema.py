"""The tables of a database of minima: those of ASE's own schema, and beside them ours, whose names begin with `clusteropt_`.

ASE reads the minima from its tables and overlooks ours. What describes a minimum and can be asked for with `ase db` is in its
key-value pairs. Our tables hold what finds it again (`clusteropt_minima`), what was run (`clusteropt_runs`) and how often which
run has come to which minimum (`clusteropt_reached`). The times that a minimum was reached are the sum over the runs, so a run
that is kept or merged twice counts once.
"""

VERSION = 1  # of our tables
ASE_VERSION = 9  # of ASE's tables; ASE reads this version since 2019 (3.18)

ASE_TABLES = (
    """CREATE TABLE systems (
    id INTEGER PRIMARY KEY AUTOINCREMENT, unique_id TEXT UNIQUE, ctime REAL, mtime REAL, username TEXT,
    numbers BLOB, positions BLOB, cell BLOB, pbc INTEGER, initial_magmoms BLOB, initial_charges BLOB, masses BLOB,
    tags BLOB, momenta BLOB, constraints TEXT, calculator TEXT, calculator_parameters TEXT,
    energy REAL, free_energy REAL, forces BLOB, stress BLOB, dipole BLOB, magmoms BLOB, magmom REAL, charges BLOB,
    key_value_pairs TEXT, data BLOB, natoms INTEGER, fmax REAL, smax REAL, volume REAL, mass REAL, charge REAL)""",
    "CREATE TABLE species (Z INTEGER, n INTEGER, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id))",
    "CREATE TABLE keys (key TEXT, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id))",
    "CREATE TABLE text_key_values (key TEXT, value TEXT, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id))",
    "CREATE TABLE number_key_values (key TEXT, value REAL, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id))",
    "CREATE TABLE information (name TEXT, value TEXT)",
    f"INSERT INTO information VALUES ('version', '{ASE_VERSION}')",
    "CREATE INDEX unique_id_index ON systems(unique_id)",
    "CREATE INDEX ctime_index ON systems(ctime)",
    "CREATE INDEX username_index ON systems(username)",
    "CREATE INDEX calculator_index ON systems(calculator)",
    "CREATE INDEX species_index ON species(Z)",
    "CREATE INDEX key_index ON keys(key)",
    "CREATE INDEX text_index ON text_key_values(key)",
    "CREATE INDEX number_index ON number_key_values(key)",
)
OWN_TABLES = (
    "CREATE TABLE clusteropt_meta (name TEXT PRIMARY KEY, value TEXT)",  # potential, units, version of these tables
    # a hash of the numbers for clusters of these elements, and the scales of energy and length
    "CREATE TABLE clusteropt_potentials (elements TEXT PRIMARY KEY, sha256 TEXT, energy REAL, length REAL)",
    "CREATE TABLE clusteropt_minima (id INTEGER PRIMARY KEY REFERENCES systems(id), formula TEXT, key INTEGER)",
    """CREATE TABLE clusteropt_runs (
    id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, formula TEXT, command TEXT, version TEXT, seed INTEGER,
    started TEXT, ended TEXT, n_evaluations INTEGER, seconds REAL, stopped_by TEXT)""",
    # n_reached: chains of the run; the rest tells of the first of them, with evaluations and seconds of the run until then
    """CREATE TABLE clusteropt_reached (
    run INTEGER REFERENCES clusteropt_runs(id), minimum INTEGER REFERENCES clusteropt_minima(id), n_reached INTEGER,
    origin TEXT, n_evaluations INTEGER, seconds REAL, seen TEXT, PRIMARY KEY (run, minimum)) WITHOUT ROWID""",
    "CREATE INDEX clusteropt_minima_key ON clusteropt_minima(formula, key)",
    "CREATE INDEX clusteropt_reached_minimum ON clusteropt_reached(minimum)",
    "CREATE INDEX clusteropt_keys_id ON keys(id)",  # ASE has none, and an update would read the whole table
    "CREATE INDEX clusteropt_text_id ON text_key_values(id)",
    "CREATE INDEX clusteropt_number_id ON number_key_values(id)",
)
# made when it is needed, so that files without it are of the same version: minima of another potential, each by a digest of its
# atoms and with its energy and its rank there, and the minimum of this file to which its relaxation led after so many evaluations
RELAXED_TABLE = """CREATE TABLE IF NOT EXISTS clusteropt_relaxed (
    start TEXT, potential TEXT, rank INTEGER, energy REAL, n_evaluations INTEGER,
    minimum INTEGER REFERENCES clusteropt_minima(id), PRIMARY KEY (start, potential))"""
# made when it is needed, too: further facts about runs, by name
NOTES_TABLE = """CREATE TABLE IF NOT EXISTS clusteropt_notes (
    run INTEGER REFERENCES clusteropt_runs(id), name TEXT, value, PRIMARY KEY (run, name)) WITHOUT ROWID"""
