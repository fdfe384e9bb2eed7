/** Something that takes webhooks in and lands them in Postgres, set up as its users are told to. */
export interface Peer {
  readonly name: string;
  /** With what was left out of the build, or put in. */
  readonly version: string;
  /** What its answer waits for, by its source. */
  readonly waitsFor: string;
  /** Whether what it has answered is meant to survive its death. */
  readonly durable: boolean;
  /** Where the bodies land. */
  readonly table: string;
  readonly column: string;
  /** Makes what it needs, unless it is there from an earlier run. */
  install(): Promise<void>;
  /** Starts it on an empty database. */
  start(databaseUrl: string): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** Where it takes a POST. */
  readonly url: string;
  /** As it stands in its file. */
  readonly configuration: string;
  /** SIGKILL, to all of its processes at once. */
  kill(): Promise<void>;
  /** After `kill`: with the same configuration, on what is left on its disk. */
  restart(): Promise<void>;
  /** Ends it and removes its files. */
  destroy(): Promise<void>;
}
