import { type DestinationLimits, destinationClaims } from 'hookline/conformance';
import { type Emulator, TestBigquery } from '../support/bigquery.js';
import { bigquerySubject } from '../support/bigquery-subject.js';

/** Building the emulator in Go takes minutes the first time. */
const installation = 900_000;

/** gRPC's libraries take 4 MB unless they are told otherwise, which neither emulator is. */
const requestBytes = 3_500_000;
const MiB = 1024 ** 2;

const gated = 'behind a gate that keeps job ids and commits unique';
const suites: readonly {
  readonly title: string;
  readonly emulator: Emulator;
  readonly options: object;
  readonly limits: DestinationLimits;
  /** A claim that it cannot show, by its own fault. */
  readonly lacks?: string;
}[] = [
  {
    title: `by storage-write, on goccy/bigquery-emulator ${gated}`,
    emulator: 'goccy',
    // It has no partitions.
    options: { requestBytes, table: { partition: 'none' } },
    // The largest bodies go by load jobs.
    limits: { body: 10 * MiB, rows: 50_000, bytes: 32 * MiB, killed: 200 },
  },
  {
    title: `by load-job, on goccy/bigquery-emulator ${gated}`,
    emulator: 'goccy',
    options: { method: 'load-job', table: { partition: 'none' } },
    limits: { body: 10 * MiB, rows: 50_000, bytes: 32 * MiB, killed: 200 },
  },
  {
    title: `by storage-write, on bigquery-local ${gated}`,
    emulator: 'local',
    options: { requestBytes, table: { cluster: ['__kdd_requester_key'] }, labels: { team: 'hooks' } },
    // It inserts a row at a time, and takes no load jobs.
    limits: { body: 3 * MiB, rows: 200, bytes: 16 * MiB, killed: 50, listed: 600 },
    // It reads 1.7976931348623157e308 back as 0; goccy's has them all.
    lacks: 'keeps every float64 timestamp bit for bit',
  },
];

for (const { title, emulator, options, limits, lacks } of suites) {
  describe(`the bigquery destination ${title}`, () => {
    let server: TestBigquery;

    before(async function () {
      this.timeout(installation);
      server = await TestBigquery.start(emulator);
    });
    beforeEach(() => server.renew(['hooks']));
    after(() => server.destroy());

    for (const claim of destinationClaims(bigquerySubject(() => server, 'hooks', options, limits))) {
      if (claim.name !== lacks) it(claim.name, claim.run).timeout(300_000);
    }
  });
}
