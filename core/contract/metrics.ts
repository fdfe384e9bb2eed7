import { Counter, Gauge, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';

export type MetricsJson = MetricObjectWithValues<MetricValue<string>>[];

export type Labels = Readonly<Record<string, string>>;

export interface Count {
  add(amount: number, labels?: Labels): void;
}

export interface Level {
  set(value: number, labels?: Labels): void;
  /** Forget one set of labels, so that it is not reported any more. */
  remove(labels: Labels): void;
}

/** Numbers for Prometheus. Asking twice for a name gives the same metric. */
export interface Metrics {
  /** Something that only grows; the name ends in `_total`. */
  counter(name: string, help: string, labels?: readonly string[]): Count;
  /** @param over how the values of several processes become one: their sum unless it says otherwise */
  gauge(name: string, help: string, labels?: readonly string[], over?: 'sum' | 'max'): Level;
  /** The same metrics, with further labels on every value. */
  labelled(labels: Labels): Metrics;
  /** Everything, as prom-client aggregates it over processes. */
  json(): Promise<MetricsJson>;
}

/** Metrics in prom-client's registry of this process; fixed labels go with every value. */
export class ProcessMetrics implements Metrics {
  readonly #registry: Registry;
  readonly #fixed: Labels;

  constructor(registry: Registry = new Registry(), fixed: Labels = {}) {
    this.#registry = registry;
    this.#fixed = fixed;
  }

  counter(name: string, help: string, labels: readonly string[] = []): Count {
    const labelNames = [...Object.keys(this.#fixed), ...labels];
    const metric =
      (this.#registry.getSingleMetric(name) as Counter | undefined) ??
      new Counter({ name, help, labelNames, registers: [this.#registry] });
    return { add: (amount, values) => metric.inc({ ...this.#fixed, ...values }, amount) };
  }

  gauge(name: string, help: string, labels: readonly string[] = [], over: 'sum' | 'max' = 'sum'): Level {
    const labelNames = [...Object.keys(this.#fixed), ...labels];
    const metric =
      (this.#registry.getSingleMetric(name) as Gauge | undefined) ??
      new Gauge({ name, help, labelNames, registers: [this.#registry], aggregator: over });
    return {
      set: (value, values) => metric.set({ ...this.#fixed, ...values }, value),
      remove: (values) => metric.remove({ ...this.#fixed, ...values }),
    };
  }

  labelled(labels: Labels): ProcessMetrics {
    return new ProcessMetrics(this.#registry, { ...this.#fixed, ...labels });
  }

  json(): Promise<MetricsJson> {
    return this.#registry.getMetricsAsJSON();
  }
}
