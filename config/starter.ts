/** What `hookline init` writes: runs as it is, and explains every option with its default. */
export const starter = `# yaml-language-server: $schema=./hookline.schema.json
# Hookline: webhooks in, warehouse rows out; nothing lost, nothing doubled.
#
#   hookline check      says everything that is wrong with this file, with line and column
#   hookline serve      runs it
#   hookline plugins    lists what a type may be; hookline plugins duckdb, all of its options
#
# Lines that begin with "# " and an option show its default: uncomment one to change it.
# Sizes are written 512KiB, 16MiB, 50GiB; durations 250ms, 1s, 5m, 1h, 7d.
# Relative paths start from the folder of this file.
# Secrets stay out of it: "\${NAME}" is an environment variable, "\${NAME:-default}" has a fallback, and
# "\${file:/run/secrets/name}" is the content of a file. "$\${" is a plain "\${".

# -- Where the rows go -------------------------------------------------------------------------------
# A destination is a warehouse or a data lake under a name that you choose.
destinations:
  # A DuckDB file: nothing to install. Look into it with: hookline rows 835212
  local:
    type: duckdb
    path: ./data/warehouse.duckdb
    # Any destination also takes these. A batch is written when it has so many rows or bytes, or when
    # its oldest row has waited so long.
    # flush: { rows: 10000, bytes: 6MiB, every: 1s }
    # concurrency: 1              # batches written at once
    # timeout: 5m                 # how long one write may take before it is tried again
    # haltAfter: 100              # rows refused alike in a row until the lane is halted

  # Postgres. Tables are made when they are not there; none is ever altered or dropped.
  # warehouse:
  #   type: postgres
  #   url: "\${DATABASE_URL}"      # postgres://user:password@host:5432/database
  #   schema: public

# -- Who goes where ----------------------------------------------------------------------------------
# A pipeline is a number that senders put into their URL, and the table that their data lands in:
#   POST http://127.0.0.1:8080/?pipeline_id=835212&key=...&token=...
# Make a key and a token for a sender with: hookline tokens create --description "RD Station"
pipelines:
  835212:                         # digits only, any number that you like
    table: leads
    destination: local            # or several: [local, warehouse]; each gets every row
    # name: leads                 # how people call it; the table's name unless you say
    # paused: false               # true: senders are answered and nothing is lost, but nothing is loaded
    # signature: { type: github, secret: "\${GITHUB_SECRET}" }   # its senders sign; no default

# -- The server --------------------------------------------------------------------------------------
# server:
#   webhooks:                     # the port for senders
#     host: 127.0.0.1             # 0.0.0.0 to be reached from other machines; put TLS in front
#     port: 8080                  # 0: any free one
#     workers: 1                  # processes that answer senders; up to one for each core
#     maxBody: 10MiB              # larger bodies are refused with 413
#     headerTimeout: 10s          # how long a sender may take for its headers
#     bodyTimeout: 30s            # and for its body
#     keepAlive: 65s              # how long an idle connection is kept; more than your proxy's
#     publicUrl: https://hooks.example.com    # what senders call, where a proxy is in front; no default
#   admin:                        # the port for you: API and metrics
#     host: 127.0.0.1
#     port: 8081
#     token: "\${ADMIN_TOKEN}"     # required where the host is not this machine only; no default
#   grace: 30s                    # how long a shutdown may take to finish what is under way

# -- What Hookline keeps -----------------------------------------------------------------------------
# The spool: every request is on this disk before its sender is answered 200, until it has landed.
# Give it a local disk. When it is full, senders are answered 503 and try again later.
# spool: { type: lmdb, path: ./data/spool, maxSize: 50GiB }

# Access tokens, as digests: nobody can read a token back.
# tokens: { type: lmdb, path: ./data/tokens }

# What fails authentication is held so long, and can be released once the token is mended.
# discards: { keep: 7d }

# What has landed leaves a receipt for so long, of 28 bytes: hookline request tells when and where a request
# landed, and hookline reconcile compares the receipts with the warehouse.
receipts: { keep: 7d }

# -- Further connectors ------------------------------------------------------------------------------
# npm packages, or files such as ./my-warehouse.js; then use their types above. That your editor knows
# them too: hookline schema > hookline.schema.json
# For a warehouse that is not there yet: hookline new connector my-warehouse
# plugins: []
`;
