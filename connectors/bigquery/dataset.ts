import { ConfigError, expectLowerCase, RetryableError } from 'hookline/plugin';
import type { Permission } from './grants.js';
import { checkName, ledgerName } from './name.js';
import { type BigqueryOptions, isAnonymous } from './options.js';
import type { Service } from './service.js';
import {
  chartColumns,
  chartTable,
  hasOrigins,
  ledgerColumns,
  ledgerTable,
  misfit,
  type Table,
  withOrigins,
} from './table.js';

interface DatasetResource {
  readonly location?: string;
  readonly isCaseInsensitive?: boolean;
}

/** How long BigQuery's parts may take to hear of a new table. Milliseconds. */
const rumour = 600_000;

/** A dataset of the user's, in which tables are made when they are missing and never altered. */
export class Dataset {
  readonly #options: BigqueryOptions;
  readonly #service: Service;
  /** When we have made a table, by its name. */
  readonly #made = new Map<string, number>();
  #location: string | undefined;
  #foldsNames = false;

  constructor(options: BigqueryOptions, service: Service) {
    this.#options = options;
    this.#service = service;
  }

  /** Where its jobs run. Known once it is open. */
  get location(): string {
    if (this.#location === undefined) throw new RetryableError('it is not open');
    return this.#location;
  }

  /** Finds the dataset, or makes it where that is wanted. */
  async open(signal: AbortSignal): Promise<void> {
    const { createDataset, location } = this.#options;
    const found =
      (await this.#find(signal)) ??
      (createDataset ? await this.#create(signal) : undefined) ??
      (await this.#find(signal));
    if (found === undefined) throw new ConfigError(this.#missing);
    if (location !== undefined && found.location?.toLowerCase() !== location.toLowerCase()) {
      throw new ConfigError(
        `dataset ${this.#name} is in ${found.location}, not in ${location}: correct \`location\`, or leave it out`,
      );
    }
    this.#location = found.location ?? location ?? 'US';
    this.#foldsNames = found.isCaseInsensitive === true;
  }

  /** Makes the table, and what goes with it, where they are missing. */
  async ensureTable(table: string, withLedger: boolean, signal: AbortSignal): Promise<void> {
    checkName(table);
    const there = await this.fits(table, signal);
    if (withLedger) await this.#ensure(ledgerName, ledgerTable(this.#options), signal);
    if (there === undefined) await this.#ensure(table, chartTable(this.#options), signal);
  }

  /** Whether the ledger has columns for where a batch is from. */
  async notesOrigins(signal: AbortSignal): Promise<boolean> {
    const ledger = await this.fits(ledgerName, signal);
    return ledger !== undefined && hasOrigins(ledger);
  }

  /** Adds to a ledger of before the columns for that. */
  async addOrigins(signal: AbortSignal): Promise<void> {
    const ledger = await this.fits(ledgerName, signal);
    if (ledger === undefined) return;
    const call = {
      doing: 'adding columns',
      permission: 'bigquery.tables.update',
      method: 'PATCH',
      path: `/datasets/${this.#options.dataset}/tables/${ledgerName}`,
      body: withOrigins(ledger),
    } as const;
    await this.#service.call(call, signal);
  }

  /** The table, when it is there. @throws ConfigError when it has another shape */
  async fits(table: string, signal: AbortSignal): Promise<Table | undefined> {
    if (this.#foldsNames) expectLowerCase(table);
    const found = await this.#service.callUnless<Table>(
      404,
      {
        doing: `looking at table ${table}`,
        permission: 'bigquery.tables.get',
        method: 'GET',
        path: `/datasets/${this.#options.dataset}/tables/${encodeURIComponent(table)}`,
      },
      signal,
    );
    if (found === undefined) return undefined;
    const fault = misfit(found, table === ledgerName ? ledgerColumns : chartColumns);
    if (fault === undefined) return found;
    throw new ConfigError(
      `${this.#name}.${table} has another shape and is left as it is: ${fault}. Rename it, or choose another table`,
    );
  }

  /** Proves that rows could go into the table: that they may, where it is there, or that it may be made. */
  async checkTable(table: string, signal: AbortSignal): Promise<Table | undefined> {
    const found = await this.fits(table, signal);
    if (found === undefined) await this.#mayCreate(table, signal);
    else if (!isAnonymous(this.#options)) await this.#mayWrite(table, signal);
    return found;
  }

  /** Whether BigQuery may not have heard yet of a table that we have made. */
  isNew(table: string): boolean {
    return Date.now() - (this.#made.get(table) ?? Number.NEGATIVE_INFINITY) < rumour;
  }

  /** A table as the Write API names it. */
  path(table: string): string {
    return `projects/${this.#service.project}/datasets/${this.#options.dataset}/tables/${table}`;
  }

  get #name(): string {
    return `${this.#service.project}.${this.#options.dataset}`;
  }

  get #missing(): string {
    const { project } = this.#service;
    const { dataset, location } = this.#options;
    const where = location ?? 'EU';
    return `there is no dataset ${this.#name}; run: bq --location=${where} mk --dataset ${project}:${dataset} (or set createDataset: true)`;
  }

  async #find(signal: AbortSignal): Promise<DatasetResource | undefined> {
    const call = {
      doing: `looking at dataset ${this.#options.dataset}`,
      permission: 'bigquery.datasets.get',
      method: 'GET',
      path: `/datasets/${this.#options.dataset}`,
    } as const;
    return await this.#service.callUnless<DatasetResource>(404, call, signal);
  }

  /** `undefined` when somebody else has made it meanwhile. */
  async #create(signal: AbortSignal): Promise<DatasetResource | undefined> {
    const { dataset, location, labels } = this.#options;
    const call = {
      doing: `making dataset ${dataset}`,
      permission: 'bigquery.datasets.create',
      method: 'POST',
      path: '/datasets',
      body: {
        datasetReference: { projectId: this.#service.project, datasetId: dataset },
        ...(location !== undefined && { location }),
        labels,
      },
    } as const;
    const made = await this.#service.callUnless<DatasetResource>(409, call, signal);
    return made?.location === undefined ? undefined : made;
  }

  async #ensure(table: string, resource: object, signal: AbortSignal): Promise<void> {
    if ((await this.fits(table, signal)) !== undefined) return;
    const { dataset } = this.#options;
    const reference = { projectId: this.#service.project, datasetId: dataset, tableId: table };
    const call = {
      doing: `making table ${table}`,
      permission: 'bigquery.tables.create',
      method: 'POST',
      path: `/datasets/${dataset}/tables`,
      body: { tableReference: reference, ...resource },
    } as const;
    try {
      const made = await this.#service.callUnless(409, call, signal);
      if (made !== undefined) this.#made.set(table, Date.now());
    } catch (error) {
      // Of two that make it at once, one may be told whatever.
      if ((await this.fits(table, signal)) !== undefined) return;
      throw error;
    }
    if ((await this.fits(table, signal)) !== undefined) return;
    throw new RetryableError(`table ${table} was dropped as it was made`);
  }

  async #mayWrite(table: string, signal: AbortSignal): Promise<void> {
    const wanted: Permission[] = ['bigquery.tables.updateData', 'bigquery.tables.getData'];
    const { permissions = [] } = await this.#service.call<{ readonly permissions?: readonly string[] }>(
      {
        doing: `checking the rights on table ${table}`,
        permission: 'bigquery.tables.get',
        method: 'POST',
        path: `/datasets/${this.#options.dataset}/tables/${encodeURIComponent(table)}:testIamPermissions`,
        body: { permissions: wanted },
      },
      signal,
    );
    const missing = wanted.find((permission) => !permissions.includes(permission));
    if (missing === undefined) return;
    const advice = this.#service.advice(missing);
    throw new ConfigError(`no right to write to ${this.#name}.${table}; ${advice}`);
  }

  /** A dry run of a statement is refused like the statement, and does nothing. */
  async #mayCreate(table: string, signal: AbortSignal): Promise<void> {
    if (isAnonymous(this.#options)) return;
    const name = `\`${this.#service.project}\`.\`${this.#options.dataset}\`.\`${table}\``;
    await this.#service.call(
      {
        doing: `checking whether table ${table} could be made`,
        permission: 'bigquery.tables.create',
        method: 'POST',
        path: '/queries',
        body: {
          query: `CREATE TABLE ${name} (probe STRING)`,
          useLegacySql: false,
          dryRun: true,
          location: this.location,
        },
      },
      signal,
    );
  }
}
