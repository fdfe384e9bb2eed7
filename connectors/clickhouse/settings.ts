export type Settings = Readonly<Record<string, string | number>>;

/**
 * What a profile of the user's could have set to its harm. A SELECT that ends early without a word would
 * say that a batch is not there, and it would land twice.
 */
const always: Settings = {
  // It is our signal that ends a statement, not a limit for people's queries.
  max_execution_time: 0,
  max_query_size: 262_144,
};

/** What every server knows, before it was asked what it knows; the last is of its HTTP interface alone. */
export const everywhere: ReadonlySet<string> = new Set([
  'max_execution_time',
  'max_query_size',
  'max_result_rows',
  'max_result_bytes',
  'max_rows_to_read',
  'max_bytes_to_read',
  'wait_end_of_query',
]);

/** Of every SELECT: all rows, of the table as it is now, and an error as an error. */
export const reading: Settings = {
  ...always,
  limit: 0,
  offset: 0,
  max_result_rows: 0,
  max_result_bytes: 0,
  max_rows_to_read: 0,
  max_bytes_to_read: 0,
  max_rows_in_set: 0,
  max_bytes_in_set: 0,
  timeout_overflow_mode: 'throw',
  additional_table_filters: '{}',
  additional_result_filter: '',
  filter: '',
  use_query_cache: 0,
  force_primary_key: 0,
  extremes: 0,
  // Else an error in the middle would look like one more line, or like the end. The server keeps what is
  // large on its disk meanwhile.
  wait_end_of_query: 1,
  http_write_exception_in_output_format: 0,
};

/** Of an INSERT: one block, stored before it is answered, and told apart from others by its token. */
export function writing(token: string | undefined): Settings {
  return {
    ...always,
    insert_deduplicate: 1,
    deduplicate_insert: 'enable',
    // Without it blocks are told apart by their contents, so not where a further column has DEFAULT now().
    ...(token !== undefined && { insert_deduplication_token: token }),
    async_insert: 0,
    // It would divide the block.
    use_strict_insert_block_limits: 0,
    throw_if_no_data_to_insert: 0,
  };
}
