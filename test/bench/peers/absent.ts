/** Peers that were wanted and could not be had, and why. */
export const absent: Readonly<Record<string, string>> = {
  "Redpanda Connect's sql_insert and its SQLite buffer":
    'its module (v4.61.0 was tried) has no entry in the checksum database, so Go does not take it; its engine, Benthos, is measured with an output of ours',
  "Jitsu's bulker": 'the Go module proxy offers no version of it; it also needs Kafka',
  RudderStack: 'the Go module proxy offers no version of it',
};
